"""What all tests share."""

from __future__ import annotations

import gc
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from ecosystem import running_ecosystem
from peers import Peers, create_authority
from tools import NODE_FOLDER, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem
    from peers import Authority


# Folders whose files look at what is made once, at some expense.
TOGETHER = ("tests/bad_input/", "tests/browser/")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist says nothing of its types
    """Gives a worker whole files, or whole folders where their files share what they make."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Say how tests are dealt out to workers."""
    return ByFile(config, log)


def pytest_collection_finish() -> None:
    """Leave what collecting made to itself: looking through it again and again costs a tenth of all time."""
    gc.collect()
    gc.freeze()


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
