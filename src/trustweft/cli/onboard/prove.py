"""The step in which an applicant proves what it claims: a run of the auditor, or a conformance result."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.onboard.desk import at_the_desk, data_option, find, person_option
from trustweft.cli.onboard.narration import tell
from trustweft.cli.output import examples, json_option
from trustweft.directory.objects import Software
from trustweft.runtime.files import write_private_file

if TYPE_CHECKING:
    from trustweft.cli.onboard.desk import Desk
    from trustweft.directory.objects import Certification
    from trustweft.directory.snapshot import Record

__all__ = ["prove"]

# Below the data directory; each file is named by its SHA-256.
RUNS: Final = "directory/runs"
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHOWN: Final = 12  # digits of a digest that tell runs apart


@click.command(
    epilog=examples(
        "trustweft onboard prove moneyview",
        "trustweft onboard prove acme-pay --target acme-pay.toml",
        "trustweft onboard prove harbour --run run.json",
        "trustweft onboard prove harbour --conformance plan.json --valid-days 180",
    )
)
@data_option
@person_option
@json_option
@click.argument("subject", metavar="SUBJECT")
@click.option(
    "--run", type=_FILE, metavar="FILE", help="What `trustweft check --json` printed, a week old at most."
)
@click.option(
    "--conformance",
    type=_FILE,
    metavar="FILE",
    help="Exported logs of the conformance suite: one, or an array of them.",
)
@click.option(
    "--target", type=_FILE, metavar="FILE", help="Run the auditor now, against what this file describes."
)
@click.option(
    "--valid-days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="For how many days from the run it is good.",
)
def prove(
    data: Path,
    person: str | None,
    subject: str,
    *,
    run: Path | None,
    conformance: Path | None,
    target: Path | None,
    valid_days: int,
    as_json: bool,
) -> None:
    """Certify SUBJECT, an authorization server or a software, by a run that it passed.

    Without an option the auditor attacks it now, as a part of the ecosystem in --data. A run in which a check fails or is
    suspected to, that is about somebody else, is for another profile, is older than a week, or left checks out, certifies
    nobody. The file is kept, and its SHA-256 stands in the directory.
    """
    if sum(each is not None for each in (run, conformance, target)) > 1:
        raise click.UsageError("Give one of --run, --conformance and --target, or none.")

    # The auditor runs no event loop of ours, so what is asked of the directory comes before and after it.
    async def look(desk: Desk) -> Record:
        return find(desk.now, subject, kinds=("brand", "software"))

    record = at_the_desk(data, person, look)
    given = run or conformance
    raw = given.read_bytes() if given is not None else _audit(data, target, record, silent=as_json)

    async def work(desk: Desk) -> None:
        name = f"{RUNS}/{hashlib.sha256(raw).hexdigest()}.json"
        facts = _judge(
            desk, raw, record, name=name, conformance=conformance is not None, valid_days=valid_days
        )
        write_private_file(desk.data.file(name), raw)
        identifier = f"{record.subject.id}-{facts.digest[:_SHOWN]}"
        tell(desk, record.subject, await desk.enrolment.certify(identifier, facts), as_json=as_json)

    at_the_desk(data, person, work)


def _judge(
    desk: Desk, raw: bytes, record: Record, *, name: str, conformance: bool, valid_days: int
) -> Certification:
    from trustweft.audit.registry import all_checks
    from trustweft.cli.onboard.proving import judge_conformance, judge_run

    now = desk.clock.now()
    if conformance:
        return judge_conformance(raw, record, run=name, now=now, valid_days=valid_days)
    profiles = {desk.profile.name, desk.profile.extends or desk.profile.name}
    checks = {each.id: each.role for each in all_checks()}
    return judge_run(raw, record, run=name, profiles=profiles, checks=checks, now=now, valid_days=valid_days)


def _audit(data: Path, target: Path | None, record: Record, *, silent: bool) -> bytes:
    """Attack the applicant, and return the run as `trustweft check --json` prints it."""
    from trustweft.audit.verdict import Role, Safety
    from trustweft.cli.check import carry_out, choose, read
    from trustweft.cli.check.box import with_application
    from trustweft.cli.check.narration import Narrator

    client = record.species == "software"
    checks = tuple(each for each in choose(()) if (each.role is Role.CLIENT) is client)
    described = read(target, None if target else data)
    if target is None and isinstance(record.facts, Software):
        described = with_application(
            described,
            DataDirectory.open(data),
            redirect_uris=record.facts.metadata.get("redirect_uris", ()),
        )
    with Narrator(len(checks), silent=silent) as narrator:
        run = carry_out(
            described,
            checks,
            safety=Safety.REQUESTS,
            waits=False,
            narrator=narrator,
            box=None if target else data,
        )
    return msgspec.json.encode(run.as_document())
