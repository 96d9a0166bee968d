"""What all tests share."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ecosystem import running_ecosystem
from tools import NODE_FOLDER, need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecosystem import Ecosystem


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, the only event loop that the server supports."""
    return "asyncio"


@pytest.fixture(scope="session")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecosystem]:
    """One ecosystem for all tests that need a real one; it must stop cleanly in the end."""
    with running_ecosystem(tmp_path_factory.mktemp("ecosystem") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def node() -> str:
    """The Node that package-lock.json brings."""
    need("npm", package="npm")
    done = subprocess.run([NODE_FOLDER / "ensure_node.sh"], check=True, capture_output=True, text=True)
    return done.stdout.strip()
