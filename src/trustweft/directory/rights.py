"""May this software do this here, now? One function; a decision lists what it rests on and can be made again.

right = organisation active ∧ role ∧ brand ∧ software ∧ key valid ∧ certification valid, and where they are named the
API, the authorisation for it and the certificate. The user's grant is the authorization server's own matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.directory.identifiers import parse_subject
from trustweft.directory.needing import valid_certification
from trustweft.directory.objects import Api, Certificate, Key, Role, Software
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.snapshot import Record, Snapshot

__all__ = ["Decision", "Input", "Question", "check_right", "decide_right"]

REFUSED = reason(
    "right.refused",
    error="access_denied",
    public="The directory does not give this software that right.",
    status=403,
)


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose right is asked for.

    Attributes:
        software: an id; ``brand`` and ``key`` likewise (a key's is its thumbprint).
        role: ``ORGANISATION~ROLE``, the role that the right rests on.
        certified: whether the profile asks that software is certified.
        api: the family of APIs, where one is to be used.
        resource: the id of the API that is called, where one is.
        certificate: the thumbprint of the one that was shown, where one was.
    """

    software: str
    role: str
    brand: str
    key: str
    certified: bool = True
    api: str | None = None
    resource: str | None = None
    certificate: str | None = None


class Input(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a decision rests on.

    Attributes:
        name: of the condition: ``organisation``, ``role``, ``brand``, ``software``, ``key``, ...
        subject: which one; empty where there is none.
        value: its state, or what is wrong with it.
        holds: whether it lets the right be.
        as_of: since when it has that value; the time of the question where nothing is known.
    """

    name: str
    subject: str
    value: str
    holds: bool
    as_of: float


class Decision(Struct, frozen=True, kw_only=True):
    """An answer, with everything that it rests on.

    Attributes:
        sequence: of the last event that was known; with ``at`` and ``question`` it is made again.
        at: the time that was asked for, in seconds since the epoch.
    """

    question: Question
    sequence: int
    at: float
    inputs: tuple[Input, ...]

    @property
    def refused_for(self) -> tuple[str, ...]:
        """The names of what does not hold; empty where the right is given."""
        return tuple(each.name for each in self.inputs if not each.holds)

    @property
    def allowed(self) -> bool:
        """Whether every input holds."""
        return not self.refused_for


def decide_right(snapshot: Snapshot, question: Question, *, at: float) -> Decision:
    """Answer a question from what is so; the same snapshot, question and time give the same answer.

    Raises:
        Reject: ``register.malformed-subject``: an id of the question cannot be one.
    """
    software = snapshot.get(parse_subject(f"software:{question.software}"))
    organisation = (
        software.facts.organisation if software is not None and isinstance(software.facts, Software) else None
    )
    owned = f"software:{question.software}"
    inputs = [
        _state(snapshot, "organisation", f"organisation:{organisation}", at=at),
        _role(snapshot, question, organisation=organisation, at=at),
        _effective(snapshot, "brand", f"brand:{question.brand}", at=at),
        _state(snapshot, "software", owned, at=at),
        _owned(snapshot, "key", f"key:{question.key}", owner=owned, at=at),
        _certification(snapshot, question, at=at),
    ]
    if question.api is not None:
        subject = f"api:{question.software}~{question.api}"
        inputs.append(_state(snapshot, "authorisation", subject, at=at))
    if question.resource is not None:
        inputs.append(_resource(snapshot, question, f"api:{question.resource}", at=at))
    if question.certificate is not None:
        shown = f"certificate:{question.certificate}"
        inputs.append(_owned(snapshot, "certificate", shown, owner=owned, at=at))
    return Decision(question=question, sequence=snapshot.sequence, at=at, inputs=tuple(inputs))


def check_right(snapshot: Snapshot, question: Question, *, at: float) -> Decision:
    """Return the decision that gives a right.

    Raises:
        Reject: ``right.refused``, with the names of what does not hold.
    """
    decision = decide_right(snapshot, question, at=at)
    if not decision.allowed:
        raise REFUSED.reject(f"{question.software}: {', '.join(decision.refused_for)}")
    return decision


def _input(name: str, record: Record, *, holds: bool, value: str | None = None) -> Input:
    return Input(
        name=name, subject=str(record.subject), value=value or record.state, holds=holds, as_of=record.since
    )


def _unknown(name: str, subject: str, *, at: float) -> Input:
    return Input(name=name, subject=subject, value="unknown", holds=False, as_of=at)


def _state(snapshot: Snapshot, name: str, subject: str, *, at: float) -> Input:
    """Return the subject's own state: what it depends on is named as an input of its own."""
    record = snapshot.get(subject)
    return (
        _unknown(name, subject, at=at)
        if record is None
        else _input(name, record, holds=record.standing.active)
    )


def _effective(snapshot: Snapshot, name: str, subject: str, *, at: float) -> Input:
    """Return the worst of the subject and of what it depends on."""
    record = snapshot.get(subject)
    if record is None:
        return _unknown(name, subject, at=at)
    counts = snapshot.effective(subject)
    if counts == record.standing:
        return _input(name, record, holds=counts.active)
    value = f"{record.state}, counts as {counts.effect or 'waiting'}"
    return Input(name=name, subject=subject, value=value, holds=counts.active, as_of=counts.as_of)


def _role(snapshot: Snapshot, question: Question, *, organisation: str | None, at: float) -> Input:
    """Return the role's own state; one of another organisation, or one that lacks the API, is none."""
    subject = f"role:{question.role}"
    record = snapshot.get(subject)
    if record is None or not isinstance(record.facts, Role) or record.facts.organisation != organisation:
        return _unknown("role", subject, at=at)
    permits = question.api is None or question.api in record.facts.apis
    value = None if permits else f"{record.state}, does not permit {question.api}"
    return _input("role", record, holds=record.standing.active and permits, value=value)


def _owned(snapshot: Snapshot, name: str, subject: str, *, owner: str, at: float) -> Input:
    """Return the state of a key or certificate that the software owns, at a time at which it may have run out."""
    record = snapshot.get(subject)
    if record is None or not isinstance(record.facts, Key | Certificate) or record.facts.owner != owner:
        return _unknown(name, subject, at=at)
    until = record.facts.valid_until
    if until is not None and at >= until and record.standing.active:
        return Input(name=name, subject=subject, value="run out", holds=False, as_of=until)
    holds = record.standing.active
    if isinstance(record.facts, Certificate) and record.facts.key is not None:
        holds = holds and snapshot.find(f"key:{record.facts.key}").standing.active
    return _input(name, record, holds=holds)


def _certification(snapshot: Snapshot, question: Question, *, at: float) -> Input:
    owned = f"software:{question.software}"
    if not question.certified:
        return Input(name="certification", subject="", value="not asked for", holds=True, as_of=at)
    if snapshot.get(owned) is None:
        return _unknown("certification", "", at=at)
    found = valid_certification(snapshot, owned, at=at)
    if found is None:
        return Input(name="certification", subject="", value="none is valid", holds=False, as_of=at)
    return _input("certification", found, holds=True)


def _resource(snapshot: Snapshot, question: Question, subject: str, *, at: float) -> Input:
    """Return the state of an API that the brand offers and that is of the family."""
    record = snapshot.get(subject)
    if record is None or not isinstance(record.facts, Api) or record.facts.brand != question.brand:
        return _unknown("api", subject, at=at)
    fits = question.api in (None, record.facts.family)
    value = None if fits else f"{record.state}, of the family {record.facts.family}"
    return _input("api", record, holds=record.standing.active and fits, value=value)
