"""Removes what has had its time, little by little, so that no request ever waits for it.

Nothing depends on the reaper for its meaning, only for its size: every operation judges expiry itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.runtime.clock import Clock
    from trustweft.server.storage import ServerStore

__all__ = ["BUSY_PAUSE", "IDLE_PAUSE", "ROWS_AT_ONCE", "Reaper"]

# Our choice: a round of so many rows per kind delays a commit by about a millisecond ...
ROWS_AT_ONCE: Final = 128
# ... and with so many seconds between rounds it removes 5000 a second, more than one process can add.
BUSY_PAUSE: Final = 0.025
IDLE_PAUSE: Final = 5.0


class Reaper:
    """A task in the background: ``asyncio.create_task(reaper.run())``, cancelled to stop it.

    Args:
        store: what is kept small.
        clock: says what has expired.
        on_backlog: is told after every round how many rows still wait: a metric.
        on_failure: is told when the store is unavailable; the reaper tries again later.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        store: ServerStore,
        *,
        clock: Clock,
        on_backlog: Callable[[int], None],
        on_failure: Callable[[Reject], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_backlog = on_backlog
        self._on_failure = on_failure
        self._pause = pause

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            await self._pause(await self._round())

    async def _round(self) -> float:
        now = self._clock.now()
        try:
            await self._store.reap(now=now, limit=ROWS_AT_ONCE)
            backlog = await self._store.backlog(now=now)
        except Reject as unavailable:
            self._on_failure(unavailable)
            return IDLE_PAUSE
        self._on_backlog(backlog)
        return BUSY_PAUSE if backlog else IDLE_PAUSE
