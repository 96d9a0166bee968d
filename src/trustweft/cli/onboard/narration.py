"""What on-boarding prints: what happened, where somebody stands, and the command that comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

import click
import msgspec

from trustweft.cli.output import own_name, print_json
from trustweft.directory.events import (
    Added,
    Amended,
    Approved,
    Declined,
    Moved,
    Proposed,
    Registered,
    Unregistered,
)
from trustweft.directory.onboarding import next_step, steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.cli.onboard.desk import Desk
    from trustweft.directory.events import Event
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.onboarding import Step

__all__ = ["as_document", "command_of", "sentence", "show_steps", "tell"]

_MARKS: Final = {"done": "✓", "open": "→", "waiting": "…", "blocked": "·"}
# What each step is called as a command; what is in capitals is for whoever types it.
_COMMANDS: Final = {
    "verify": 'verify {id} --evidence "REGISTER ENTRY"',
    "sign": "sign {id} --terms VERSION",
    "admit": "admit {id}",
    "role": "role {id} ROLE --api FAMILY",
    "brand-or-software": 'software {id} ID --name "NAME" --metadata FILE',
    "key": "key {subject} --jwk FILE --proof FILE",
    "prove": "prove {subject} --run FILE",
    "live": "live {subject}",
    "api": "api {id} FAMILY --resource URL",
    "authorise": "authorise {id} FAMILY --role ROLE",
}


def command_of(step: Step, *, about: str) -> str:
    """Return the command that takes a step on somebody's way in.

    Args:
        step: which step.
        about: whose way it is, ``kind:id``; the step may be about something that belongs to it.
    """
    if step.proposal is not None:
        rest = f"approve {step.proposal} --as SOMEBODY-ELSE"
    elif step.id == "brand-or-software" and step.subject != about:
        rest = f"status {step.subject}"
    elif step.id == "role" and step.subject.startswith("role:"):
        organisation, _, role = step.subject.partition(":")[2].partition("~")
        rest = f"role {organisation} {role}"
    else:
        subject = about if step.id in ("key", "prove", "api", "authorise") else step.subject
        rest = _COMMANDS[step.id].format(subject=subject, id=subject.partition(":")[2])
    return f"onboard {rest}"


def tell(
    desk: Desk, subject: Subject | str, events: Sequence[Event], *, as_json: bool, **more: object
) -> None:
    """Print what a command did, and what comes next for the organisation, brand or software that it is about."""
    if as_json:
        print_json(
            {**as_document(desk, subject), "events": [msgspec.to_builtins(each) for each in events], **more}
        )
        return
    for event in events:
        click.echo(sentence(event))
    if not events:
        click.echo(f"{subject} is so already; nothing was done.")
    _tell_next(desk, subject)


def as_document(desk: Desk, subject: Subject | str) -> dict[str, Any]:
    """Return where somebody stands, for machines."""
    record = desk.now.find(subject)
    steps = steps_of(desk.now, subject, desk.terms, at=desk.clock.now())
    following = next_step(steps)
    effective = desk.now.effective(subject)
    return {
        "subject": str(subject),
        "state": record.state,
        "counts_as": effective.effect or "waiting",
        "steps": [msgspec.to_builtins(each) for each in steps],
        "next": None if following is None else f"trustweft {command_of(following, about=str(subject))}",
    }


def show_steps(desk: Desk, subject: Subject | str) -> None:
    """Print every step on somebody's way in."""
    record = desk.now.find(subject)
    effective = desk.now.effective(subject)
    click.echo(f"{subject} is {record.state}, and counts as {effective.effect or 'not there yet'}.")
    for step in steps_of(desk.now, subject, desk.terms, at=desk.clock.now()):
        needs = f": needs {step.needed}" if step.state in ("open", "waiting") else ""
        click.echo(f"  {_MARKS[step.state]} {step.title}{needs}")
    _tell_next(desk, subject)


def _tell_next(desk: Desk, subject: Subject | str) -> None:
    steps = steps_of(desk.now, subject, desk.terms, at=desk.clock.now())
    following = next_step(steps)
    if following is not None:
        click.echo(f"Next: {own_name()} {command_of(following, about=str(subject))}")
        return
    missing = [each for each in steps if each.state == "blocked"]
    click.echo(f"Nothing can be done now: {missing[0].needed}" if missing else f"{subject} is on board.")


def sentence(event: Event) -> str:
    """Return what happened, for people."""
    subject, by = event.subject, event.by.id
    match event:
        case Added():
            said = f"Entered {subject}."
        case Amended():
            said = f"Changed what is known of {subject}."
        case Moved():
            people = by if event.approved_by is None else f"{by} and {event.approved_by.id}"
            said = f"{subject}: {event.before} → {event.after} (by {people})."
        case Proposed():
            said = f"{subject}: {by} proposes {event.action} (number {event.sequence}); a second person has to agree."
        case Approved():
            said = f"{by} agreed to number {event.proposal}, about {subject}."
        case Declined():
            said = f"{by} declined number {event.proposal}, about {subject}."
        case Registered() | Unregistered():
            said = f"{subject} is {event.client_id} at {event.brand}."
        case _ as never:
            assert_never(never)
    return said
