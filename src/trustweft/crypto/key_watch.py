"""Keeps one process's signing keys up to date, with the files that commands write and with the clock, and not too old."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from trustweft.crypto.key_rotation import KeyStateError, retire, rotate
from trustweft.crypto.key_states import PUBLISHED, KeyState
from trustweft.crypto.keys import thumbprint
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Mapping

    from trustweft.crypto.key_states import KeyRecord
    from trustweft.crypto.keyring import KeyRing
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["INTERVAL", "ROTATE_AFTER_DAYS", "KeyWatch"]

ROTATE_AFTER_DAYS: Final = 30  # our choice: a key that was stolen unseen is of use for a month at most
# It was retired by somebody else meanwhile, or begins to sign in a moment and goes after that.
_LATER: Final = frozenset({"keys.retired", "keys.about-to-sign"})
INTERVAL: Final = 0.5  # our choice: a rotation is seen at once, and a look takes some microseconds


class KeyWatch:
    """A task in the background: ``asyncio.create_task(watch.run())``, cancelled to stop it.

    Args:
        keys: what requests sign and verify with.
        clock: says when keys begin and cease to sign.
        observer: hears of each key that became something else, and of files that cannot be used.
        participant: whose keys they are, for the observer.
        rotate_after: seconds after which a key that signs gets a successor; with several processes one of them makes it.
        ended: says which keys nobody believes any more, by their thumbprints, and whether they are compromised. They are
            given up as soon as this process, which alone signs then, hears of it.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        clock: Clock,
        observer: Observer,
        participant: str = "server",
        rotate_after: float = math.inf,
        ended: Callable[[], Mapping[str, bool]] = dict,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._observer = observer
        self._participant = participant
        self._rotate_after = rotate_after
        self._ended = ended
        self._pause = pause
        self._problem = ""
        self._problem_with_ended = ""
        self._giving_up = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.give_up_ended()
            self.look()
            await self._rotate_old()
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
        if problem is None:
            self._problem = ""
        else:
            self._tell(problem)

    async def give_up_ended(self) -> None:
        """Give up the keys that have ended, and sign with others from now on. What cannot be done is told, and tried again."""
        async with self._giving_up:
            found, problem = self._still_kept(), ""
            for record, compromised in found:
                try:
                    # In a thread: an RSA key takes a while.
                    await asyncio.to_thread(
                        retire,
                        self._keys.directory,
                        record.key_id,
                        compromised=compromised,
                        at_once=True,
                        now=self._clock.now(),
                    )
                except BlockingIOError:
                    continue  # a command is writing
                except (KeyStateError, KeyFileError, OSError) as cause:
                    if isinstance(cause, KeyStateError) and cause.reason in _LATER:
                        continue
                    problem = str(cause)
                    if problem != self._problem_with_ended:
                        self._observer.failed(self._participant, "ended-keys", cause)
            self._problem_with_ended = problem
            if found:
                self.look()

    async def have_given_up(self, thumbprints: Container[str]) -> None:
        """Give up the keys that have ended, and make sure of these; those of others are nothing to us.

        Raises:
            OSError: one of them still signs, or will.
        """
        await self.give_up_ended()
        if any(thumbprint(record.public_key) in thumbprints for record, _ in self._still_kept()):
            raise BlockingIOError("a key that has ended could not be given up yet")

    def _still_kept(self) -> list[tuple[KeyRecord, bool]]:
        """Return the keys that are published though they have ended, each with whether it is compromised."""
        ended = self._ended()
        if not ended:  # nearly always
            return []
        kept = [each.record for each in self._keys.statuses if each.state in PUBLISHED]
        return [(record, ended[name]) for record in kept if (name := thumbprint(record.public_key)) in ended]

    async def _rotate_old(self) -> None:
        """Publish a successor for each key that has signed for long enough (FAPI 2.0 SP section 6.8)."""
        now = self._clock.now()
        for algorithm in self._old(now):
            try:
                # In a thread: a command may hold the lock of the directory, and an RSA key takes a while.
                await asyncio.to_thread(rotate, self._keys.directory, algorithm=algorithm, now=now)
            except KeyStateError:
                continue  # another process was first
            except (KeyFileError, OSError) as cause:
                self._tell(cause)

    def _old(self, now: float) -> list[str]:
        waiting = {each.record.algorithm for each in self._keys.statuses if each.state is KeyState.PENDING}
        return [
            each.record.algorithm
            for each in self._keys.statuses
            if each.state is KeyState.ACTIVE
            and now - each.record.active_from >= self._rotate_after
            and each.record.algorithm not in waiting
        ]

    def _tell(self, problem: Exception) -> None:
        """Tell what cannot be done, once."""
        if str(problem) != self._problem:
            self._observer.failed(self._participant, "signing-keys", problem)
        self._problem = str(problem)

    def _attempt(self, step: Callable[[], None]) -> Exception | None:
        try:
            step()
        except (KeyFileError, OSError) as cause:
            return cause
        return None

    def _turn_to(self, now: float) -> None:
        for change in self._keys.turn_to(now):
            self._observer.happened(
                self._participant,
                "signing key changed",
                key_id=change.key_id,
                algorithm=change.algorithm,
                before="unknown" if change.before is None else change.before.value,
                after=change.after.value,
            )
