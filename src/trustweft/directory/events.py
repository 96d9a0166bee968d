"""What happened: the directory is nothing but these, in their order.

An event is written once and read for ever: a new field gets a default, a new kind of event a new tag, and none
changes its meaning (`tests/vectors/directory-events.json` holds one of each as it was first written).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from trustweft.directory.lifecycle import Part  # noqa: TC001  # msgspec reads the annotations
from trustweft.directory.objects import Facts  # noqa: TC001  # msgspec reads the annotations

__all__ = [
    "Actor",
    "Added",
    "Amended",
    "Approved",
    "Declined",
    "Event",
    "Moved",
    "Proposed",
    "Registered",
    "Unregistered",
    "decode_event",
    "encode_event",
]


class Actor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acts, and as what; an administrator for one organisation."""

    id: str
    part: Part
    organisation: str | None = None


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """What every event says.

    Attributes:
        sequence: its place, counted from 1 without a gap.
        at: when, in seconds since the epoch; never before the event that precedes it.
        by: who did it.
        approved_by: the second person, where the profile asks for one.
        subject: of whom it speaks, ``kind:id``.
        reason: why, in words.
    """

    sequence: int
    at: float
    by: Actor
    subject: str
    reason: str = ""
    approved_by: Actor | None = None


class Added(_Event, frozen=True, kw_only=True, tag="added"):
    """Something was entered, and is in the first state of its lifecycle."""

    facts: Facts


class Amended(_Event, frozen=True, kw_only=True, tag="amended"):
    """What is known of something changed; these are all facts from now on."""

    facts: Facts


class Moved(_Event, frozen=True, kw_only=True, tag="moved"):
    """Something went from one state to another.

    Attributes:
        evidence: where what it rests on is found.
        order: the id of the order that participants carry out, where it is one.
        touched: what depends on the subject and is stopped, or goes on, with it.
        due_at: of a notice, when the participant leaves.
        deadlines: seconds within which participants ``refuse`` and ``clean_up``.
    """

    action: str
    before: str
    after: str
    evidence: str = ""
    order: str | None = None
    touched: tuple[str, ...] = ()
    due_at: float | None = None
    deadlines: dict[str, int] = {}  # msgspec copies an empty default


class Proposed(_Event, frozen=True, kw_only=True, tag="proposed"):
    """A move waits for a second person; the proposal's id is the sequence of this event."""

    action: str
    evidence: str = ""
    due_at: float | None = None


class Approved(_Event, frozen=True, kw_only=True, tag="approved"):
    """A second person agreed; the move follows as the next event."""

    proposal: int


class Declined(_Event, frozen=True, kw_only=True, tag="declined"):
    """A proposal came to nothing: somebody said no, or took it back."""

    proposal: int


class Registered(_Event, frozen=True, kw_only=True, tag="registered"):
    """An authorization server gave the software this ``client_id``."""

    brand: str
    client_id: str


class Unregistered(_Event, frozen=True, kw_only=True, tag="unregistered"):
    """An authorization server removed the registration of the software."""

    brand: str
    client_id: str


Event: TypeAlias = Added | Amended | Moved | Proposed | Approved | Declined | Registered | Unregistered

_DECODER: Final = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return the event as JSON, as it stands in the store and in the evidence log."""
    return msgspec.json.encode(event, order="deterministic")


def decode_event(octets: bytes) -> Event:
    """Read an event back, of this version or an earlier one.

    Raises:
        msgspec.ValidationError: it is none.
    """
    event: Event = _DECODER.decode(octets)
    return event
