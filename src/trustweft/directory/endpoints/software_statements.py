"""Software statements (RFC 7591 section 2.3): the software asks, with one of its keys, and gets what the register says.

``POST /software-statements`` with ``client_assertion_type`` and ``client_assertion``. (1) pace (2) who it is (3) its
right to take part: the software with its organisation, its certification where the profile asks for one, and a role.
What a statement says of scope and redirect URIs is what the register has, never what the request says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trustweft.directory.authenticating import authenticate_software
from trustweft.directory.members import active_keys
from trustweft.directory.needing import valid_certification
from trustweft.directory.objects import Organisation, Role
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import parse_form
from trustweft.protocol.software_statement import (
    ACTIVE,
    STATEMENT_TYPE,
    SoftwareRole,
    SoftwareStatement,
    create_software_statement,
)
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.application import Directory
    from trustweft.directory.objects import Software
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.protocol.http import HttpRequest

__all__ = ["issue_software_statement"]

_ERROR = "unapproved_software_statement"

NOT_ACTIVE = reason(
    "statement-right.software",
    error=_ERROR,
    public="The software, or the organisation that answers for it, does not take part now.",
    status=403,
)
NO_ROLE = reason(
    "statement-right.role",
    error=_ERROR,
    public="The organisation of the software has no role that is active.",
    status=403,
)
NOT_CERTIFIED = reason(
    "statement-right.certification",
    error=_ERROR,
    public="The software has no certification that is valid.",
    status=403,
)


async def issue_software_statement(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Hand out a statement about the software that asks."""
    directory.pace.check(request.peer)
    form = parse_form(request.body, content_type=request.header("content-type"))
    form.refuse_duplicates()
    record, facts = await authenticate_software(directory, form)
    statement = _state(directory, record, facts)
    token = create_software_statement(statement, signer=directory.keys.signer())
    directory.observer.happened(
        "directory", "software statement issued", software=statement.software_id, name=statement.jti[:8]
    )
    headers = (("content-type", f"application/{STATEMENT_TYPE}"), ("cache-control", "no-store"))
    return HttpResponse(200, headers, token.encode("ascii"))


def _state(directory: Directory, record: Record, facts: Software) -> SoftwareStatement:
    snapshot, now = directory.snapshot(), directory.clock.now()
    subject = str(record.subject)
    standing = snapshot.effective(subject)
    if not standing.active:
        raise NOT_ACTIVE.reject(f"{subject} counts as {standing.effect}")
    if (
        "software" in directory.terms().certified
        and valid_certification(snapshot, record.subject, at=now) is None
    ):
        raise NOT_CERTIFIED.reject(subject)
    roles = tuple(_roles(snapshot, facts.organisation))
    if not any(each.status == ACTIVE for each in roles):
        raise NO_ROLE.reject(facts.organisation)
    organisation = snapshot.find(f"organisation:{facts.organisation}").facts
    said = facts.metadata
    by_reference = said.get("jwks_uri")
    members = [jwk for _, jwk in active_keys(snapshot, subject, use="sig")]
    return SoftwareStatement(
        issuer=directory.config.issuer,
        jti=directory.entropy.token(),
        issued_at=now,
        expires_at=now + directory.profile.limits.software_statement_max_age,
        software_id=record.subject.id,
        client_name=facts.name,
        organisation_id=facts.organisation,
        organization_name=organisation.name if isinstance(organisation, Organisation) else "",
        roles=roles,
        scope=tuple(str(said.get("scope", "")).split()),
        redirect_uris=_texts(said.get("redirect_uris")),
        jwks_uri=by_reference if isinstance(by_reference, str) else None,
        jwks=None if isinstance(by_reference, str) else {"keys": members},
        certificate_thumbprints=tuple(_certificates(snapshot, subject)),
        authorization_details_types=_texts(said.get("authorization_details_types")),
    )


def _roles(snapshot: Snapshot, organisation: str) -> Iterator[SoftwareRole]:
    """Yield the roles of an organisation that were ever granted, each with what it counts as."""
    for child in snapshot.children(f"organisation:{organisation}"):
        facts, effect = snapshot.find(child).facts, snapshot.effective(child).effect
        if isinstance(facts, Role) and effect is not None:
            yield SoftwareRole(role=facts.role, status=effect)


def _certificates(snapshot: Snapshot, subject: str) -> Iterator[str]:
    for child in snapshot.children(subject):
        record = snapshot.find(child)
        if record.species == "certificate" and snapshot.effective(child).active:
            yield record.subject.id


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
