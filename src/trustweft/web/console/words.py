"""How the register's own values are put into words: names of subjects, what an event says, what something counts as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

import msgspec
from msgspec import Struct

from trustweft.directory.events import (
    Added,
    Amended,
    Approved,
    Declined,
    Moved,
    Proposed,
    Registered,
    Unregistered,
)
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import (
    Api,
    Authorisation,
    Brand,
    Certificate,
    Certification,
    Contact,
    Key,
    Organisation,
    Role,
    Software,
    User,
)
from trustweft.web.console.parts import ROOT
from trustweft.web.wording import LAST_INSTANT, instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.events import Actor, Event
    from trustweft.directory.snapshot import Record, Snapshot

__all__ = ["Line", "Named", "actor_words", "fact_rows", "line_of", "named", "path_of", "title_of"]

_SHOWN_OF_THUMBPRINT: Final = 10
_TIMES: Final = frozenset(("valid_until", "tested_at"))


class Named(Struct, frozen=True, kw_only=True):
    """A subject as pages show it.

    Attributes:
        subject: ``kind:id``.
        title: its name for people, which strangers chose.
        kind: what it is, in words.
        state: of its lifecycle; ``effect`` what it counts as with all that it depends on, ``waiting`` before it counts.
        held_by: what it depends on that holds it back, if it is not its own state.
        since: when it came into its state, seconds since the epoch.
    """

    subject: str
    path: str
    title: str
    kind: str
    species: str
    state: str
    effect: str
    since: float
    held_by: str = ""


class Line(Struct, frozen=True, kw_only=True):
    """An event in words."""

    sequence: int
    at: float
    by: str
    approved_by: str
    subject: str
    what: str
    reason: str
    order: str = ""
    evidence: str = ""


def path_of(subject: str) -> str:
    """Return the address of a subject's page; its grammar leaves nothing to escape but what browsers leave alone too."""
    return f"{ROOT}/participants/{subject}"


def title_of(record: Record) -> str:
    """Return the name of a subject for people."""
    facts = record.facts
    match facts:
        case Organisation() | Brand() | Software():
            title = facts.name
        case User() | Contact():
            title = facts.name or record.subject.id
        case Role():
            title = facts.role
        case Api():
            title = f"{facts.family} {facts.version}".strip()
        case Authorisation():
            title = f"may use {facts.api}"
        case Key() | Certificate():
            title = f"{record.subject.id[:_SHOWN_OF_THUMBPRINT]}…"
        case Certification():
            title = f"{record.subject.id} ({facts.method})"
        case _ as never:
            assert_never(never)
    return title or record.subject.id


def named(snapshot: Snapshot, record: Record) -> Named:
    """Return a subject as pages show it."""
    subject = str(record.subject)
    effective = snapshot.effective(subject)
    held = effective.effect != record.standing.effect
    return Named(
        subject=subject,
        path=path_of(subject),
        title=title_of(record),
        kind=LIFECYCLES[record.species].title,
        species=record.species,
        state=record.state,
        effect=effective.effect or "waiting",
        since=record.since,
        held_by=_holder(snapshot, record) if held else "",
    )


def _holder(snapshot: Snapshot, record: Record) -> str:
    """Return what holds something back: the nearest above it that counts the same."""
    effect = snapshot.effective(record.subject).effect
    for parent in record.parents:
        above = snapshot.find(parent)
        if above.standing.effect == effect:
            return parent
        if snapshot.effective(parent).effect == effect:
            return _holder(snapshot, above)
    return ""


def actor_words(actor: Actor) -> str:
    """Return who acted, and as what."""
    if actor.part == "directory":
        return "the directory"
    return f"{actor.id} ({actor.part}{' of ' + actor.organisation if actor.organisation else ''})"


def line_of(event: Event) -> Line:
    """Return an event in words."""
    return Line(
        sequence=event.sequence,
        at=event.at,
        by=actor_words(event.by),
        approved_by=actor_words(event.approved_by) if event.approved_by else "",
        subject=event.subject,
        what=_what(event),
        reason=event.reason,
        order=(event.order or "") if isinstance(event, Moved) else "",
        evidence=event.evidence if isinstance(event, Moved | Proposed) else "",
    )


def _what(event: Event) -> str:
    match event:
        case Added():
            words = "entered"
        case Amended():
            words = "facts changed"
        case Moved():
            words = f"{event.action}: {event.before} → {event.after}"
        case Proposed():
            words = f"{event.action} proposed (number {event.sequence})"
        case Approved():
            words = f"proposal {event.proposal} approved"
        case Declined():
            words = f"proposal {event.proposal} declined"
        case Registered():
            words = f"registered at {event.brand} as {event.client_id}"
        case Unregistered():
            words = f"registration at {event.brand} ended"
        case _ as never:
            assert_never(never)
    return words


def fact_rows(record: Record) -> Iterator[tuple[str, str]]:
    """Yield what is known of a subject: the name of each fact, and its value as text."""
    for name, value in msgspec.structs.asdict(record.facts).items():
        if value in (None, "", (), {}):
            continue
        if name in _TIMES and 0 <= value <= LAST_INSTANT:
            text = instant(value)
        elif isinstance(value, tuple):
            text = ", ".join(map(str, value))
        elif isinstance(value, str):
            text = value
        else:
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        yield name.replace("_", " "), text
