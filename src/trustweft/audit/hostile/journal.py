"""What the client under test did: every request that reached the hostile server, in order."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.audit.exchange import Exchange

__all__ = ["Arrival", "Journal"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that came, and how it was answered.

    Attributes:
        scenario: that it belongs to.
        endpoint: such as ``token``; ``counterfeit`` and ``plaintext`` are where nobody should come.
        deviates: whether the answer is the one that a good server would not give.
    """

    scenario: str
    endpoint: str
    exchange: Exchange
    deviates: bool


class Journal:
    """Keeps arrivals of all scenarios; written by the server's thread, read by those of the checks."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._lock = threading.Lock()

    def write(self, arrival: Arrival) -> None:
        """Keep one."""
        with self._lock:
            self._arrivals.append(arrival)

    def mark(self) -> int:
        """Return where the journal ends now."""
        with self._lock:
            return len(self._arrivals)

    def of(self, scenario: str, *, since: int = 0) -> tuple[Arrival, ...]:
        """Return what came to a scenario since a mark."""
        with self._lock:
            return tuple(each for each in self._arrivals[since:] if each.scenario == scenario)
