"""The stores that the contract is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trustweft.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trustweft.server.storage import ServerStore


@pytest.fixture(params=["memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ServerStore]:
    """An empty store of each kind."""
    opened = MemoryStore()
    yield opened
    await opened.close()
