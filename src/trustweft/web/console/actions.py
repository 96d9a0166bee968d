"""Taking an arrow of a lifecycle: which ones there are, what each would stop, and a second look before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.cascade import touched_by
from trustweft.directory.commands import Approve, Decline, Move
from trustweft.directory.deciding import decide
from trustweft.directory.events import Proposed
from trustweft.directory.lifecycles import LIFECYCLES, ORDERED
from trustweft.directory.standing import Standing
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.web.console.rights import (
    NOT_FOUND,
    check_second_person,
    find_visible,
    has_right,
    may_take_here,
    sees,
)
from trustweft.web.console.times import parse_day
from trustweft.web.console.words import line_of, named, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.commands import Command
    from trustweft.directory.lifecycle import Arrow
    from trustweft.directory.snapshot import Record
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit
    from trustweft.web.console.words import Named

__all__ = [
    "approve",
    "confirm_action",
    "decline",
    "open_actions",
    "show_proposal",
    "take_action",
]

NOT_HERE = reason(
    "console.proven-elsewhere",
    error="access_denied",
    public="This rests on a proof, which the on-boarding checks: it is not taken by a form.",
    status=403,
    shown=Shown.PAGE,
)
CHANGED = reason(
    "console.changed-meanwhile",
    error="invalid_request",
    public="The subject is in another state than the page showed. Look at it again.",
    status=409,
    shown=Shown.PAGE,
)
TOO_LONG = reason(
    "console.text-too-long",
    error="invalid_request",
    public="A reason has at most 500 characters, and a reference to evidence as many.",
    shown=Shown.PAGE,
)
_LONGEST: Final = 500
# Stands in for what a person will write, so that a rehearsal asks everything else.
_REHEARSED: Final = "rehearsal"
_NOTICE: Final = "give-notice"


class OpenAction(Struct, frozen=True, kw_only=True):
    """An arrow that starts from the state that a subject is in.

    Attributes:
        who: the parts that may take it.
        two_people: whether the profile asks for a second person.
        hindrance: why the person cannot take it now, in words; empty where it can be taken.
        stops: whether participants are ordered to stop somebody.
    """

    action: str
    target: str
    path: str
    who: str
    evidence: str
    two_people: bool
    stops: bool
    hindrance: str


def open_actions(visit: Visit, record: Record) -> Iterator[OpenAction]:
    """Yield what can be done with a subject as it is now, and for whoever cannot do it, why."""
    two = visit.parts.terms().two_people
    for arrow in LIFECYCLES[record.species].arrows:
        if arrow.source == record.state and arrow.who != ("directory",):
            yield OpenAction(
                action=arrow.action,
                target=arrow.target,
                path=f"{path_of(str(record.subject))}/do/{arrow.action}",
                who=", ".join(arrow.who),
                evidence=arrow.evidence,
                two_people=f"{record.species}.{arrow.action}" in two,
                stops=_stops(arrow.action),
                hindrance=_hindrance(visit, record, arrow),
            )


def _hindrance(visit: Visit, record: Record, arrow: Arrow) -> str:
    """Rehearse the command: whatever would refuse it says why."""
    person = visit.person
    if person.part not in arrow.who:
        return f"for: {', '.join(arrow.who)}"
    if not has_right(person, "change"):
        return "you read, and change nothing"
    if not may_take_here(person, record.species, arrow.action):
        return NOT_HERE.public
    command = Move(subject=record.subject, action=arrow.action, reason=_REHEARSED)
    return _rehearse(visit, command)


def _stops(action: str) -> bool:
    return action in ORDERED and action != "resume"


def _rehearse(visit: Visit, command: Command) -> str:
    """Return why a command would be refused now; empty where it would not."""
    try:
        decide(
            visit.register.now,
            command,
            actor=visit.person.actor,
            now=visit.now,
            terms=visit.parts.terms(),
        )
    except Reject as refusal:
        return refusal.reason.public
    return ""


async def confirm_action(visit: Visit) -> HttpResponse:
    """What would happen, and the form that makes it happen."""
    record, arrow = _find_arrow(visit)
    hindrance = _hindrance(visit, record, arrow)
    return visit.page(
        "confirm",
        place="participants",
        shown=named(visit.snapshot, record),
        arrow=arrow,
        needs_reason=arrow.action in ORDERED,
        stops=_stops(arrow.action),
        is_notice=arrow.action == _NOTICE,
        two_people=f"{record.species}.{arrow.action}" in visit.parts.terms().two_people,
        touched=_touched(visit, record, arrow),
        hindrance=hindrance,
        path=visit.request.path,
        longest=_LONGEST,
    )


async def take_action(visit: Visit) -> HttpResponse:
    """Do it, or propose it where two people decide; the register has the last word."""
    record, arrow = _find_arrow(visit)
    form = visit.form
    if form.get("state") != record.state:
        raise CHANGED.reject(f"{record.subject} is {record.state}, the form said {form.get('state')!r}"[:200])
    why, evidence = form.get("reason") or "", form.get("evidence") or ""
    if max(len(why), len(evidence)) > _LONGEST:
        raise TOO_LONG.reject(str(record.subject))
    due = form.get("due") if arrow.action == _NOTICE else None
    command = Move(
        subject=record.subject,
        action=arrow.action,
        reason=why.strip(),
        evidence=evidence.strip(),
        due_at=parse_day(due) if due else None,
    )
    events = await visit.parts.keeper.carry_out(command, actor=visit.person.actor)
    said = "proposed" if isinstance(events[0], Proposed) else "done"
    return visit.go(path_of(str(record.subject)), said=said)


async def show_proposal(visit: Visit) -> HttpResponse:
    """What waits for a second person: who proposed it, what it would stop, and who must approve."""
    proposal = _find_proposal(visit)
    record = visit.snapshot.find(proposal.subject)
    lifecycle = LIFECYCLES[record.species]
    arrow = lifecycle.arrow(source=record.state, action=proposal.action)
    return visit.page(
        "proposal",
        place="overview",
        shown=named(visit.snapshot, record),
        proposal=proposal,
        line=line_of(proposal),
        arrow=arrow,
        who=", ".join(part for part in arrow.who if part != "directory") if arrow else "",
        touched=_touched(visit, record, arrow) if arrow else [],
        own=proposal.by.id == visit.person.name,
        hindrance=await _why_not_approve(visit, proposal),
        path=visit.request.path,
        longest=_LONGEST,
    )


async def approve(visit: Visit) -> HttpResponse:
    """Be the second person: another account, and one that goes back to somebody else."""
    proposal = _find_proposal(visit)
    check_second_person(visit.person, proposal, await visit.parts.accounts.people())
    command = Approve(proposal=proposal.sequence)
    await visit.parts.keeper.carry_out(command, actor=visit.person.actor)
    return visit.go(path_of(proposal.subject), said="approved")


async def decline(visit: Visit) -> HttpResponse:
    """Say no, or take one's own proposal back."""
    proposal = _find_proposal(visit)
    why = visit.form.get("reason") or ""
    if len(why) > _LONGEST:
        raise TOO_LONG.reject(proposal.subject)
    command = Decline(proposal=proposal.sequence, reason=why.strip())
    await visit.parts.keeper.carry_out(command, actor=visit.person.actor)
    return visit.go(path_of(proposal.subject), said="declined")


async def _why_not_approve(visit: Visit, proposal: Proposed) -> str:
    if not has_right(visit.person, "change"):
        return "You read, and change nothing."
    try:
        check_second_person(visit.person, proposal, await visit.parts.accounts.people())
    except Reject as refusal:
        return refusal.reason.public
    return _rehearse(visit, Approve(proposal=proposal.sequence))


def _find_arrow(visit: Visit) -> tuple[Record, Arrow]:
    """Return the subject and the arrow that an address names.

    Raises:
        Reject: ``console.not-found``, ``console.proven-elsewhere``.
    """
    record = find_visible(visit.person, visit.snapshot, visit.named["subject"])
    arrow = LIFECYCLES[record.species].arrow(source=record.state, action=visit.named["action"])
    if arrow is None:
        raise NOT_FOUND.reject(f"{record.subject} is {record.state}: no {visit.named['action']!r}"[:200])
    if not may_take_here(visit.person, record.species, arrow.action):
        raise NOT_HERE.reject(f"{record.subject} {arrow.action}")
    return record, arrow


def _find_proposal(visit: Visit) -> Proposed:
    """Return the proposal that an address names, if the person may see its subject.

    Raises:
        Reject: ``console.not-found``.
    """
    text = visit.named["proposal"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(2**63)) else 0
    found = visit.snapshot.proposals.get(number)
    if found is None or not sees(visit.person, visit.snapshot, found.subject):
        raise NOT_FOUND.reject(f"proposal {text[:80]!r}")
    return found


def _touched(visit: Visit, record: Record, arrow: Arrow) -> list[Named]:
    """Return what else would count as something else afterwards."""
    meaning = LIFECYCLES[record.species].states[arrow.target]
    if arrow.action not in ORDERED or meaning.effect is None:
        return []
    becomes = Standing(effect=meaning.effect, cause=meaning.cause, as_of=visit.now)
    touched = touched_by(visit.snapshot, record.subject, action=arrow.action, becomes=becomes)
    return [named(visit.snapshot, visit.snapshot.find(each)) for each in touched]
