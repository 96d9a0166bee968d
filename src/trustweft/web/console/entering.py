"""Entering something new: an organisation that applies, and what belongs to one that is there.

Keys, certificates and certifications are entered by `trustweft onboard` alone: they rest on proofs, which it checks.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from trustweft.directory.commands import Add
from trustweft.directory.identifiers import authorisation_subject, parse_subject, role_subject
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import (
    Api,
    Authorisation,
    Brand,
    Contact,
    Facts,
    Organisation,
    Role,
    Software,
)
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Shown, reason
from trustweft.runtime.strict_json import load_object
from trustweft.web.console.parts import ROOT
from trustweft.web.console.rights import NOT_FOUND, NOT_PERMITTED, find_visible
from trustweft.web.console.words import named, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.directory.identifiers import Subject
    from trustweft.directory.people import Person
    from trustweft.directory.snapshot import Record
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit

__all__ = [
    "FORMS",
    "LONGEST",
    "WRONG_FIELD",
    "EntryForm",
    "Field",
    "enter",
    "entry_forms",
    "entry_path",
    "show_entry_form",
    "value_of",
]

MISSING = reason(
    "console.missing-field",
    error="invalid_request",
    public="A field that is needed is empty.",
    shown=Shown.PAGE,
)
WRONG_FIELD = reason(
    "console.wrong-field",
    error="invalid_request",
    public="A field is too long, is no https address where one is asked for, or names what there is not.",
    shown=Shown.PAGE,
)
LONGEST: Final = 300
_LONGEST_METADATA: Final = 16_384


class Field(Struct, frozen=True, kw_only=True):
    """A field of a form, by the name of the fact that it becomes; ``id`` is the subject's own.

    Attributes:
        lasting: what something is known by, or has been certified with: it is entered once, and not amended here.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = False
    lasting: bool = False


class EntryForm(Struct, frozen=True, kw_only=True):
    """What is asked about something new.

    Attributes:
        under: the kind of what it belongs to; empty for an organisation.
    """

    under: str
    facts: type[Facts]
    fields: tuple[Field, ...]


_ID: Final = Field(name="id", label="Id: letters, digits, dots, hyphens", required=True, lasting=True)
_NAME: Final = Field(name="name", label="Name", required=True)
_FOLLOWING: Final = (
    Field(
        name="events_endpoint", label="Where it is told of events (RFC 8935), an https address", kind="url"
    ),
    Field(name="jwks_uri", label="Where the keys of its receipts are, an https address", kind="url"),
)
FORMS: Final[Mapping[str, EntryForm]] = MappingProxyType(
    {
        "organisation": EntryForm(
            under="",
            facts=Organisation,
            fields=(
                _ID,
                _NAME,
                Field(name="registration", label="Number in the register"),
                Field(name="register", label="Register of companies or licences"),
                Field(name="jurisdiction", label="Jurisdiction, such as GB"),
            ),
        ),
        "role": EntryForm(
            under="organisation",
            facts=Role,
            fields=(
                Field(name="role", label="Role", required=True, lasting=True),
                Field(name="authority", label="Authority that gives it", lasting=True),
                Field(
                    name="apis",
                    label="Families of APIs that it permits, separated by commas",
                    kind="list",
                    lasting=True,
                ),
            ),
        ),
        "brand": EntryForm(
            under="organisation",
            facts=Brand,
            fields=(
                _ID,
                _NAME,
                Field(
                    name="issuer", label="Issuer, an https address", kind="url", required=True, lasting=True
                ),
                Field(name="logo_uri", label="Logo, an https address", kind="url"),
                *_FOLLOWING,
            ),
        ),
        "api": EntryForm(
            under="brand",
            facts=Api,
            fields=(
                _ID,
                Field(name="family", label="Family of APIs", required=True, lasting=True),
                Field(
                    name="resource", label="Resource identifier, an https address", kind="url", lasting=True
                ),
                Field(name="version", label="Version"),
                *_FOLLOWING,
            ),
        ),
        "software": EntryForm(
            under="organisation",
            facts=Software,
            fields=(
                _ID,
                _NAME,
                Field(
                    name="metadata",
                    label="Client metadata (RFC 7591), a JSON object",
                    kind="json",
                    lasting=True,
                ),
                *_FOLLOWING,
            ),
        ),
        "authorisation": EntryForm(
            under="software",
            facts=Authorisation,
            fields=(
                Field(name="api", label="Family of APIs", required=True, lasting=True),
                Field(
                    name="role",
                    label="Role that permits it, as ORGANISATION~ROLE",
                    required=True,
                    lasting=True,
                ),
            ),
        ),
        "contact": EntryForm(
            under="organisation",
            facts=Contact,
            fields=(
                _ID,
                Field(name="purpose", label="For security, technical, business or privacy", required=True),
                Field(name="name", label="Name"),
                Field(name="email", label="Email"),
                Field(name="telephone", label="Telephone"),
            ),
        ),
    }
)


def entry_path(species: str, under: str = "") -> str:
    """Return the address of a form."""
    return f"{ROOT}/enter/{species}" + (f"?{urlencode({'under': under})}" if under else "")


def entry_forms(person: Person, record: Record) -> list[tuple[str, str]]:
    """Return title and address of what somebody may enter below something that has not ended."""
    if record.standing.effect == "ended" or record.state == "rejected":
        return []
    return [
        (LIFECYCLES[species].title, entry_path(species, str(record.subject)))
        for species, form in FORMS.items()
        if form.under == record.species and person.part in LIFECYCLES[species].adds
    ]


async def show_entry_form(visit: Visit) -> HttpResponse:
    """The form."""
    species, form, above = _find_form(visit, visit.query.get("under") or "")
    return visit.page(
        "enter",
        place="participants",
        species=species,
        title=LIFECYCLES[species].title,
        fields=form.fields,
        above=named(visit.snapshot, above) if above else None,
        longest=LONGEST,
        path=f"{ROOT}/enter/{species}",
    )


async def enter(visit: Visit) -> HttpResponse:
    """Enter it, in the first state of its lifecycle; the register checks the rest."""
    species, form, above = _find_form(visit, visit.form.get("under") or "")
    facts: dict[str, Any] = {
        field.name: value for field in form.fields if (value := value_of(visit, field)) is not None
    }
    if above is not None:
        facts[form.under] = above.subject.id
    subject = _subject(species, facts)
    try:
        made = msgspec.convert(facts, form.facts)
    except msgspec.ValidationError as cause:
        raise WRONG_FIELD.reject(str(cause)[:200]) from cause
    await visit.parts.keeper.carry_out(Add(subject=subject, facts=made), actor=visit.person.actor)
    return visit.go(path_of(str(subject)), said="done")


def _find_form(visit: Visit, under: str) -> tuple[str, EntryForm, Record | None]:
    """Return the form that an address names, and what the new thing will belong to.

    Raises:
        Reject: ``console.not-found``, ``console.not-permitted``.
    """
    species = visit.named["species"]
    form = FORMS.get(species)
    if form is None:
        raise NOT_FOUND.reject(f"form {species[:80]!r}")
    if visit.person.part not in LIFECYCLES[species].adds:
        raise NOT_PERMITTED.reject(f"{visit.person.name} enters {species}")
    if not form.under:
        return species, form, None
    above = find_visible(visit.person, visit.snapshot, under)
    if above.species != form.under:
        raise NOT_FOUND.reject(f"{species} under {above.subject}")
    return species, form, above


def value_of(visit: Visit, field: Field) -> Any:
    """Return what a field says, None where it is empty.

    Raises:
        Reject: ``console.missing-field``, ``console.wrong-field``, ``json.*``.
    """
    text = (visit.form.get(field.name) or "").strip()
    if not text:
        if field.required:
            raise MISSING.reject(field.name)
        return None
    if field.kind == "json":
        return load_object(text.encode(), limit=_LONGEST_METADATA)
    if len(text) > LONGEST or (field.kind == "url" and not _is_https(text)):
        raise WRONG_FIELD.reject(f"{field.name}: {text[:80]!r}")
    if field.kind == "list":
        return [each.strip() for each in text.split(",") if each.strip()]
    return text


def _is_https(text: str) -> bool:
    return parse_url(text) is not None and urlsplit(text).scheme == "https"


def _subject(species: str, facts: dict[str, Any]) -> Subject:
    """Return whom the new facts are about, and take the id out of them.

    Raises:
        Reject: ``register.malformed-subject``.
    """
    if species == "role":
        return role_subject(organisation=facts["organisation"], role=facts["role"])
    if species == "authorisation":
        return authorisation_subject(software=facts["software"], api=facts["api"])
    return parse_subject(f"{species}:{facts.pop('id')}")
