"""The reaper as a task: bounded rounds, pauses in between, and no end until it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from contract.samples import LATER, NOW
from trustweft.runtime.clock import ManualClock
from trustweft.server.records import Freshness
from trustweft.store.memory import MemoryStore
from trustweft.store.reaper import BUSY_PAUSE, IDLE_PAUSE, ROWS_AT_ONCE, Reaper
from trustweft.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.runtime.errors import Reject
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


class Rounds:
    """Counts the pauses, and ends the reaper at the last one."""

    def __init__(self, number: int) -> None:
        self.pauses: list[float] = []
        self.backlogs: list[int] = []
        self.failures: list[Reject] = []
        self._number = number

    async def pause(self, seconds: float) -> None:
        """Note the pause, and end at the last one."""
        self.pauses.append(seconds)
        if len(self.pauses) == self._number:
            raise asyncio.CancelledError

    async def watch(self, store: ServerStore, clock: ManualClock) -> None:
        """Let a reaper run until the last pause."""
        reaper = Reaper(
            store,
            clock=clock,
            on_backlog=self.backlogs.append,
            on_failure=self.failures.append,
            pause=self.pause,
        )
        with pytest.raises(asyncio.CancelledError):
            await reaper.run()


async def test_a_backlog_is_worked_off_in_bounded_rounds(store: ServerStore) -> None:
    """It pauses shortly between rounds while rows wait, tells how many, and longer once there are none."""
    rows = 2 * ROWS_AT_ONCE + 1
    pending = [store.remember_jti(space="a", key=b"%d" % row, expires_at=LATER) for row in range(rows)]
    await asyncio.gather(*pending)
    rounds = Rounds(4)
    await rounds.watch(store, ManualClock(LATER))
    assert rounds.backlogs == [ROWS_AT_ONCE + 1, 1, 0, 0]
    assert rounds.pauses == [BUSY_PAUSE, BUSY_PAUSE, IDLE_PAUSE, IDLE_PAUSE]
    assert rounds.failures == []


async def test_what_lives_is_left_alone(store: ServerStore) -> None:
    """Before its time a row survives every round."""
    await store.remember_jti(space="a", key=b"1", expires_at=LATER)
    await Rounds(2).watch(store, ManualClock(NOW))
    assert await store.remember_jti(space="a", key=b"1", expires_at=LATER) is Freshness.REPLAYED


async def test_a_store_that_is_away_does_not_end_the_reaper(path: Path) -> None:
    """It tells of the failure and comes back later."""
    store = SqliteStore.open(path)
    await store.close()
    rounds = Rounds(2)
    await rounds.watch(store, ManualClock(NOW))
    assert [failure.reason.id for failure in rounds.failures] == ["store.unavailable"] * 2
    assert rounds.pauses == [IDLE_PAUSE, IDLE_PAUSE]
    assert rounds.backlogs == []


async def test_the_reaper_pauses_by_itself_and_ends_when_cancelled() -> None:
    """As a task of a running server it waits in the event loop."""
    told: list[int] = []
    heard = asyncio.Event()

    def on_backlog(backlog: int) -> None:
        told.append(backlog)
        heard.set()

    reaper = Reaper(MemoryStore(), clock=ManualClock(NOW), on_backlog=on_backlog, on_failure=print)
    task = asyncio.create_task(reaper.run())
    await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [0]
