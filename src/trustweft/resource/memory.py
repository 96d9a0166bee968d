"""A replay memory in one process, for a resource server that is alone; several workers need a shared one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from trustweft.protocol.oauth import TEMPORARILY_UNAVAILABLE
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.runtime.clock import Clock

__all__ = ["MemoryReplays"]

MAXIMUM_PROOFS: Final = 262_144  # our choice: about 50 MB, 2,900 requests a second over the life of a proof
_RETRY_AFTER: Final = "5"

FULL = reason(
    "guard.replay-memory-full",
    error=TEMPORARILY_UNAVAILABLE,
    public="Too many requests at this time.",
    status=503,
)


class MemoryReplays:
    """Remembers used proofs in a dictionary, in the order that they came; satisfies ``ReplayMemory``.

    It forgets nothing that could still be replayed: when it is full of those, it refuses.
    """

    __slots__ = ("_clock", "_expiries", "_maximum")

    def __init__(self, *, clock: Clock, maximum: int = MAXIMUM_PROOFS) -> None:
        self._clock = clock
        self._maximum = maximum
        self._expiries: OrderedDict[bytes, float] = OrderedDict()

    async def first_use(self, *, key: bytes, expires_at: float) -> bool:
        """Remember ``key``; True for exactly one caller.

        Raises:
            Reject: ``guard.replay-memory-full``.
        """
        expiries = self._expiries
        if key in expiries:
            return False
        self._forget(self._clock.now())
        if len(expiries) >= self._maximum:
            raise FULL.reject(headers=(("retry-after", _RETRY_AFTER),))
        expiries[key] = expires_at
        return True

    def _forget(self, now: float) -> None:
        """Forget the oldest while they have expired: each is looked at once, whatever the number."""
        expiries = self._expiries
        while expiries:
            key, expires_at = next(iter(expiries.items()))
            if expires_at > now:
                return
            del expiries[key]
