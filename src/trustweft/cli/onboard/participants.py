"""The steps in the middle and at the end: roles, authorization servers, software, APIs, and going live."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

import click

from trustweft.cli.onboard.desk import at_the_desk, data_option, find, person_option, subject_of
from trustweft.cli.onboard.narration import tell
from trustweft.cli.onboard.organisations import evidence_option
from trustweft.cli.output import examples, json_option
from trustweft.directory.identifiers import authorisation_subject
from trustweft.directory.objects import Api, Authorisation, Brand, Role, Software
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trustweft.cli.onboard.desk import Desk

__all__ = ["api", "authorise", "brand", "live", "role", "software"]

_MAXIMUM_METADATA: Final = 65_536
_GOES_LIVE: Final = {"brand": "list", "software": "go-live", "api": "list"}
# Both as the domain holds them: https, or refused with a reason.
told_option = click.option(
    "--events-endpoint",
    default="",
    metavar="URL",
    help="Where it is told of orders at once. [default: it reads the status list, and owes no receipts]",
)
keys_option = click.option(
    "--jwks-uri",
    default="",
    metavar="URL",
    help="Where it publishes the keys that its receipts are signed with.",
)


@click.command(
    epilog=examples(
        "trustweft onboard role acme account-information --api accounts",
        "trustweft onboard role acme payment-initiation --api payments --authority fca --evidence 'entry 4711'",
    )
)
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@click.argument("name", metavar="ROLE")
@click.option(
    "--api", "apis", multiple=True, metavar="FAMILY", help="A family of APIs that the role permits."
)
@click.option("--authority", default="", help="Whose role it is.")
@evidence_option
def role(
    data: Path,
    person: str | None,
    organisation: str,
    name: str,
    *,
    apis: tuple[str, ...],
    authority: str,
    evidence: str,
    as_json: bool,
) -> None:
    """Request a role for an organisation; where it takes part and an operator acts, it is granted too."""

    async def work(desk: Desk) -> None:
        subject = find(desk.now, organisation, kinds=("organisation",)).subject
        facts = Role(organisation=subject.id, role=name, authority=authority, apis=apis)
        events = await desk.enrolment.role(facts, evidence=evidence)
        tell(desk, subject, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        'trustweft onboard brand harbour-bank harbour --name "Harbour Bank" --issuer https://login.harbour.example'
    )
)
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@click.argument("identifier", metavar="ID")
@click.option("--name", required=True, help="As customers know it.")
@click.option("--issuer", required=True, metavar="URL", help="Its issuer.")
@told_option
@keys_option
def brand(  # noqa: PLR0913  # each is another option
    data: Path,
    person: str | None,
    organisation: str,
    identifier: str,
    *,
    name: str,
    issuer: str,
    events_endpoint: str,
    jwks_uri: str,
    as_json: bool,
) -> None:
    """Enter an authorization server of an organisation."""

    async def work(desk: Desk) -> None:
        above = find(desk.now, organisation, kinds=("organisation",)).subject
        subject = subject_of("brand", identifier)
        events = await desk.enrolment.enter(
            subject,
            Brand(
                organisation=above.id,
                name=name,
                issuer=check_url(issuer, "--issuer"),
                events_endpoint=events_endpoint,
                jwks_uri=jwks_uri,
            ),
        )
        tell(desk, subject, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        'trustweft onboard software acme acme-pay --name "Acme Pay"',
        'trustweft onboard software acme acme-pay --name "Acme Pay" --metadata acme-pay.json',
    )
)
@data_option
@person_option
@json_option
@click.argument("organisation", metavar="ORGANISATION")
@click.argument("identifier", metavar="ID")
@click.option("--name", required=True, help="As people know it.")
@click.option(
    "--metadata",
    type=click.File("rb"),
    metavar="FILE",
    help="Its metadata (RFC 7591), a JSON object; - is standard input.",
)
@told_option
@keys_option
def software(  # noqa: PLR0913  # each is another option
    data: Path,
    person: str | None,
    organisation: str,
    identifier: str,
    *,
    name: str,
    metadata: BinaryIO | None,
    events_endpoint: str,
    jwks_uri: str,
    as_json: bool,
) -> None:
    """Enter a software of an organisation: an application that uses APIs."""
    document: bytes | None = None if metadata is None else metadata.read(_MAXIMUM_METADATA + 1)

    async def work(desk: Desk) -> None:
        above = find(desk.now, organisation, kinds=("organisation",)).subject
        subject = subject_of("software", identifier)
        facts = Software(
            organisation=above.id,
            name=name,
            metadata=_metadata(document, software=subject.id),
            events_endpoint=events_endpoint,
            jwks_uri=jwks_uri,
        )
        tell(desk, subject, await desk.enrolment.enter(subject, facts), as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        "trustweft onboard api harbour-bank accounts --resource https://api.harbour.example",
        "trustweft onboard api harbour-bank accounts --id harbour-accounts --resource https://api.harbour.example",
    )
)
@data_option
@person_option
@json_option
@click.argument("brand", metavar="BRAND")
@click.argument("family", metavar="FAMILY")
@click.option("--id", "identifier", help="What it is called in the directory. [default: its family]")
@click.option("--resource", required=True, metavar="URL", help="Its resource identifier (RFC 9728).")
@click.option("--version", default="", help="Of the API.")
@told_option
@keys_option
@evidence_option
def api(  # noqa: PLR0913  # each is another option
    data: Path,
    person: str | None,
    brand: str,
    family: str,
    *,
    identifier: str | None,
    resource: str,
    version: str,
    events_endpoint: str,
    jwks_uri: str,
    evidence: str,
    as_json: bool,
) -> None:
    """Offer an API; where its authorization server is listed and an operator acts, it is listed too."""

    async def work(desk: Desk) -> None:
        above = find(desk.now, brand, kinds=("brand",)).subject
        subject = subject_of("api", identifier or family)
        facts = Api(
            brand=above.id,
            family=family,
            resource=check_url(resource, "--resource"),
            version=version,
            events_endpoint=events_endpoint,
            jwks_uri=jwks_uri,
        )
        events = await desk.enrolment.enter_and(subject, facts, then="list", evidence=evidence)
        tell(desk, above, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples(
        "trustweft onboard authorise acme-pay accounts --role account-information",
        "trustweft onboard authorise acme-pay payments --role payment-initiation",
    )
)
@data_option
@person_option
@json_option
@click.argument("software", metavar="SOFTWARE")
@click.argument("family", metavar="FAMILY")
@click.option(
    "--role", "role_name", required=True, metavar="ROLE", help="The role of its organisation that permits it."
)
@evidence_option
def authorise(
    data: Path,
    person: str | None,
    software: str,
    family: str,
    *,
    role_name: str,
    evidence: str,
    as_json: bool,
) -> None:
    """Ask that a software may use a family of APIs; where all takes part and an operator acts, it may."""

    async def work(desk: Desk) -> None:
        record = find(desk.now, software, kinds=("software",))
        organisation = record.parents[0].partition(":")[2]
        facts = Authorisation(
            software=record.subject.id, api=family, role=f"{organisation}~{role_name.rpartition('~')[2]}"
        )
        subject = authorisation_subject(software=record.subject.id, api=family)
        events = await desk.enrolment.enter_and(subject, facts, then="grant", evidence=evidence)
        tell(desk, record.subject, events, as_json=as_json)

    at_the_desk(data, person, work)


@click.command(
    epilog=examples("trustweft onboard live acme-pay", "trustweft onboard live brand:harbour --as olga")
)
@data_option
@person_option
@json_option
@click.argument("subject", metavar="SUBJECT")
@evidence_option
def live(data: Path, person: str | None, subject: str, *, evidence: str, as_json: bool) -> None:
    """Let an authorization server or a software go live, once it has all that the profile asks for."""

    async def work(desk: Desk) -> None:
        record = find(desk.now, subject, kinds=("brand", "software"))
        events = await desk.enrolment.advance(record.subject, _GOES_LIVE[record.species], evidence=evidence)
        tell(desk, record.subject, events, as_json=as_json)

    at_the_desk(data, person, work)


def check_url(text: str, option: str) -> str:
    """Return an address that participants may be reached at.

    Raises:
        click.BadParameter: it is no https URL without query and fragment.
    """
    from trustweft.protocol.url import parse_url

    url = parse_url(text)
    if url is None or url.scheme != "https" or "?" in text or "#" in text:
        raise click.BadParameter("an https URL without query and fragment is needed", param_hint=option)
    return text


def _metadata(document: bytes | None, *, software: str) -> Mapping[str, object]:
    """Return metadata that an authorization server would take; the id that it gives is not known yet.

    Raises:
        Reject: ``client-metadata.*``, ``json.*`` and what else is wrong with them.
    """
    if document is None:
        return {}
    read = load_object(document, limit=_MAXIMUM_METADATA)
    read_client_metadata({"client_id": software, **read})
    return read
