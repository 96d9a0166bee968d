"""What a second person does: approves what the first one proposed, or declines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from trustweft.cli.onboard.desk import PARTICIPANTS, at_the_desk, data_option, person_option
from trustweft.cli.onboard.narration import sentence, tell
from trustweft.cli.output import examples, json_option, print_json
from trustweft.directory.commands import Approve, Decline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.cli.onboard.desk import Desk
    from trustweft.directory.events import Event

__all__ = ["approve", "decline"]


@click.command(epilog=examples("trustweft onboard approve 17", "trustweft onboard approve 17 --as otto"))
@data_option
@person_option
@json_option
@click.argument("proposal", type=click.IntRange(1), metavar="NUMBER")
def approve(data: Path, person: str | None, proposal: int, *, as_json: bool) -> None:
    """Agree, as a second person, to what somebody else proposed; then it is done.

    Whoever proposed it is refused. On this machine a name is a claim: whoever may write the data directory could give
    any. Where two people must not have to trust each other in that, they use the console, which asks for a passkey.
    """

    async def work(desk: Desk) -> None:
        _tell(
            desk, await desk.keeper.carry_out(Approve(proposal=proposal), actor=desk.actor), as_json=as_json
        )

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        'trustweft onboard decline 17 --reason "the licence ran out" --as otto',
        "trustweft onboard decline 17",
    )
)
@data_option
@person_option
@json_option
@click.argument("proposal", type=click.IntRange(1), metavar="NUMBER")
@click.option("--reason", metavar="TEXT", default="", help="Why.")
def decline(data: Path, person: str | None, proposal: int, *, reason: str, as_json: bool) -> None:
    """Say no to what somebody proposed, or take one's own proposal back."""

    async def work(desk: Desk) -> None:
        command = Decline(proposal=proposal, reason=reason)
        _tell(desk, await desk.keeper.carry_out(command, actor=desk.actor), as_json=as_json)

    at_the_desk(data, person, work)


def _tell(desk: Desk, events: Sequence[Event], *, as_json: bool) -> None:
    record = desk.now.find(events[0].subject)
    # What a role or a certification leads to stands among the steps of what it belongs to.
    about = (
        record.subject if record.species in PARTICIPANTS else record.parents[0] if record.parents else None
    )
    if about is not None and str(about).partition(":")[0] in PARTICIPANTS:
        tell(desk, about, events, as_json=as_json)
    elif as_json:
        print_json({"events": [msgspec.to_builtins(each) for each in events]})
    else:
        for event in events:
            click.echo(sentence(event))
