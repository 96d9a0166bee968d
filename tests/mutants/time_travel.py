"""A clock that can be put forward, so that nobody has to wait until something expires."""

from __future__ import annotations

import time

__all__ = ["TravellingClock"]


class TravellingClock:
    """The machine's clock, and the seconds that were skipped.

    Attributes:
        skipped: how many.
    """

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        return time.time() + self.skipped

    def skip(self, seconds: float) -> None:
        """Put the clock forward, or back for a negative number."""
        self.skipped += seconds
