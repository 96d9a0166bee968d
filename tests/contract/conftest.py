"""The stores that the contract is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trustweft.store.memory import MemoryStore
from trustweft.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.server.storage import ServerStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store's file goes; there is none yet."""
    return tmp_path / "data" / "store.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[ServerStore]:
    """An empty store of each kind."""
    opened: MemoryStore | SqliteStore = (
        MemoryStore() if request.param == "memory" else SqliteStore.open(path, busy_timeout=10)
    )
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store on SQLite."""
    async with SqliteStore.open(path, busy_timeout=10) as opened:
        yield opened
