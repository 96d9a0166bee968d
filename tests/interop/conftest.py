"""The peers of one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peers import Authority, Peers, create_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A throw-away certificate authority."""
    return create_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def peers(node: str, authority: Authority, tmp_path: Path) -> Iterator[Peers]:
    """Starts scripts, and stops them with the test."""
    started = Peers(node, authority, tmp_path)
    yield started
    started.stop()
