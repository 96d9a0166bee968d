"""`trustweft offboard`: take somebody out, and prove that everybody refuses them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from trustweft.cli.data_directory import data_option
from trustweft.cli.offboard.customers import customer_called, enter_customer
from trustweft.cli.offboard.desk import at_the_desk, person_option
from trustweft.cli.offboard.subjects import ACTIONS, action_for, find_subject, namesakes
from trustweft.cli.output import examples, json_option, print_json, write_page

if TYPE_CHECKING:
    from trustweft.cli.offboard.carrying_out import Ordered
    from trustweft.cli.offboard.desk import Desk
    from trustweft.directory.cases import Case
    from trustweft.directory.snapshot import Record

__all__ = ["command"]

_FILE: Final = click.Path(path_type=Path, dir_okay=False, writable=True)
_PROPOSAL: Final = "proposal-"
_WAIT: Final = 10.0


class _SubjectOrCommand(click.Group):
    """Takes a subject where a command's name is none of ours: ``trustweft offboard moneyview``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command before what is no command, and no plea for help."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["order", *args]
        return super().parse_args(ctx, args)


@click.group(
    name="offboard",
    cls=_SubjectOrCommand,
    epilog=examples(
        'trustweft offboard moneyview --reason "licence revoked by the authority"',
        'trustweft offboard software:moneyview --kind suspend --reason "incident 17" --json',
        'trustweft offboard resume moneyview --reason "incident 17 is closed"',
        "trustweft offboard report order-31 --html case.html",
    ),
)
def command() -> None:
    """Take somebody out of the ecosystem, and prove that everybody refuses them.

    `trustweft offboard SUBJECT` is short for `trustweft offboard order SUBJECT`. SUBJECT is an id such as moneyview,
    or kind:id: software, brand, organisation, role, api, user, key, certificate. Of an organisation and a software with
    the same id the software is meant. A demo user is named as at the log-in: alice.
    """


@command.command(
    epilog=examples(
        'trustweft offboard order moneyview --reason "licence revoked by the authority"',
        'trustweft offboard order key:AbC1-2dEf --reason "found in a public repository"',
        'trustweft offboard order alice --reason "the customer left the bank"',
        'trustweft offboard order role:acme~PAYMENT --kind suspend --reason "audit finding" --no-probe',
    )
)
@click.argument("subject", metavar="SUBJECT")
@data_option
@click.option("--reason", required=True, metavar="TEXT", help="Why. Whoever is stopped is told.")
@click.option(
    "--kind",
    type=click.Choice(ACTIONS),
    help="How. [default: compromise for a key, revoke for everything else]",
)
@click.option("--evidence", default="", metavar="TEXT", help="Where what it rests on is found.")
@click.option(
    "--no-probe", is_flag=True, help="Do not try live credentials: nothing is then seen from outside."
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3_600),
    default=_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for receipts, and for a second person where one has to approve.",
)
@person_option
@json_option
def order(subject: str, data: Path, person: str | None, *, as_json: bool, **options: Any) -> None:
    """Give the order that takes SUBJECT out, and try its credentials until everybody refuses them.

    Before the order, credentials of SUBJECT are obtained at every participant, with a demo user: a pushed request, a
    code, a refresh token, an access token, the client's key. After it, each is tried until it is refused. What was
    seen is signed and goes into the evidence log. `trustweft offboard report ID` tells the whole of it.
    """
    with at_the_desk(data, person) as desk:
        _order(desk, subject, options, as_json=as_json)


def _order(desk: Desk, subject: str, options: dict[str, Any], *, as_json: bool) -> None:
    from trustweft.cli.offboard.carrying_out import carry_out, check_probe_key

    customer = customer_called(desk, subject)
    if not options["no_probe"]:
        check_probe_key(desk)
    if customer is not None and enter_customer(desk, customer, kind=options["kind"]):
        click.echo(f"{subject} is {customer}, whom the directory knows from now on.", err=True)
    record = find_subject(desk.register.now, str(customer or subject))
    action = action_for(record, options["kind"])
    _tell_namesakes(desk, record, subject)
    done = carry_out(
        desk,
        record,
        action=action,
        reason=options["reason"],
        evidence=options["evidence"],
        probes=not options["no_probe"],
        wait=options["wait"],
        tell=(lambda _line: None) if as_json else (lambda line: click.echo(line, err=True)),
    )
    _tell(desk, done, as_json=as_json)


def _tell_namesakes(desk: Desk, record: Record, subject: str) -> None:
    others = namesakes(desk.register.now, record, subject)
    if others:
        click.echo(f"{subject} is taken for {record.subject}, and not for {', '.join(others)}.", err=True)


@command.command(
    epilog=examples(
        'trustweft offboard resume moneyview --reason "the certificate was renewed"',
        'trustweft offboard resume software:moneyview --reason "incident 17 is closed" --json',
    )
)
@click.argument("subject", metavar="SUBJECT")
@data_option
@click.option("--reason", required=True, metavar="TEXT", help="What removed the cause.")
@click.option("--evidence", default="", metavar="TEXT", help="Where what it rests on is found.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3_600),
    default=_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for receipts, and for a second person where one has to approve.",
)
@person_option
@json_option
def resume(subject: str, data: Path, person: str | None, *, as_json: bool, **options: Any) -> None:
    """Let SUBJECT go on, which was suspended: everything that it had works again."""
    from trustweft.cli.offboard.carrying_out import carry_out

    with at_the_desk(data, person) as desk:
        record = find_subject(desk.register.now, str(customer_called(desk, subject) or subject))
        _tell_namesakes(desk, record, subject)
        done = carry_out(
            desk,
            record,
            action=action_for(record, "resume"),
            reason=options["reason"],
            evidence=options["evidence"],
            probes=False,
            wait=options["wait"],
            tell=(lambda _line: None) if as_json else (lambda line: click.echo(line, err=True)),
        )
        _tell(desk, done, as_json=as_json)


@command.command(
    epilog=examples(
        "trustweft offboard report order-31",
        "trustweft offboard report order-31 --html case.html",
        "trustweft offboard report order-31 --json",
    )
)
@click.argument("identifier", metavar="ID")
@data_option
@click.option("--html", type=_FILE, help="Write the report as one page to FILE.", metavar="FILE")
@json_option
def report(identifier: str, data: Path, html: Path | None, *, as_json: bool) -> None:
    """Tell how an off-boarding stands: receipts, what was refused when, who is late.

    ID is what `trustweft offboard` printed: of an order, or of a proposal that became one.
    """
    from trustweft.cli.offboard.page import case_page
    from trustweft.cli.offboard.sending import send_probes
    from trustweft.cli.offboard.telling import tell_case

    with at_the_desk(data, None) as desk:
        problems = send_probes(desk.data, directory=desk.directory)
        case = _case(desk, _order_id(desk, identifier))
        if html is not None:
            write_page(html, case_page(case))
        if as_json:
            print_json(case.as_document())
        else:
            tell_case(case)
        for problem in problems:
            click.echo(problem, err=True)


def _order_id(desk: Desk, identifier: str) -> str:
    """Return the order that is meant; a proposal is what it became.

    Raises:
        click.ClickException: nobody has approved it yet.
    """
    from trustweft.cli.offboard.carrying_out import second_person
    from trustweft.directory.case_files import order_of_proposal

    number = identifier.removeprefix(_PROPOSAL)
    if number == identifier or not number.isdecimal():
        return identifier
    found = order_of_proposal(desk.register, int(number))
    if found is None:
        waits = int(number) in desk.register.now.proposals
        raise click.ClickException(
            second_person(desk, int(number)) if waits else f"{identifier} led to no order"
        )
    return found.id


def _case(desk: Desk, identifier: str) -> Case:
    from trustweft.cli.offboard.sending import unsent_probes
    from trustweft.directory.case_files import read_case

    with desk.evidence() as log:
        return read_case(desk.read(), log, identifier, now=desk.clock.now(), unsent=unsent_probes(desk.data))


def _tell(desk: Desk, done: Ordered, *, as_json: bool) -> None:
    from trustweft.cli.offboard.carrying_out import second_person
    from trustweft.cli.offboard.telling import tell_case

    if done.order is None:
        waiting = second_person(desk, done.proposal or 0)
        if as_json:
            print_json({"id": f"{_PROPOSAL}{done.proposal}", "waits_for": waiting, "problems": done.problems})
        else:
            click.echo(waiting)
            click.echo(f"Then: trustweft offboard report {_PROPOSAL}{done.proposal}")
    else:
        case = _case(desk, done.order.id)
        if as_json:
            document = case.as_document()
            print_json(
                {"id": done.order.id, **document, "probed": done.probe is not None, "problems": done.problems}
            )
        else:
            tell_case(case)
            click.echo(f"\nThe whole of it, at any time: trustweft offboard report {done.order.id}")
    if not as_json:
        for problem in done.problems:
            click.echo(problem, err=True)
