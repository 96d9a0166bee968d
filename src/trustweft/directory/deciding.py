"""From a command to events, or to a refusal: everything that may become an event is checked here, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from trustweft.directory.adding import add, amend
from trustweft.directory.commands import (
    Add,
    Amend,
    Approve,
    Command,
    Decline,
    EndRegistration,
    Move,
    NoteRegistration,
)
from trustweft.directory.moving import approve, decline, move
from trustweft.directory.permitting import check_actor
from trustweft.directory.registering import end_registration, note_registration
from trustweft.directory.stamp import Stamp

if TYPE_CHECKING:
    from trustweft.directory.events import Actor, Event
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.terms import Terms

__all__ = ["decide"]


def decide(
    snapshot: Snapshot, command: Command, *, actor: Actor, now: float, terms: Terms
) -> tuple[Event, ...]:
    """Return the events that a command leads to; the snapshot stays as it is.

    Args:
        snapshot: what is so.
        command: what is asked for.
        actor: who asks; that it is really them was checked before.
        now: seconds since the epoch. A clock that stands before the last event counts as standing at it.
        terms: what the profile asks for.

    Raises:
        Reject: ``register.*``: nothing happened.
    """
    check_actor(snapshot, actor, reports=isinstance(command, Move) and command.action == "compromise")
    stamp = Stamp(sequence=snapshot.sequence, at=max(now, snapshot.at), by=actor)
    events: tuple[Event, ...]
    match command:
        case Add():
            events = add(snapshot, command, stamp=stamp)
        case Amend():
            events = amend(snapshot, command, stamp=stamp)
        case Move():
            events = move(snapshot, command, stamp=stamp, terms=terms)
        case Approve():
            events = approve(snapshot, command, stamp=stamp, terms=terms)
        case Decline():
            events = decline(snapshot, command, stamp=stamp)
        case NoteRegistration():
            events = note_registration(snapshot, command, stamp=stamp)
        case EndRegistration():
            events = end_registration(snapshot, command, stamp=stamp)
        case _ as never:
            assert_never(never)
    return events
