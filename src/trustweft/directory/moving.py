"""Taking an arrow, alone or with the second person that the profile asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.directory.cascade import touched_by
from trustweft.directory.commands import Move
from trustweft.directory.events import Approved, Declined, Moved, Proposed
from trustweft.directory.lifecycles import LIFECYCLES, ORDERED
from trustweft.directory.needing import check_needs
from trustweft.directory.orders import deadlines_of
from trustweft.directory.permitting import check_may
from trustweft.directory.standing import Standing
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.commands import Approve, Decline
    from trustweft.directory.events import Actor
    from trustweft.directory.lifecycle import Arrow
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.stamp import Stamp
    from trustweft.directory.terms import Terms

__all__ = ["approve", "decline", "move"]

ILLEGAL = reason(
    "register.illegal-transition",
    error="invalid_request",
    public="This cannot be done with the subject in the state that it is in.",
    status=409,
)
NO_REASON = reason(
    "register.reason-missing", error="invalid_request", public="Whoever stops somebody says why."
)
NOTICE_PAST = reason(
    "register.notice-past",
    error="invalid_request",
    public="Whoever gives notice leaves on a day that is to come.",
)
PROPOSED_ALREADY = reason(
    "register.proposed-already",
    error="invalid_request",
    public="The same is proposed already, and waits for a second person.",
    status=409,
)
NO_PROPOSAL = reason(
    "register.no-proposal",
    error="not_found",
    public="There is no such proposal, or not any more.",
    status=404,
)
OWN_PROPOSAL = reason(
    "register.own-proposal",
    error="access_denied",
    public="Whoever proposes something cannot approve it: another person has to.",
    status=403,
)


def move(snapshot: Snapshot, command: Move, *, stamp: Stamp, terms: Terms) -> tuple[Moved] | tuple[Proposed]:
    """Take an arrow, or propose it where two people decide.

    Raises:
        Reject: ``register.unknown-subject``, ``.illegal-transition``, ``.not-permitted``, ``.reason-missing``,
            ``.proposed-already``, or a need that is not met.
    """
    record = snapshot.find(command.subject)
    arrow = _legal(snapshot, record, command, by=stamp.by, at=stamp.at, terms=terms)
    # What the directory does by itself follows from a date, and is nobody's decision.
    if f"{record.species}.{command.action}" not in terms.two_people or stamp.by.part == "directory":
        return (_moved(snapshot, record, arrow, command, stamp=stamp, terms=terms),)
    if any(
        (each.subject, each.action) == (str(record.subject), command.action)
        for each in snapshot.proposals.values()
    ):
        raise PROPOSED_ALREADY.reject(f"{record.subject} {command.action}")
    return (
        Proposed(
            sequence=stamp.sequence + 1,
            at=stamp.at,
            by=stamp.by,
            subject=str(record.subject),
            reason=command.reason,
            action=command.action,
            evidence=command.evidence,
            due_at=command.due_at,
        ),
    )


def approve(snapshot: Snapshot, command: Approve, *, stamp: Stamp, terms: Terms) -> tuple[Approved, Moved]:
    """Be the second person: what was proposed is checked once more, as things are now, and done.

    Raises:
        Reject: ``register.no-proposal``, ``.own-proposal``, and what ``move`` refuses.
    """
    proposed = _proposal(snapshot, command.proposal)
    if proposed.by.id == stamp.by.id:
        raise OWN_PROPOSAL.reject(stamp.by.id)
    record = snapshot.find(proposed.subject)
    wanted = Move(
        subject=record.subject,
        action=proposed.action,
        reason=proposed.reason,
        evidence=proposed.evidence,
        due_at=proposed.due_at,
    )
    for actor in (proposed.by, stamp.by):  # both must be able to, and the proposer still
        arrow = _legal(snapshot, record, wanted, by=actor, at=stamp.at, terms=terms)
    approved = Approved(
        sequence=stamp.sequence + 1,
        at=stamp.at,
        by=stamp.by,
        subject=proposed.subject,
        proposal=command.proposal,
    )
    then = stamp._replace(sequence=stamp.sequence + 1, by=proposed.by)
    return (
        approved,
        _moved(snapshot, record, arrow, wanted, stamp=then, terms=terms, approved_by=stamp.by),
    )


def decline(snapshot: Snapshot, command: Decline, *, stamp: Stamp) -> tuple[Declined]:
    """End a proposal, one's own or somebody else's that one could approve.

    Raises:
        Reject: ``register.no-proposal``, ``.not-permitted``.
    """
    proposed = _proposal(snapshot, command.proposal)
    record = snapshot.find(proposed.subject)
    if proposed.by.id != stamp.by.id:
        parts = {
            part
            for arrow in LIFECYCLES[record.species].arrows
            if arrow.action == proposed.action
            for part in arrow.who
        }
        check_may(snapshot, stamp.by, parts=parts, about=record.subject)
    return (
        Declined(
            sequence=stamp.sequence + 1,
            at=stamp.at,
            by=stamp.by,
            subject=proposed.subject,
            reason=command.reason,
            proposal=command.proposal,
        ),
    )


def _proposal(snapshot: Snapshot, identifier: int) -> Proposed:
    found = snapshot.proposals.get(identifier)
    if found is None:
        raise NO_PROPOSAL.reject(str(identifier))
    return found


def _legal(snapshot: Snapshot, record: Record, command: Move, *, by: Actor, at: float, terms: Terms) -> Arrow:
    """Return the arrow that a command takes, once everything about it is held to be right."""
    # (1) the table has it  (2) who may  (3) why  (4) what must be so besides
    arrow = LIFECYCLES[record.species].arrow(source=record.state, action=command.action)
    if arrow is None:
        raise ILLEGAL.reject(f"{record.subject} is {record.state}: no {command.action}")
    check_may(snapshot, by, parts=arrow.who, about=record.subject)
    if command.action in ORDERED and not command.reason.strip():
        raise NO_REASON.reject(f"{record.subject} {command.action}")
    if command.due_at is not None and command.due_at <= at:
        raise NOTICE_PAST.reject(f"{record.subject} {command.due_at}")
    check_needs(snapshot, record, arrow, at=at, terms=terms)
    return arrow


def _moved(
    snapshot: Snapshot,
    record: Record,
    arrow: Arrow,
    command: Move,
    *,
    stamp: Stamp,
    terms: Terms,
    approved_by: Actor | None = None,
) -> Moved:
    sequence = stamp.sequence + 1
    meaning = LIFECYCLES[record.species].states[arrow.target]
    becomes = Standing(effect=meaning.effect, cause=meaning.cause, as_of=stamp.at)
    ordered = command.action in ORDERED and meaning.effect is not None
    return Moved(
        sequence=sequence,
        at=stamp.at,
        by=stamp.by,
        approved_by=approved_by,
        subject=str(record.subject),
        reason=command.reason,
        action=command.action,
        before=record.state,
        after=arrow.target,
        evidence=command.evidence,
        order=f"order-{sequence}" if ordered else None,
        touched=touched_by(snapshot, record.subject, action=command.action, becomes=becomes)
        if ordered
        else (),
        due_at=command.due_at,
        deadlines=deadlines_of(action=command.action, effect=meaning.effect, terms=terms) if ordered else {},
    )
