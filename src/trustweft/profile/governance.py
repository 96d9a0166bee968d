"""What a profile says beyond values: who takes part, who answers for what, what is exchanged, and what is accepted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct, field

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = [
    "Deadline",
    "Interaction",
    "Message",
    "ParticipantRole",
    "Residual",
    "Responsibility",
    "check_governance",
]

Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, Meta(min_length=4, max_length=400)]
Seconds = Annotated[int, Meta(ge=1, le=3_155_760_000)]  # a hundred years, as in a limit


class ParticipantRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who takes part: an id, a name for people, and what they are there for."""

    id: Name
    title: Text
    role: Text


class Responsibility(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One duty of one participant.

    Attributes:
        id: its name.
        who: the participant who does it.
        accountable: the participant who answers for it.
        duty: what is done, as a sentence.
        evidence: what shows that it was done.
        deadline: within how many seconds, where there is a time.
        requirements: the clauses that ask for it.
    """

    id: Name
    who: Name
    accountable: Name | None = None
    duty: Text
    evidence: Text | None = None
    deadline: Seconds | None = None
    requirements: tuple[str, ...] = ()


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of an interaction; ``source`` is written ``from`` in the file, ``target`` ``to``."""

    source: Name = field(name="from")
    target: Name = field(name="to")
    text: Text
    requirements: tuple[str, ...] = ()


class Interaction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What participants exchange for one purpose, message by message."""

    id: Name
    title: Text
    message: Annotated[tuple[Message, ...], Meta(min_length=1)]


class Deadline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time that on-boarding or off-boarding keeps, in seconds, and where it comes from."""

    value: Seconds
    why: Text


Attacker = Literal["a1", "a1a", "a2", "a3a", "a3b", "a4", "a5", "preparer", "initiator", "reader"]
Goal = Literal[
    "authorization",
    "authentication",
    "session-integrity-authentication",
    "session-integrity-authorization",
    "non-repudiation",
    "confidentiality-of-claims",
]


class Residual(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A risk that is known and accepted.

    Attributes:
        attackers: who is needed for it, beside A1.
        goal: what they break.
        attack: the attack's id in the corpus.
        condition: when it applies, as a sentence.
        closed_by: mechanisms of which each would close it; empty when none is known.
        section: where it is described.
        reason: why it is accepted.
    """

    attackers: Annotated[tuple[Attacker, ...], Meta(min_length=1)]
    goal: Goal
    attack: Name
    condition: Text
    closed_by: tuple[str, ...] = ()
    section: str
    reason: Text


def check_governance(
    participants: Collection[ParticipantRole],
    responsibilities: Collection[Responsibility],
    interactions: Collection[Interaction],
    known_requirements: Iterable[str],
) -> None:
    """Hold that everybody and every clause that is named exists, and that no two things have one id.

    Raises:
        ProfileError: a name is unknown or there twice, with the place where it stands.
    """
    _check_once((each.id for each in participants), "participants")
    _check_once((each.id for each in responsibilities), "responsibilities")
    _check_once((each.id for each in interactions), "interactions")
    people = {participant.id for participant in participants}
    clauses = set(known_requirements)
    for responsibility in responsibilities:
        where = f"responsibility {responsibility.id}"
        named = [responsibility.who, *([responsibility.accountable] if responsibility.accountable else [])]
        _check_names(named, people, "participant", where)
        _check_names(responsibility.requirements, clauses, "requirement", where)
    for interaction in interactions:
        for message in interaction.message:
            where = f"interaction {interaction.id}"
            _check_names((message.source, message.target), people, "participant", where)
            _check_names(message.requirements, clauses, "requirement", where)


def _check_once(identifiers: Iterable[str], kind: str) -> None:
    twice = [identifier for identifier, count in Counter(identifiers).items() if count > 1]
    if twice:
        raise ProfileError(f"several {kind} have one id: {', '.join(twice)}")


def _check_names(names: Iterable[str], known: set[str], kind: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise ProfileError(f"{where} names an unknown {kind}: {name}")
