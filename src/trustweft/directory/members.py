"""Who is who: participants that are told of events, and the keys that somebody has, read from what is so now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.identifiers import parse_subject, species_of
from trustweft.directory.lifecycle import Effect  # noqa: TC001  # msgspec reads the annotations
from trustweft.directory.objects import Api, Brand, Key, Software
from trustweft.directory.snapshot import Record  # noqa: TC001  # msgspec reads the annotations
from trustweft.protocol.federation_jwt import is_entity_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.directory.snapshot import Snapshot

__all__ = [
    "ENTITY_TYPES",
    "Entity",
    "Participant",
    "active_keys",
    "concerns",
    "federation_keys",
    "find_entities",
    "find_participants",
    "identifier_of",
    "is_application",
    "is_shown_to_applications",
    "public_members",
]

# By kind, the entity types (OpenID Federation 1.0 section 5.1) that a member may be, and no others.
ENTITY_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "brand": ("openid_provider", "oauth_authorization_server"),
    "software": ("openid_relying_party", "oauth_client"),
}
_PUBLIC: Final = ("kty", "crv", "x", "y", "n", "e")


class Participant(Struct, frozen=True, kw_only=True):
    """Somebody who is told of events: a server, an API, or an application.

    Attributes:
        subject: ``kind:id`` of the brand, of the first of its APIs, or of the software.
        identifier: the issuer, the resource URL, or the software's ``kind:id``: the ``aud`` of what it is sent, the
            ``iss`` of its receipts.
        effect: what it counts as. A server that is not active is told of that and of nothing else, an application of
            nothing.
        above: the subject, and all that it takes part through.
        since: the revision with which it came to the feed: whatever is older it read there.
    """

    subject: str
    identifier: str
    events_endpoint: str
    jwks_uri: str
    effect: Effect | None
    above: frozenset[str]
    since: int


def find_participants(snapshot: Snapshot) -> Mapping[str, Participant]:
    """Return those who are told of events, or were, by their identifiers.

    Several APIs may be of one resource server: it is told once, as the first of them that takes part.
    """
    found: dict[str, Participant] = {}
    for record in _followers(snapshot):
        participant = _participant(snapshot, record)
        if participant is not None and not (
            participant.identifier in found and found[participant.identifier].effect == "active"
        ):
            found[participant.identifier] = participant
    return found


def concerns(snapshot: Snapshot, participant: str, subject: str) -> bool:
    """Say whether a participant has to hear of a subject: a server of everybody, an application of servers, of their keys, of APIs.

    Which other applications and people were stopped is nothing to an application.

    Args:
        snapshot: what is so.
        participant: its ``kind:id``.
        subject: of the change or the order.
    """
    if not is_application(participant):
        return True
    if subject.startswith("organisation:"):
        return any(child.startswith("brand:") for child in snapshot.children(subject))
    return is_shown_to_applications(snapshot, subject)


def is_application(participant: str) -> bool:
    """Say whether a participant, by its ``kind:id``, is one that serves nobody else."""
    return participant.startswith("software:")


def is_shown_to_applications(snapshot: Snapshot, subject: str) -> bool:
    """Say whether an application is told the name of a subject: those of people and of other applications it is not.

    The keys of a server are: whatever one of them signed it must cease to believe.
    """
    species = species_of(parse_subject(subject))
    if species == "key":
        facts = snapshot.find(subject).facts
        return isinstance(facts, Key) and facts.owner.startswith("brand:")
    return species in {"organisation", "brand", "api"}


def identifier_of(record: Record) -> str:
    """Return the name under which somebody takes part; empty where there is none."""
    match record.facts:
        case Brand():
            return record.facts.issuer
        case Api():
            return record.facts.resource
        case Software():
            return str(record.subject)
        case _:
            return ""


def _followers(snapshot: Snapshot) -> Iterator[Record]:
    for species in ("brand", "api", "software"):
        yield from snapshot.records(species)


def _participant(snapshot: Snapshot, record: Record) -> Participant | None:
    facts, subject = record.facts, str(record.subject)
    told = snapshot.status(subject)
    if not isinstance(facts, Brand | Api | Software) or told is None or not facts.events_endpoint:
        return None
    identifier = identifier_of(record)
    if not identifier:
        return None
    return Participant(
        subject=subject,
        identifier=identifier,
        events_endpoint=facts.events_endpoint,
        jwks_uri=facts.jwks_uri,
        effect=snapshot.effective(subject).effect,
        above=frozenset(_above(snapshot, subject)),
        since=told.revision,
    )


def _above(snapshot: Snapshot, subject: str) -> Iterator[str]:
    yield subject
    for parent in snapshot.find(subject).parents:
        yield from _above(snapshot, parent)


class Entity(Struct, frozen=True, kw_only=True):
    """A member of the federation.

    Attributes:
        entity: its Entity Identifier.
        record: what is known of it.
    """

    entity: str
    record: Record

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types that it may be."""
        return ENTITY_TYPES[self.record.species]


def find_entities(snapshot: Snapshot) -> dict[str, Entity]:
    """Return the members of the federation that take part now and have a key, by their Entity Identifiers.

    Of two that claim one identifier it is that of the first.
    """
    found: dict[str, Entity] = {}
    for species in ENTITY_TYPES:
        for record in snapshot.records(species):
            facts = record.facts
            name = facts.issuer if isinstance(facts, Brand) else getattr(facts, "entity", "")
            if (
                is_entity_identifier(name)
                and snapshot.effective(record.subject).active
                and federation_keys(snapshot, str(record.subject))
            ):
                found.setdefault(name, Entity(entity=name, record=record))
    return found


def federation_keys(snapshot: Snapshot, owner: str) -> list[tuple[Key, dict[str, object]]]:
    """Return the Federation Entity Keys of somebody: those that are for nothing else, or else all that sign."""
    return list(active_keys(snapshot, owner, use="federation")) or list(
        active_keys(snapshot, owner, use="sig")
    )


def active_keys(snapshot: Snapshot, owner: str, *, use: str) -> Iterator[tuple[Key, dict[str, object]]]:
    """Yield the keys of somebody that are good now, each as facts and as a public JWK with a ``kid``.

    Whether their owner takes part is not asked: who knows its key is the owner, suspended or not.

    Args:
        snapshot: what is so.
        owner: ``kind:id``.
        use: what they are for.
    """
    for child in snapshot.children(owner):
        record = snapshot.find(child)
        facts = record.facts
        if isinstance(facts, Key) and facts.use == use and facts.jwk and record.standing.active:
            yield facts, public_members(facts.jwk, key_id=record.subject.id)


def public_members(jwk: Mapping[str, object], *, key_id: str) -> dict[str, object]:
    """Return the public half of a key, for signatures, under its own ``kid`` or else the one that is given."""
    members: dict[str, object] = {name: jwk[name] for name in _PUBLIC if name in jwk}
    kid = jwk.get("kid")
    members |= {"kid": kid if isinstance(kid, str) and kid else key_id, "use": "sig"}
    if "alg" in jwk:
        members["alg"] = jwk["alg"]
    return members
