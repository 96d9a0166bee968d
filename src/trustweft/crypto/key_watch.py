"""Keeps one process's signing keys up to date: with the files that commands write, and with the clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.crypto.keyring import KeyRing
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["INTERVAL", "KeyWatch"]

INTERVAL: Final = 0.5  # our choice: a rotation is seen at once, and a look takes some microseconds


class KeyWatch:
    """A task in the background: ``asyncio.create_task(watch.run())``, cancelled to stop it.

    Args:
        keys: what requests sign and verify with.
        clock: says when keys begin and cease to sign.
        observer: hears of each key that became something else, and of files that cannot be used.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        clock: Clock,
        observer: Observer,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._observer = observer
        self._pause = pause
        self._problem = ""

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.look()
            await self._pause(self._until_next_look())

    def _until_next_look(self) -> float:
        """Return no more than until the next change: all processes then begin to use a key at the same moment."""
        if self._problem:
            return INTERVAL  # the change that is due may be what cannot be made
        return min(INTERVAL, max(0.0, self._keys.changes_at - self._clock.now()))

    def look(self) -> None:
        """Come up to date. Files that cannot be used are told once; what was read before goes on by the clock."""
        now = self._clock.now()
        problem = self._attempt(self._keys.read_again)
        problem = self._attempt(lambda: self._turn_to(now)) or problem
        problem = self._attempt(lambda: self._keys.erase_spent(now)) or problem
        if problem is not None and str(problem) != self._problem:
            self._observer.failed("server", "signing-keys", problem)
        self._problem = "" if problem is None else str(problem)

    def _attempt(self, step: Callable[[], None]) -> Exception | None:
        try:
            step()
        except (KeyFileError, OSError) as cause:
            return cause
        return None

    def _turn_to(self, now: float) -> None:
        for change in self._keys.turn_to(now):
            self._observer.happened(
                "server",
                "signing key changed",
                key_id=change.key_id,
                algorithm=change.algorithm,
                before="unknown" if change.before is None else change.before.value,
                after=change.after.value,
            )
