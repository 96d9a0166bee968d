"""The first steps: an organisation applies, is verified, signs the terms, and is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustweft.cli.onboard.desk import at_the_desk, data_option, find, person_option, subject_of
from trustweft.cli.onboard.narration import tell
from trustweft.cli.output import examples, json_option
from trustweft.directory.objects import Contact, Organisation

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.onboard.desk import Desk

__all__ = ["admit", "apply", "sign", "verify"]

evidence_option = click.option(
    "--evidence",
    metavar="TEXT",
    default="",
    help="Where what it rests on is found: a document, its digest, an entry.",
)


@click.command(
    epilog=examples(
        'trustweft onboard apply acme --name "Acme Ltd"',
        'trustweft onboard apply acme --name "Acme Ltd" --registration 0123456 --register "Companies House" '
        "--jurisdiction GB --security-contact security@acme.example",
    )
)
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ID")
@click.option("--name", required=True, help="Its name, as registered.")
@click.option("--registration", default="", help="Its number in that register.")
@click.option("--register", default="", help="The register of companies or licences that it stands in.")
@click.option("--jurisdiction", default="", help="Where that register is, such as GB.")
@click.option("--security-contact", "email", default="", help="Whom to write to about security.")
def apply(  # noqa: PLR0913  # each is another option
    data: Path,
    person: str | None,
    organisation: str,
    *,
    name: str,
    registration: str,
    register: str,
    jurisdiction: str,
    email: str,
    as_json: bool,
) -> None:
    """Enter an organisation that wants to take part; ID is what it is called from now on."""

    async def work(desk: Desk) -> None:
        subject = subject_of("organisation", organisation)
        facts = Organisation(
            name=name, registration=registration, register=register, jurisdiction=jurisdiction
        )
        events = await desk.enrolment.enter(subject, facts)
        if email:
            contact = Contact(organisation=subject.id, purpose="security", email=email)
            events += await desk.enrolment.enter(subject_of("contact", f"{subject.id}-security"), contact)
        tell(desk, subject, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        'trustweft onboard verify acme --evidence "register of licences, entry 4711, seen 2027-01-15"'
    )
)
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@click.option(
    "--evidence", metavar="TEXT", required=True, help="Where its identity and its licence were looked up."
)
def verify(data: Path, person: str | None, organisation: str, *, evidence: str, as_json: bool) -> None:
    """Note that an organisation is who it says, and has the licence that it needs."""
    _advance(data, person, organisation, "verify", evidence=evidence, as_json=as_json)


@click.command(epilog=examples("trustweft onboard sign acme --terms 2027-01 --evidence sha256:8f6c…"))
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@click.option("--terms", metavar="VERSION", required=True, help="Which version of the terms was signed.")
@evidence_option
def sign(
    data: Path, person: str | None, organisation: str, *, terms: str, evidence: str, as_json: bool
) -> None:
    """Note that an organisation signed the terms."""

    async def work(desk: Desk) -> None:
        subject = find(desk.now, organisation, kinds=("organisation",)).subject
        events = await desk.enrolment.sign_terms(subject, terms=terms, evidence=evidence)
        tell(desk, subject, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(epilog=examples("trustweft onboard admit acme", "trustweft onboard admit acme --as olga"))
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@evidence_option
def admit(data: Path, person: str | None, organisation: str, *, evidence: str, as_json: bool) -> None:
    """Let an organisation that was verified and signed the terms take part."""
    _advance(data, person, organisation, "activate", evidence=evidence, as_json=as_json)


def _advance(
    data: Path, person: str | None, organisation: str, action: str, *, evidence: str, as_json: bool
) -> None:
    async def work(desk: Desk) -> None:
        subject = find(desk.now, organisation, kinds=("organisation",)).subject
        events = await desk.enrolment.advance(subject, action, evidence=evidence)
        tell(desk, subject, events, as_json=as_json)

    at_the_desk(data, person, work)
