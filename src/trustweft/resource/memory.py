"""A replay memory in one process, for a resource server that is alone; several workers need a shared one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.oauth import TEMPORARILY_UNAVAILABLE
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.runtime.clock import Clock

__all__ = ["MemoryReplays"]

MAXIMUM_PROOFS: Final = (
    262_144  # our choice: about 30 MB, 1,400 requests a second over twice the life of a proof
)
_RETRY_AFTER: Final = "5"

FULL = reason(
    "guard.replay-memory-full",
    error=TEMPORARILY_UNAVAILABLE,
    public="Too many requests at this time.",
    status=503,
)


class MemoryReplays:
    """Remembers used proofs in two sets, the older of which is dropped when all of it has expired.

    It forgets nothing that could still be replayed: when it is full, it refuses.
    """

    __slots__ = ("_clock", "_maximum", "_new", "_new_until", "_old", "_old_until")

    def __init__(self, *, clock: Clock, maximum: int = MAXIMUM_PROOFS) -> None:
        self._clock = clock
        self._maximum = maximum
        self._old: set[bytes] = set()
        self._old_until = 0.0  # when the last of them expires
        self._new: set[bytes] = set()
        self._new_until = 0.0

    async def first_use(self, *, key: bytes, expires_at: float) -> bool:
        """Remember ``key``; True for exactly one caller.

        Raises:
            Reject: ``guard.replay-memory-full``.
        """
        if self._clock.now() >= self._old_until:
            self._old, self._old_until = self._new, self._new_until
            self._new, self._new_until = set(), 0.0
        if key in self._new or key in self._old:
            return False
        if len(self._new) + len(self._old) >= self._maximum:
            raise FULL.reject(headers=(("retry-after", _RETRY_AFTER),))
        self._new.add(key)
        self._new_until = max(self._new_until, expires_at)
        return True
