"""Where everybody stands on the way in, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from trustweft.cli.onboard.desk import PARTICIPANTS, at_the_desk, data_option, find, person_option
from trustweft.cli.onboard.narration import as_document, command_of, show_steps
from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.directory.onboarding import next_step, steps_of

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.onboard.desk import Desk

__all__ = ["status"]


@click.command(
    epilog=examples(
        "trustweft onboard status",
        "trustweft onboard status moneyview",
        "trustweft onboard status brand:harbour --json",
    )
)
@data_option
@person_option
@json_option
@click.argument("subject", metavar="[SUBJECT]", required=False)
def status(data: Path, person: str | None, subject: str | None, *, as_json: bool) -> None:
    """Say where an organisation, an authorization server or a software stands, and which command comes next.

    Without SUBJECT everybody is listed, with what waits for a second person.
    """

    async def work(desk: Desk) -> None:
        if subject is None:
            _everybody(desk, as_json=as_json)
        elif as_json:
            print_json(as_document(desk, find(desk.now, subject).subject))
        else:
            show_steps(desk, find(desk.now, subject).subject)

    at_the_desk(data, person, work)


def _everybody(desk: Desk, *, as_json: bool) -> None:
    subjects = [each.subject for each in desk.now.records() if each.species in PARTICIPANTS]
    waiting = [
        {
            "number": number,
            "subject": each.subject,
            "action": each.action,
            "by": each.by.id,
            "reason": each.reason,
        }
        for number, each in desk.now.proposals.items()
    ]
    if as_json:
        participants = [as_document(desk, each) for each in subjects]
        print_json({"participants": participants, "proposals": msgspec.to_builtins(waiting)})
        return
    rows = []
    for subject in subjects:
        following = next_step(steps_of(desk.now, subject, desk.terms, at=desk.clock.now()))
        comes = "" if following is None else command_of(following, about=str(subject))
        rows.append(
            [
                str(subject),
                desk.now.find(subject).state,
                desk.now.effective(subject).effect or "waiting",
                comes,
            ]
        )
    print_table(("subject", "state", "counts as", "next"), rows)
    for each in waiting:
        click.echo(
            f"{each['number']} waits for a second person, other than {each['by']}: {each['action']} {each['subject']}"
        )
