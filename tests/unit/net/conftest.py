"""Real certificates for real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_tls import LocalTls, make_local_tls

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def local_tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """One local authority for all tests of this folder."""
    directory: Path = tmp_path_factory.mktemp("local-tls")
    return make_local_tls(directory)
