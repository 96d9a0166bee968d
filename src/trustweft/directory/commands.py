"""What somebody asks of the directory; `deciding.py` makes events of it, or refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.objects import Facts

__all__ = ["Add", "Amend", "Approve", "Command", "Decline", "EndRegistration", "Move", "NoteRegistration"]


class Add(Struct, frozen=True, kw_only=True):
    """Enter something new."""

    subject: Subject
    facts: Facts
    reason: str = ""


class Amend(Struct, frozen=True, kw_only=True):
    """Change what is known of something; ``facts`` are all of them."""

    subject: Subject
    facts: Facts
    reason: str = ""


class Move(Struct, frozen=True, kw_only=True):
    """Take an arrow of a lifecycle.

    Attributes:
        reason: why, in words; whoever is stopped is told.
        evidence: where what it rests on is found: a document's digest, the address of a run.
        due_at: when a participant that gives notice leaves.
    """

    subject: Subject
    action: str
    reason: str = ""
    evidence: str = ""
    due_at: float | None = None


class Approve(Struct, frozen=True, kw_only=True):
    """Be the second person of a proposal."""

    proposal: int


class Decline(Struct, frozen=True, kw_only=True):
    """Say no to a proposal, or take one's own back."""

    proposal: int
    reason: str = ""


class NoteRegistration(Struct, frozen=True, kw_only=True):
    """Note the ``client_id`` that an authorization server gave a software."""

    software: Subject
    brand: Subject
    client_id: str


class EndRegistration(Struct, frozen=True, kw_only=True):
    """Note that an authorization server removed a software's registration."""

    software: Subject
    brand: Subject
    reason: str = ""


Command: TypeAlias = Add | Amend | Move | Approve | Decline | NoteRegistration | EndRegistration
