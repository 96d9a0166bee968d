"""On-boarding as a guided process: which steps lead somebody in, which were taken, and what the next one needs.

Nothing here changes anything: each step names the commands of the domain that it leads to, and whether it can be taken
is asked of the same checks that carry the commands out. The command line and the console show the same steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.needing import check_needs, valid_certification, valid_key
from trustweft.directory.objects import Api, Authorisation, Brand, Certification, Key, Role, Software
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.directory.identifiers import Subject
    from trustweft.directory.lifecycle import Part
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.terms import Terms

__all__ = ["Action", "Step", "StepState", "next_step", "steps_of"]

NOT_LED_IN = reason(
    "onboarding.not-a-participant",
    error="invalid_request",
    public="Organisations, authorization servers (brands) and software are on-boarded; all else belongs to one of them.",
)

StepState = Literal["done", "open", "waiting", "blocked"]

# How an organisation comes in: the states in their order, and the step that leads out of each.
_CHAIN: Final = ("applied", "verified", "contracted", "active")
_ADMISSION: Final = (
    ("verify", "Verify who it is", "verify", "its identity, and its entry in the register of licences"),
    ("sign", "Sign the terms", "sign-terms", "the terms, signed by somebody who may sign for it"),
    ("admit", "Admit the organisation", "activate", "who admits it, and on what"),
)
_GOES_LIVE: Final[Mapping[str, str]] = {"brand": "list", "software": "go-live"}
_REJECTED: Final = "It was not admitted. Whoever tries again is entered anew."
_ENDED: Final = "It has ended. Whoever comes back is entered anew."


class Action(Struct, frozen=True, kw_only=True):
    """A command of the domain that a step leads to.

    Attributes:
        action: an action of the lifecycle of the ``species``, or ``add``.
        subject: whom it is about, ``kind:id``; empty where a new one is entered.
    """

    action: str
    species: str
    subject: str = ""


class Step(Struct, frozen=True, kw_only=True):
    """One step of the way in.

    Attributes:
        id: its name, which is that of the command that takes it.
        state: ``open`` can be taken now, ``waiting`` needs a second person, ``blocked`` needs something before it.
        subject: whom it is about, ``kind:id``.
        needed: what is needed, in words; empty where it is done.
        who: the parts that may take it.
        actions: the commands that it leads to; the first one comes first.
        proposal: the id of the proposal that waits for a second person.
    """

    id: str
    title: str
    state: StepState
    subject: str
    needed: str = ""
    who: tuple[Part, ...] = ()
    actions: tuple[Action, ...] = ()
    proposal: int | None = None


def steps_of(
    snapshot: Snapshot, subject: Subject | str, terms: Terms, *, at: float | None = None
) -> tuple[Step, ...]:
    """Return the steps that lead an organisation, a brand or a software in, the first one first.

    Args:
        snapshot: what is so.
        subject: whose.
        terms: what the profile asks for. Where it asks for no certification, there is no such step.
        at: the time, by which keys and certifications may have run out; that of the last event unless given.

    Raises:
        Reject: ``register.unknown-subject``, ``onboarding.not-a-participant``.
    """
    record = snapshot.find(subject)
    asked = _Asked(snapshot, terms, snapshot.at if at is None else at)
    match record.facts:
        case Brand() | Software():
            (above,) = record.parents
            organisation = snapshot.find(above)
            steps = (*_of_organisation(asked, organisation), *_of_member(asked, organisation, record))
        case _ if record.species == "organisation":
            steps = (*_of_organisation(asked, record), _role(asked, record), _members(asked, record))
        case _:
            raise NOT_LED_IN.reject(str(subject))
    return steps


def next_step(steps: tuple[Step, ...]) -> Step | None:
    """Return the step to take next, or the one that waits for a second person; None where none is left or possible."""
    return next((each for each in steps if each.state in ("open", "waiting")), None)


class _Asked(Struct, frozen=True):
    """What the steps are asked of."""

    snapshot: Snapshot
    terms: Terms
    at: float


def _of_organisation(asked: _Asked, record: Record) -> Iterator[Step]:
    subject = str(record.subject)
    yield Step(id="apply", title="Apply", state="done", subject=subject)
    for number, (identifier, title, action, needed) in enumerate(_ADMISSION):
        if record.state in _CHAIN:
            at = _CHAIN.index(record.state)
            state: StepState = "done" if at > number else "open" if at == number else "blocked"
        else:
            state = "blocked" if record.standing.effect is None else "done"
        lacks = needed if record.state in _CHAIN else _REJECTED
        yield _move(asked, record, identifier, title, action, state=state, needed=lacks)


def _of_member(asked: _Asked, organisation: Record, record: Record) -> Iterator[Step]:
    subject, species = str(record.subject), record.species
    if species == "software":
        yield _role(asked, organisation)
    title = "Enter the authorization server" if species == "brand" else "Enter the software"
    yield Step(id=species, title=title, state="done", subject=subject)
    yield _key(asked, record)
    proof = _proof(asked, record)
    if proof is not None:
        yield proof
    yield _live(asked, record)
    yield _apis(asked, record) if species == "brand" else _authorisations(asked, record)


def _move(
    asked: _Asked, record: Record, identifier: str, title: str, action: str, *, state: StepState, needed: str
) -> Step:
    """Return the step that is one arrow of one subject; a proposal of it waits."""
    subject, lifecycle = str(record.subject), LIFECYCLES[record.species]
    if state == "done":
        return Step(id=identifier, title=title, state="done", subject=subject)
    arrow = lifecycle.arrow(source=record.state, action=action)
    proposal = next(
        (
            number
            for number, each in asked.snapshot.proposals.items()
            if (each.subject, each.action) == (subject, action)
        ),
        None,
    )
    if state == "open" and arrow is not None:
        try:
            check_needs(asked.snapshot, record, arrow, at=asked.at, terms=asked.terms)
        except Reject as missing:
            state, needed = "blocked", missing.reason.public
        else:
            if proposal is not None:
                state, needed = (
                    "waiting",
                    f"a second person, other than {asked.snapshot.proposals[proposal].by.id}",
                )
    return Step(
        id=identifier,
        title=title,
        state=state,
        subject=subject,
        needed=needed,
        who=() if arrow is None else arrow.who,
        actions=(Action(action=action, species=record.species, subject=subject),),
        proposal=proposal,
    )


def _enter(
    asked: _Asked, identifier: str, title: str, above: Record, species: tuple[str, ...], *, needed: str
) -> Step:
    """Return the step that something is entered below a participant, which must not have ended."""
    ended = asked.snapshot.effective(above.subject).effect == "ended"
    return Step(
        id=identifier,
        title=title,
        state="blocked" if ended else "open",
        subject=str(above.subject),
        needed=_ENDED if ended else needed,
        who=LIFECYCLES[species[0]].adds,
        actions=tuple(Action(action="add", species=each) for each in species),
    )


def _below(asked: _Asked, record: Record, *kinds: type) -> list[Record]:
    """Return what belongs to a participant directly and has not ended, of some kinds of facts."""
    found = map(asked.snapshot.find, asked.snapshot.children(record.subject))
    return [
        each
        for each in found
        if isinstance(each.facts, kinds) and each.standing.effect != "ended" and each.state != "rejected"
    ]


def _one_of(
    asked: _Asked, identifier: str, title: str, found: list[Record], *, action: str, needed: str
) -> Step:
    """Return the step that at least one of several comes to life: the first one that waits for it, if none did."""
    living = [each for each in found if each.standing.active]
    waiting = [each for each in found if each.standing.effect is None]
    if living and not waiting:
        return Step(id=identifier, title=title, state="done", subject=str(living[0].subject))
    first = (waiting or found)[0]
    state: StepState = "open" if waiting else "blocked"
    return _move(
        asked, first, identifier, title, action, state=state, needed=needed if waiting else "It is suspended."
    )


def _role(asked: _Asked, organisation: Record) -> Step:
    title = "Request a role, and have it granted"
    found = _below(asked, organisation, Role)
    if not found:
        return _enter(
            asked, "role", title, organisation, ("role",), needed="what an authority lets the organisation be"
        )
    return _one_of(
        asked, "role", title, found, action="grant", needed="the entry in the register of the authority"
    )


def _members(asked: _Asked, organisation: Record) -> Step:
    title = "Bring an authorization server or a software in"
    found = _below(asked, organisation, Brand, Software)
    if not found:
        return _enter(
            asked,
            "brand-or-software",
            title,
            organisation,
            ("brand", "software"),
            needed="an authorization server, or a software that uses APIs",
        )
    coming = [each for each in found if each.standing.effect is None]
    return Step(
        id="brand-or-software",
        title=title,
        state="open" if coming else "done",
        subject=str((coming or found)[0].subject),
        needed="its own steps" if coming else "",
    )


def _key(asked: _Asked, record: Record) -> Step:
    title = "Bring a key or a certificate, and prove that its private half is yours"
    subject = str(record.subject)
    if valid_key(asked.snapshot, record.subject, at=asked.at) is not None:
        return Step(id="key", title=title, state="done", subject=subject)
    announced = [each for each in _below(asked, record, Key) if each.state == "announced"]
    if announced:
        return _move(
            asked,
            announced[0],
            "key",
            title,
            "activate",
            state="open",
            needed=f"a proof that the private half of {announced[0].subject.id} is there",
        )
    return _enter(
        asked,
        "key",
        title,
        record,
        ("key", "certificate"),
        needed="a public key, a certificate request, or a certificate, with a proof of possession",
    )


def _proof(asked: _Asked, record: Record) -> Step | None:
    title = "Prove that it is secure"
    if valid_certification(asked.snapshot, record.subject, at=asked.at) is not None:
        return Step(id="prove", title=title, state="done", subject=str(record.subject))
    if record.species not in asked.terms.certified:
        return None
    attached = [each for each in _below(asked, record, Certification) if each.state == "attached"]
    if attached:
        return _move(
            asked, attached[0], "prove", title, "accept", state="open", needed="the run, by its digest"
        )
    return _enter(
        asked,
        "prove",
        title,
        record,
        ("certification",),
        needed="a run of the auditor in which no check fails, or a conformance result",
    )


def _live(asked: _Asked, record: Record) -> Step:
    title = "Go live"
    action = _GOES_LIVE[record.species]
    state: StepState = "open" if record.standing.effect is None else "done"
    return _move(
        asked, record, "live", title, action, state=state, needed="proof of its keys and its certification"
    )


def _apis(asked: _Asked, brand: Record) -> Step:
    title = "Offer an API"
    found = _below(asked, brand, Api)
    if not found:
        return _enter(
            asked, "api", title, brand, ("api",), needed="the family of APIs, and its resource identifier"
        )
    return _one_of(asked, "api", title, found, action="list", needed="its description")


def _authorisations(asked: _Asked, software: Record) -> Step:
    title = "Be authorised for an API"
    found = _below(asked, software, Authorisation)
    if not found:
        return _enter(
            asked,
            "authorise",
            title,
            software,
            ("authorisation",),
            needed="the API, and the role that permits it",
        )
    return _one_of(asked, "authorise", title, found, action="grant", needed="the role that permits it")
