"""What the directory asks of whoever keeps its events: an order that nobody can cut into, and nothing ever lost."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from trustweft.directory.events import Event

__all__ = ["Append", "RegisterStore", "ReplayMemory"]


class Append(Enum):
    """What became of events that somebody wanted to add."""

    DONE = "done"  # all of them are durable
    BEHIND = "behind"  # somebody else was first: none of them is there


class RegisterStore(Protocol):
    """Keeps events; what it acknowledged is there after any crash, and nothing is ever taken out."""

    def append(self, events: Sequence[Event], *, expected: int) -> Awaitable[Append]:
        """Add events right after the one with sequence ``expected``, all or none.

        Of N concurrent callers with one ``expected`` exactly one is told ``DONE``. ``events`` are at least one, and
        their sequences follow ``expected`` without a gap.

        Raises:
            Reject: ``store.unavailable``: none of them is there.
            ValueError: the sequences do not follow.
        """
        ...

    def since(self, sequence: int, *, limit: int) -> Awaitable[tuple[Event, ...]]:
        """Return up to ``limit`` events that come after ``sequence``, in their order.

        Raises:
            Reject: ``store.unavailable``.
        """
        ...

    async def close(self) -> None:
        """Carry out what was asked for, and let the store go."""
        ...


class ReplayMemory(Protocol):
    """Remembers what may be shown once, also after a restart."""

    def first_use(self, *, key: bytes, expires_at: float) -> Awaitable[bool]:
        """Remember ``key``; True for exactly one of N concurrent callers.

        Raises:
            Reject: it cannot be remembered now.
        """
        ...
