"""Changing what is known of something: names, logos, contacts, where events go. What it is known by stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.directory.adding import FOLLOWING
from trustweft.directory.commands import Amend
from trustweft.directory.events import Amended
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.runtime.errors import Shown, reason
from trustweft.web.console.entering import FORMS, LONGEST, WRONG_FIELD, Field, value_of
from trustweft.web.console.rights import NOT_FOUND, NOT_PERMITTED, find_visible
from trustweft.web.console.words import named, path_of

if TYPE_CHECKING:
    from trustweft.directory.people import Person
    from trustweft.directory.snapshot import Record
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit

__all__ = ["amend", "amending_path", "show_amend_form"]

AMENDED = reason(
    "console.amended-meanwhile",
    error="invalid_request",
    public="Somebody else changed it since the form was made. Look at it again.",
    status=409,
    shown=Shown.PAGE,
)
# Which terms were signed is what operators note; nobody says it of themselves.
_TERMS: Final = Field(name="terms", label="Version of the terms that it signed")


def amending_path(person: Person, record: Record) -> str:
    """Return the address of the form; empty where the person may change nothing, or it has ended."""
    if record.standing.effect == "ended" or record.state == "rejected" or not _fields(person, record):
        return ""
    return f"{path_of(str(record.subject))}/amend"


async def show_amend_form(visit: Visit) -> HttpResponse:
    """The form, with what is known now."""
    record, fields = _find(visit)
    known = msgspec.structs.asdict(record.facts)
    return visit.page(
        "amend",
        place="participants",
        shown=named(visit.snapshot, record),
        fields=[(field, str(known[field.name] or "")) for field in fields],
        known=visit.snapshot.sequence,
        longest=LONGEST,
        path=visit.request.path,
    )


async def amend(visit: Visit) -> HttpResponse:
    """Change it; the register checks the rest."""
    record, fields = _find(visit)
    _check_nobody_else(visit, record)
    why = (visit.form.get("reason") or "").strip()
    if len(why) > LONGEST:
        raise WRONG_FIELD.reject("reason")
    told: dict[str, Any] = {field.name: value_of(visit, field) or "" for field in fields}
    try:
        facts = msgspec.convert(msgspec.structs.asdict(record.facts) | told, type(record.facts))
    except msgspec.ValidationError as cause:
        raise WRONG_FIELD.reject(str(cause)[:200]) from cause
    if facts != record.facts:
        command = Amend(subject=record.subject, facts=facts, reason=why)
        await visit.parts.keeper.carry_out(command, actor=visit.person.actor)
    return visit.go(path_of(str(record.subject)), said="done")


def _fields(person: Person, record: Record) -> tuple[Field, ...]:
    form = FORMS.get(record.species)
    if form is None or person.part not in LIFECYCLES[record.species].adds:
        return ()
    kept = FOLLOWING if person.part == "administrator" and record.standing.effect is not None else ()
    fields = tuple(field for field in form.fields if not field.lasting and field.name not in kept)
    noted = (_TERMS,) if record.species == "organisation" and person.part == "operator" else ()
    return (*fields, *noted)


def _find(visit: Visit) -> tuple[Record, tuple[Field, ...]]:
    """Return whom an address names, and what the person may change.

    Raises:
        Reject: ``console.not-found``, ``console.not-permitted``.
    """
    record = find_visible(visit.person, visit.snapshot, visit.named["subject"])
    if record.species not in FORMS:
        raise NOT_FOUND.reject(f"nothing to amend: {record.subject}")
    fields = _fields(visit.person, record)
    if not fields:
        raise NOT_PERMITTED.reject(f"{visit.person.name} amends {record.subject}")
    return record, fields


def _check_nobody_else(visit: Visit, record: Record) -> None:
    """Hold that nobody changed the facts since the form was made, who would be overruled unawares.

    Raises:
        Reject: ``console.amended-meanwhile``.
    """
    text = visit.form.get("known") or ""
    known = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(2**63)) else 0
    subject = str(record.subject)
    for event in reversed(visit.register.events):
        if event.sequence <= known:
            return
        if isinstance(event, Amended) and event.subject == subject:
            raise AMENDED.reject(f"{subject}: event {event.sequence}, the form said {known}")
