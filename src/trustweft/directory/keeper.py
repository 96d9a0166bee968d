"""The register over a store that several processes may share: commands become durable events, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.directory.deciding import decide
from trustweft.directory.due import due
from trustweft.directory.events import Actor
from trustweft.directory.register import Register
from trustweft.directory.storage import Append
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.directory.commands import Command
    from trustweft.directory.events import Event
    from trustweft.directory.storage import RegisterStore
    from trustweft.directory.terms import Terms
    from trustweft.runtime.clock import Clock

__all__ = ["DIRECTORY", "Keeper"]

BUSY = reason(
    "register.busy",
    error="temporarily_unavailable",
    public="Others change the directory at this moment.",
    status=503,
)

# The directory itself, where a date decides.
DIRECTORY: Final = Actor(id="directory", part="directory")
_PAGE: Final = 1_000
# Our choice: each attempt is lost to somebody else's success only.
_ATTEMPTS: Final = 20


class Keeper:
    """Carries out commands; whoever is told of an event can rely on it.

    Attributes:
        register: the history as far as it was read.

    Args:
        store: where the events are.
        clock: tells when they happen.
        terms: says what the profile asks for, at the moment of each command.
    """

    def __init__(self, store: RegisterStore, *, clock: Clock, terms: Callable[[], Terms]) -> None:
        self.register = Register()
        self._store = store
        self._clock = clock
        self._terms = terms

    async def read(self) -> Register:
        """Take in what other processes added, and return the register.

        Raises:
            Reject: ``store.unavailable``.
        """
        while True:
            page = await self._store.since(self.register.now.sequence, limit=_PAGE)
            # Another task may have taken some of them in while this one waited.
            known = self.register.now.sequence
            self.register.take(event for event in page if event.sequence > known)
            if len(page) < _PAGE:
                return self.register

    async def carry_out(self, command: Command, *, actor: Actor) -> tuple[Event, ...]:
        """Return the events that a command led to, once they are durable.

        Raises:
            Reject: the command is refused, ``store.unavailable``, or ``register.busy`` where others were always faster.
        """
        for _ in range(_ATTEMPTS):
            register = await self.read()
            events = decide(register.now, command, actor=actor, now=self._clock.now(), terms=self._terms())
            expected = register.now.sequence
            if await self._store.append(events, expected=expected) is Append.DONE:
                await self.read()
                return events
        raise BUSY.reject(str(command))

    async def keep_dates(self) -> tuple[Event, ...]:
        """Do what dates ask for by now: what ran out lapses, notices come to their end, what is old is archived.

        Raises:
            Reject: ``store.unavailable``.
        """
        register = await self.read()
        done: list[Event] = []
        for command in due(register.now, now=self._clock.now(), terms=self._terms()):
            try:
                done += await self.carry_out(command, actor=DIRECTORY)
            except Reject as refused:  # somebody did it, or something that leaves no room for it, meanwhile
                if not refused.reason.id.startswith("register."):
                    raise
        return tuple(done)
