"""Entering something new, and changing what is known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.directory.events import Added, Amended
from trustweft.directory.identifiers import authorisation_subject, parse_subject, role_subject, species_of
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import (
    FACTS,
    LINKS,
    Authorisation,
    Brand,
    Certificate,
    Facts,
    Key,
    Role,
    User,
    name_of,
    parents_of,
)
from trustweft.directory.permitting import check_may, organisations_of
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.commands import Add, Amend
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.snapshot import Snapshot
    from trustweft.directory.stamp import Stamp

__all__ = ["FOLLOWING", "add", "amend"]

EXISTS = reason(
    "register.exists", error="invalid_request", public="The directory has this subject already.", status=409
)
WRONG_FACTS = reason(
    "register.wrong-facts",
    error="invalid_request",
    public="The facts do not fit the subject that they are about.",
)
PARENT_STOPPED = reason(
    "register.parent-stopped",
    error="invalid_request",
    public="What the subject would depend on has ended.",
    status=409,
)
FIXED = reason(
    "register.belongs-elsewhere",
    error="invalid_request",
    public="What a subject belongs to does not change; enter a new one instead.",
)
ENDED = reason(
    "register.ended", error="invalid_request", public="What has ended is not changed any more.", status=409
)
TAKEN = reason(
    "register.identifier-taken",
    error="invalid_request",
    public="That issuer, resource or Entity Identifier is another's.",
    status=409,
)
NO_ROLE = reason(
    "register.role-does-not-permit",
    error="invalid_request",
    public="That role is of another organisation, or does not permit this API.",
)

FOLLOWED = reason(
    "register.following-fixed",
    error="access_denied",
    public="Where something that takes part is told of events, and which keys sign its receipts, an operator changes.",
    status=403,
)

# What the proof rests on that a participant follows orders: whoever could change it alone could answer for it.
FOLLOWING: Final = ("events_endpoint", "jwks_uri")
# RFC 7638 and RFC 8705 section 3.1: SHA-256 in base64url without padding.
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def add(snapshot: Snapshot, command: Add, *, stamp: Stamp) -> tuple[Added]:
    """Enter something new under what is there and has not ended.

    Raises:
        Reject: ``register.malformed-subject``, ``.wrong-facts``, ``.unknown-subject``, ``.not-permitted``, ``.exists``,
            ``.parent-stopped``, ``.role-does-not-permit``, ``.identifier-taken``.
    """
    subject, facts = parse_subject(str(command.subject)), command.facts
    _check_fits(subject, facts)
    _check_customer(snapshot, subject, facts)
    parents = parents_of(facts)
    above = [snapshot.effective(parent) for parent in parents]
    lifecycle = LIFECYCLES[species_of(subject)]
    check_may(snapshot, stamp.by, parts=lifecycle.adds, about=subject, parents=parents)
    if snapshot.get(subject) is not None:
        raise EXISTS.reject(str(subject))
    if any(each.effect == "ended" for each in above):
        raise PARENT_STOPPED.reject(f"{subject} under {', '.join(parents)}")
    if isinstance(facts, Authorisation):
        _check_role(snapshot, facts)
    _check_names(snapshot, subject, facts)
    sequence, at, by = stamp
    return (
        Added(
            sequence=sequence + 1,
            at=at,
            by=by,
            subject=str(subject),
            reason=command.reason,
            facts=facts,
        ),
    )


def amend(snapshot: Snapshot, command: Amend, *, stamp: Stamp) -> tuple[Amended]:
    """Change what is known of something that has not ended, but not what it belongs to.

    Raises:
        Reject: ``register.unknown-subject``, ``.wrong-facts``, ``.not-permitted``, ``.belongs-elsewhere``, ``.ended``,
            ``.identifier-taken``, ``.following-fixed``.
    """
    record = snapshot.find(command.subject)
    _check_fits(record.subject, command.facts)
    _check_customer(snapshot, record.subject, command.facts)
    check_may(snapshot, stamp.by, parts=LIFECYCLES[record.species].adds, about=record.subject)
    if parents_of(command.facts) != record.parents:
        raise FIXED.reject(str(record.subject))
    if snapshot.effective(record.subject).effect == "ended":
        raise ENDED.reject(str(record.subject))
    if stamp.by.part == "administrator" and record.standing.effect is not None:
        for field in FOLLOWING:
            if getattr(command.facts, field, "") != getattr(record.facts, field, ""):
                raise FOLLOWED.reject(f"{record.subject}: {field}")
    _check_names(snapshot, record.subject, command.facts)
    return (
        Amended(
            sequence=stamp.sequence + 1,
            at=stamp.at,
            by=stamp.by,
            subject=str(record.subject),
            reason=command.reason,
            facts=command.facts,
        ),
    )


def _check_fits(subject: Subject, facts: Facts) -> None:
    """Hold that facts are of the kind that the id says, that joined ids join them, and that owners can own."""
    species = species_of(subject)
    if not isinstance(facts, FACTS[species]):
        raise WRONG_FACTS.reject(f"{subject} and {type(facts).__name__}")
    joined = {
        Role: lambda: role_subject(organisation=facts.organisation, role=facts.role),  # type: ignore[union-attr]  # asked for roles alone
        Authorisation: lambda: authorisation_subject(software=facts.software, api=facts.api),  # type: ignore[union-attr]  # likewise
    }.get(type(facts))
    if joined is not None and joined() != subject:
        raise WRONG_FACTS.reject(f"{subject} is not {joined()}")
    if isinstance(facts, Key | Certificate) and not _THUMBPRINT.fullmatch(subject.id):
        raise WRONG_FACTS.reject(f"{subject.id} is no thumbprint")
    for link in LINKS:
        named = getattr(facts, link.field) if link.child == species else None
        if named is not None and len(link.parents) > 1 and parse_subject(named).kind not in link.parents:
            raise WRONG_FACTS.reject(f"{subject} cannot depend on {named}")


def _check_customer(snapshot: Snapshot, subject: Subject, facts: Facts) -> None:
    """Hold that a customer is one of a brand of the own organisation, and is named so; nobody else's is ended with it."""
    if not isinstance(facts, User):
        return
    if facts.part == "administrator":
        if facts.brand is not None or "~" in subject.id:
            raise WRONG_FACTS.reject(f"{subject} is an administrator, and none of a brand's customers")
        return
    if facts.brand is None or not subject.id.startswith(f"{facts.brand}~"):
        raise WRONG_FACTS.reject(f"{subject} is no customer of brand {facts.brand}")
    brand = snapshot.find(f"brand:{facts.brand}").facts
    if not isinstance(brand, Brand) or brand.organisation != facts.organisation:
        raise WRONG_FACTS.reject(f"{subject}: brand {facts.brand} is not of {facts.organisation}")


def _check_names(snapshot: Snapshot, subject: Subject, facts: Facts) -> None:
    """Hold that nobody takes the name of another, under which others are told of it, and that names and addresses are https.

    What belongs to one organisation may share a name, as the APIs of one resource server do; what has ended or was
    rejected has none.
    """
    given = name_of(facts)
    if given and not _is_https(given):
        raise WRONG_FACTS.reject(f"{subject}: {given!r:.200}")
    name = _normal(given)
    if name:
        own = organisations_of(snapshot, subject, parents=parents_of(facts))
        for record in snapshot.records():
            if (
                _normal(name_of(record.facts)) == name
                and record.state != "rejected"
                and organisations_of(snapshot, record.subject) != own
                and snapshot.effective(record.subject).effect != "ended"
            ):
                raise TAKEN.reject(f"{subject}: {name[:200]} is of {record.subject}")
    for field in FOLLOWING:
        address = getattr(facts, field, "")
        if address and not _is_https(address):
            raise WRONG_FACTS.reject(f"{subject}: {field} {address!r:.200}")


def _is_https(address: str) -> bool:
    url = parse_url(address)
    return url is not None and url.scheme == "https"


def _normal(name: str) -> str:
    """Return a URL as it is compared: nobody takes another's name by a capital, a port or a stroke at the end."""
    parts = urlsplit(name)
    return (
        f"{parts.scheme}://{parts.netloc}".lower().removesuffix(":443") + parts.path.rstrip("/")
        if name
        else ""
    )


def _check_role(snapshot: Snapshot, facts: Authorisation) -> None:
    """Hold that the role is of the software's organisation, and permits the API."""
    role = snapshot.find(f"role:{facts.role}").facts
    software = snapshot.find(f"software:{facts.software}").facts
    if not isinstance(role, Role) or role.organisation != getattr(software, "organisation", None):
        raise NO_ROLE.reject(f"{facts.role} for {facts.software}")
    if facts.api not in role.apis:
        raise NO_ROLE.reject(f"{facts.role} permits {', '.join(role.apis) or 'no API'}, not {facts.api}")
