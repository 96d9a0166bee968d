"""Of N concurrent callers exactly one wins, whichever operation decides."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from contract.deciding import DECIDING
from contract.samples import LATER, all_of

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio

CALLERS = 20


@pytest.mark.parametrize("operation", DECIDING)
async def test_one_of_many_tasks_wins(store: ServerStore, operation: str) -> None:
    """Twenty tasks of one process."""
    deciding = DECIDING[operation]
    await deciding.prepare(store)

    async def caller(number: int) -> object:
        return await deciding.call(store, number)

    outcomes = await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    assert outcomes.count(deciding.won) == 1
    assert outcomes.count(deciding.lost) == CALLERS - 1


@pytest.mark.parametrize("operation", DECIDING)
async def test_one_of_many_operations_called_at_once_wins(store: ServerStore, operation: str) -> None:
    """All operations are called before the first is awaited, so that they share one commit."""
    deciding = DECIDING[operation]
    await deciding.prepare(store)
    outcomes = await all_of(deciding.call(store, number) for number in range(CALLERS))
    assert outcomes == [deciding.won, *[deciding.lost] * (CALLERS - 1)]


async def test_no_attempt_is_lost_in_a_race(store: ServerStore) -> None:
    """Each of twenty callers is told a different number."""
    counts = await all_of(store.count_attempt(b"alice", window_ends=LATER) for _ in range(CALLERS))
    assert sorted(counts) == list(range(1, CALLERS + 1))
