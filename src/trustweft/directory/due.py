"""What dates ask for: the directory does it by itself, and it is an event like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.directory.commands import Move
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.needing import valid_certification
from trustweft.directory.objects import Certificate, Certification, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.identifiers import Subject
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.terms import Terms

__all__ = ["due", "expiring"]


def due(snapshot: Snapshot, *, now: float, terms: Terms) -> tuple[Move, ...]:
    """Return the moves whose time has come, in the order in which their subjects were entered."""
    return tuple(move for record in snapshot.records() for move in _due(snapshot, record, now, terms))


def expiring(snapshot: Snapshot, *, by: float) -> tuple[tuple[float, Subject], ...]:
    """Return the keys, certificates and certifications that are good now and run out by a time, the first one first."""
    dates = (
        (record.facts.valid_until, record.subject)
        for record in snapshot.records()
        if isinstance(record.facts, Key | Certificate | Certification)
        and record.standing.active
        and record.facts.valid_until is not None
    )
    return tuple(sorted(dated for dated in dates if dated[0] <= by))


def _due(snapshot: Snapshot, record: Record, now: float, terms: Terms) -> Iterator[Move]:
    lifecycle = LIFECYCLES[record.species]
    if _ran_out(record, now) and lifecycle.arrow(source=record.state, action="lapse"):
        yield Move(subject=record.subject, action="lapse", reason="its time is over")
    elif record.due_at is not None and record.due_at <= now and record.state == "withdrawing":
        yield Move(subject=record.subject, action="withdraw", reason="the notice has run its time")
    elif record.standing.active and _uncertified(snapshot, record, now, terms):
        # Suspended, and not lapsed: a new certification brings everything back.
        yield Move(subject=record.subject, action="suspend", reason="no certification is valid")
    elif (
        lifecycle.arrow(source=record.state, action="archive")
        and record.standing.as_of + terms.retention <= now
    ):
        yield Move(subject=record.subject, action="archive", reason="it ended long ago")


def _ran_out(record: Record, now: float) -> bool:
    facts = record.facts
    if not isinstance(facts, Key | Certificate | Certification):
        return False
    return facts.valid_until is not None and facts.valid_until <= now


def _uncertified(snapshot: Snapshot, record: Record, now: float, terms: Terms) -> bool:
    return record.species in terms.certified and (
        valid_certification(snapshot, record.subject, at=now) is None
    )
