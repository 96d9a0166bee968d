"""The directory's history: every event, what is so now, and what was so at any time before."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from trustweft.directory.rights import decide_right
from trustweft.directory.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.directory.events import Event
    from trustweft.directory.rights import Decision
    from trustweft.directory.standing import StatusEntry

__all__ = ["Register"]


class Register:
    """All events in their order, and their fold.

    Attributes:
        now: what is so after the last event; whoever reads it changes nothing.

    Args:
        events: those that there are, from the first one on.

    Raises:
        ValueError: one is missing, or out of order.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.now = Snapshot()
        self._events: list[Event] = []
        self._times: list[float] = []
        self.take(events)

    @property
    def events(self) -> Sequence[Event]:
        """Every event, the first one first."""
        return tuple(self._events)

    def events_after(self, sequence: int, *, limit: int) -> tuple[Event, ...]:
        """Return up to ``limit`` events that come after ``sequence``, in their order."""
        return tuple(self._events[sequence : sequence + limit])

    def take(self, events: Iterable[Event]) -> None:
        """Take in the events that come next.

        Raises:
            ValueError: one is missing, or out of order; those before it are taken in.
        """
        for event in events:
            self.now.apply(event)
            self._events.append(event)
            self._times.append(event.at)

    def as_of(self, at: float) -> Snapshot:
        """Return what was so at a time: everything that had happened by then, and nothing else."""
        return self.after(bisect_right(self._times, at))

    def after(self, sequence: int) -> Snapshot:
        """Return what was so after one event, by its sequence; 0 is before all of them."""
        snapshot = Snapshot()
        for event in self._events[:sequence]:
            snapshot.apply(event)
        return snapshot

    def had_to_believe(self, at: float, *, within: float) -> dict[str, StatusEntry]:
        """Return what a participant had to believe at a time: what was so ``within`` seconds before, or later.

        What happened in between it may have heard of, and whoever did not yet is no laggard.
        """
        return self.as_of(at - within).status_list()

    def again(self, decision: Decision) -> Decision:
        """Make a decision again, from what was known when it was made; it is the same, or one of the two is forged."""
        return decide_right(self.after(decision.sequence), decision.question, at=decision.at)
