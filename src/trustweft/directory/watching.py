"""The running directory's eye on its register: what is new goes to readers, participants and the evidence log.

Whoever changes the register, in this process or another, tells nobody else: the register is read every tenth of a
second, which costs one look into an index where nothing happened.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.directory.delivery import Deliveries
    from trustweft.directory.feed import Feed
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.ledger import Ledger
    from trustweft.runtime.observability import Observer

__all__ = ["DATES_INTERVAL", "INTERVAL", "RegisterWatch"]

INTERVAL: Final = 0.1  # seconds: what an order may be late by, of the five that participants have to refuse
DATES_INTERVAL: Final = 5.0  # our choice: between two looks at what runs out, which goes through everything


class RegisterWatch:
    """A task in the background.

    Args:
        keeper: reads the register.
        feed: wakes readers.
        deliveries: tells participants.
        ledger: keeps evidence.
        observer: hears of what fails.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        *,
        keeper: Keeper,
        feed: Feed,
        deliveries: Deliveries,
        ledger: Ledger,
        observer: Observer,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keeper = keeper
        self._feed = feed
        self._deliveries = deliveries
        self._ledger = ledger
        self._observer = observer
        self._pause = pause
        self._revision = -1
        self._failing = ""
        self._looking = asyncio.Lock()  # what happened is logged once

    async def run(self) -> None:
        """Watch until cancelled."""
        looks = 0
        while True:
            if looks % round(DATES_INTERVAL / INTERVAL) == 0:
                await self._attempt(self._keeper.keep_dates)
            await self._attempt(self.look)
            looks += 1
            await self._pause(INTERVAL)

    async def look(self) -> None:
        """Take in what is new, and pass it on: in force first, in evidence then.

        Raises:
            Reject: ``store.unavailable``.
            EvidenceFileError: something is not in the log yet.
        """
        async with self._looking:
            register = await self._keeper.read()
            self._deliveries.look()
            if register.now.revision != self._revision:
                self._revision = register.now.revision
                self._feed.notify()
            await self._ledger.keep_up(register)

    async def look_now(self) -> None:
        """Look without waiting for the next time; what fails is tried again then."""
        await self._attempt(self.look)

    async def _attempt(self, step: Callable[[], Awaitable[object]]) -> None:
        """Do something that may fail for a while: that is told, and tried again. Nothing ends the watch."""
        try:
            await step()
        except Exception as cause:  # noqa: BLE001  # a directory that sees nothing any more would stop nobody
            if str(cause) != self._failing:
                self._failing = str(cause)
                self._observer.failed("directory", "register", cause)
        else:
            self._failing = ""
