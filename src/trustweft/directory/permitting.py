"""Who may do what: the parts at each arrow, and an administrator only within the own organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.directory.objects import User
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Collection

    from trustweft.directory.events import Actor
    from trustweft.directory.identifiers import Subject
    from trustweft.directory.lifecycle import Part
    from trustweft.directory.snapshot import Snapshot

__all__ = ["check_actor", "check_may", "organisations_of"]

READ_ONLY = reason(
    "register.read-only", error="access_denied", public="An auditor reads and changes nothing.", status=403
)
NOT_PERMITTED = reason(
    "register.not-permitted", error="access_denied", public="This is not for whoever asks for it.", status=403
)
NOT_ACTING = reason(
    "register.actor-stopped",
    error="access_denied",
    public="Whoever asks does not act for that organisation, or not any more.",
    status=403,
)


def check_actor(snapshot: Snapshot, actor: Actor, *, reports: bool = False) -> None:
    """Hold that somebody may act at all: no auditor, and no administrator who was stopped.

    Args:
        snapshot: what is so.
        actor: who asks.
        reports: whether it is the report of a key that others may have, which whoever is suspended still makes.

    Raises:
        Reject: ``register.read-only``, ``register.actor-stopped``.
    """
    if actor.part == "auditor":
        raise READ_ONLY.reject(actor.id)
    known = snapshot.get(f"user:{actor.id}")
    if actor.part == "administrator":
        facts = known.facts if known is not None else None
        if not isinstance(facts, User) or facts.part != "administrator":
            raise NOT_ACTING.reject(f"{actor.id} is no administrator")
        if facts.organisation != actor.organisation:
            raise NOT_ACTING.reject(f"{actor.id} acts for {facts.organisation}, not for {actor.organisation}")
    if known is not None and not known.standing.active:
        raise NOT_ACTING.reject(f"{actor.id} is {known.state}")
    # An organisation that is on its way in is not active yet, and its administrators bring it there.
    if actor.organisation is not None:
        organisation = snapshot.find(f"organisation:{actor.organisation}")
        effect = organisation.standing.effect
        if effect == "ended" or (effect == "suspended" and not reports):
            raise NOT_ACTING.reject(f"{actor.organisation} is {organisation.state}")


def check_may(
    snapshot: Snapshot,
    actor: Actor,
    *,
    parts: Collection[Part],
    about: Subject,
    parents: Collection[str] = (),
) -> None:
    """Hold that somebody has one of the ``parts``, and an administrator only in the own organisation.

    Args:
        snapshot: what is so.
        actor: who asks.
        parts: who may.
        about: what it is about.
        parents: what ``about`` depends on, where it is new.

    Raises:
        Reject: ``register.not-permitted``.
    """
    if actor.part not in parts:
        raise NOT_PERMITTED.reject(f"{actor.part} {actor.id} and {about}")
    if actor.part == "administrator":
        own = organisations_of(snapshot, about, parents=parents)
        if own != {f"organisation:{actor.organisation}"}:
            raise NOT_PERMITTED.reject(f"{actor.id} of {actor.organisation}, {about} of {sorted(own)}")


def organisations_of(
    snapshot: Snapshot, subject: Subject | str, *, parents: Collection[str] = ()
) -> set[str]:
    """Return the organisations that a subject belongs to: one, where nothing is amiss."""
    if str(subject).startswith("organisation:"):
        return {str(subject)}
    record = snapshot.get(subject)
    above = record.parents if record is not None else parents
    return set().union(*(organisations_of(snapshot, parent) for parent in above))
