"""What must be so before an arrow is taken, beside the state that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Certification, Key
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.lifecycle import Arrow
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.terms import Terms

__all__ = ["check_needs", "valid_certification", "valid_key"]

PARENTS = reason(
    "register.parent-not-active",
    error="invalid_request",
    public="What the subject depends on is not active.",
    status=409,
)
CERTIFICATION = reason(
    "register.not-certified",
    error="invalid_request",
    public="The subject has no certification that is valid.",
    status=409,
)
KEY = reason(
    "register.no-key", error="invalid_request", public="The subject has no key that is active.", status=409
)
RETENTION = reason(
    "register.kept-longer",
    error="invalid_request",
    public="What ended is kept longer before it is archived.",
    status=409,
)


def check_needs(snapshot: Snapshot, record: Record, arrow: Arrow, *, at: float, terms: Terms) -> None:
    """Hold that everything that an arrow needs is so.

    Raises:
        Reject: ``register.parent-not-active``, ``.not-certified``, ``.no-key``, ``.kept-longer``.
    """
    lifecycle = LIFECYCLES[record.species]
    above = [snapshot.effective(parent) for parent in record.parents]
    begins = lifecycle.effect(arrow.target) == "active" and lifecycle.effect(arrow.source) is None
    # What is suspended still gets the key or the certification that it can go on with.
    stopped = begins and any(each.effect == "ended" for each in above)
    waiting = "parents" in arrow.needs and not all(each.active for each in above)
    if stopped or waiting:
        raise PARENTS.reject(f"{record.subject} under {', '.join(record.parents)}")
    certified = "certification" in arrow.needs and record.species in terms.certified
    if certified and valid_certification(snapshot, record.subject, at=at) is None:
        raise CERTIFICATION.reject(str(record.subject))
    if "key" in arrow.needs and valid_key(snapshot, record.subject, at=at) is None:
        raise KEY.reject(str(record.subject))
    if "retention" in arrow.needs and at < record.standing.as_of + terms.retention:
        raise RETENTION.reject(f"{record.subject} ended at {record.standing.as_of}")


def valid_certification(snapshot: Snapshot, subject: Subject | str, *, at: float) -> Record | None:
    """Return the certification of a subject that is valid longest; None where none is."""
    found = [
        (each.facts.valid_until, each)
        for each in map(snapshot.find, snapshot.children(subject))
        if isinstance(each.facts, Certification) and each.standing.active and at < each.facts.valid_until
    ]
    return max(found, key=lambda dated: dated[0])[1] if found else None


def valid_key(snapshot: Snapshot, subject: Subject | str, *, at: float) -> Record | None:
    """Return a key of a subject that is active and has time left; None where there is none."""
    found = (
        each
        for each in map(snapshot.find, snapshot.children(subject))
        if isinstance(each.facts, Key)
        and each.standing.active
        and (each.facts.valid_until is None or at < each.facts.valid_until)
    )
    return next(found, None)
