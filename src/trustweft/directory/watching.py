"""The running directory's eye on its register: what is new goes to readers, participants and the evidence log.

Whoever changes the register, in this process or another, tells nobody else: the register is read every tenth of a
second, which costs one look into an index where nothing happened.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.directory.delivery import Deliveries
    from trustweft.directory.feed import Feed
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.ledger import Ledger
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["DATES_INTERVAL", "INTERVAL", "RegisterWatch"]

INTERVAL: Final = 0.1  # seconds: what an order may be late by, of the five that participants have to refuse
MAXIMUM_BLIND: Final = 10.0  # seconds; our choice: an order is in force within five of being seen
DATES_INTERVAL: Final = 5.0  # our choice: between two looks at what runs out, which goes through everything
EVIDENCE_PAUSE: Final = (
    1.0  # our choice: after evidence could not be written; finding out where it stands takes time
)

BLIND = reason(
    "directory.blind",
    error="temporarily_unavailable",
    public="The directory cannot read its register at this time.",
    status=503,
)


class RegisterWatch:
    """A task in the background.

    Args:
        keeper: reads the register.
        feed: wakes readers.
        deliveries: tells participants.
        ledger: keeps evidence.
        clock: tells the time.
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
        clock: Clock,
        observer: Observer,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keeper = keeper
        self._feed = feed
        self._deliveries = deliveries
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._pause = pause
        self._revision = -1
        self._failing: dict[str, str] = {}  # what was told of each step that fails
        self._blind_since: float | None = None
        self._logging = asyncio.Lock()  # what happened is logged once

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as side_by_side:
            # Side by side: an order waits neither for a slow disk nor for a thousand certificates that run out today.
            side_by_side.create_task(self._follow())
            side_by_side.create_task(self._keep_evidence())
            side_by_side.create_task(self._keep_dates())

    async def _follow(self) -> None:
        while True:
            await self._attempt("register", self._pass_on)
            await self._pause(INTERVAL)

    async def _keep_evidence(self) -> None:
        while True:
            kept = await self._attempt("evidence", self._log)
            await self._pause(INTERVAL if kept else EVIDENCE_PAUSE)

    async def _keep_dates(self) -> None:
        while True:
            await self._attempt("dates", self._keeper.keep_dates)
            await self._pause(DATES_INTERVAL)

    async def look(self) -> None:
        """Take in what is new, and pass it on: in force first, in evidence then.

        Raises:
            Reject: ``store.unavailable``.
            EvidenceFileError: something is not in the log yet.
        """
        await self._pass_on()
        await self._log()

    async def _pass_on(self) -> None:
        try:
            register = await self._keeper.read()
        except Exception:  # whatever it is: nobody knows what is so now
            if self._blind_since is None:
                self._blind_since = self._clock.now()
            raise
        self._blind_since = None
        self._deliveries.look()
        if register.now.revision != self._revision:
            self._revision = register.now.revision
            self._feed.notify()

    async def _log(self) -> None:
        async with self._logging:
            await self._ledger.keep_up(self._keeper.register)

    def check_sees(self) -> None:
        """Refuse while the register cannot be read: what is signed now would pass for what is so now.

        Raises:
            Reject: ``directory.blind``, with when to ask again.
        """
        if self._blind_since is not None and self._clock.now() - self._blind_since > MAXIMUM_BLIND:
            raise BLIND.reject(headers=(("retry-after", "5"),))

    async def look_now(self) -> None:
        """Look without waiting for the next time; what fails is tried again then."""
        await self._attempt("look", self.look)

    async def _attempt(self, name: str, step: Callable[[], Awaitable[object]]) -> bool:
        """Do something that may fail for a while: that is told, and tried again. Nothing else ends the watch."""
        try:
            await step()
        except asyncio.CancelledError as cause:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._tell(name, cause)  # something that it waited for was cancelled, and not the watch
            return False
        except Exception as cause:  # noqa: BLE001  # a directory that sees nothing any more would stop nobody
            self._tell(name, cause)
            return False
        self._failing.pop(name, None)
        return True

    def _tell(self, name: str, cause: BaseException) -> None:
        """Tell of a failure, once."""
        if repr(cause) != self._failing.get(name):
            self._failing[name] = repr(cause)
            self._observer.failed("directory", "register", cause)
