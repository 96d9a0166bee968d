"""What all tests share."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ecosystem import running_ecosystem
from peers import Peers, create_authority
from tools import NODE_FOLDER, need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecosystem import Ecosystem
    from peers import Authority


# Files whose tests look at what is made once, at some expense.
TOGETHER = ("bad_input", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, or of a folder that shares what it makes, in one worker."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path)))


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
