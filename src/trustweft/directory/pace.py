"""How often a network may ask for what costs something before anything is proven."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from trustweft.net.networks import network_of
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.runtime.clock import Clock

__all__ = ["Pace"]

MAXIMUM_ADDRESSES: Final = 10_000  # our choice: those beyond share one measure

TOO_FAST = reason(
    "directory.too-fast",
    error="temporarily_unavailable",
    public="This was asked for too often from the same address.",
    status=429,
)


class Pace:
    """Counts by network, in windows of a fixed length: whoever has one IPv6 address has many.

    Args:
        clock: tells the time.
        times: that one network may ask within a window.
        seconds: that a window lasts.
    """

    def __init__(self, *, clock: Clock, times: int, seconds: float = 60.0) -> None:
        self._clock = clock
        self._times = times
        self._seconds = seconds
        self._window = -1
        self._counts: dict[str, int] = {}

    def check(self, address: str | None) -> None:
        """Count one request.

        Raises:
            Reject: ``directory.too-fast``, with the seconds until the next window.
        """
        now = self._clock.now()
        window = math.floor(now / self._seconds)
        if window != self._window:
            self._window, self._counts = window, {}
        name = network_of(address)
        if name not in self._counts and len(self._counts) >= MAXIMUM_ADDRESSES:
            name = ""
        self._counts[name] = self._counts.get(name, 0) + 1
        if self._counts[name] > self._times:
            wait = max(1, math.ceil((window + 1) * self._seconds - now))
            raise TOO_FAST.reject(name[:80], headers=(("retry-after", str(wait)),))
