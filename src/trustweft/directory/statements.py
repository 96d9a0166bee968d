"""What the directory says as a Trust Anchor (OpenID Federation 1.0): of itself, and of those right below it.

A Subordinate Statement says what the register says: the member's keys, who it is, and what the profile lets it be.
Whoever is not active is not spoken of, so that its chains end with the last statement: within ``statement_lifetime``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.crypto.key_states import KeyState
from trustweft.directory.marks import TrustMarks
from trustweft.directory.members import Entity, federation_keys, find_entities
from trustweft.directory.metadata_policy import create_metadata_policy
from trustweft.directory.objects import Organisation, Software
from trustweft.protocol.federation_constraints import FEDERATION_ENTITY, Constraints
from trustweft.protocol.federation_keys import HistoricalKey, create_historical_keys
from trustweft.protocol.federation_requests import UNKNOWN_SUBJECT
from trustweft.protocol.federation_statement import (
    NewEntityConfiguration,
    NewSubordinateStatement,
    create_entity_configuration,
    create_subordinate_statement,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trustweft.crypto.keyring import KeyRing
    from trustweft.directory.config import DirectoryConfig
    from trustweft.directory.snapshot import Snapshot
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock

__all__ = ["Statements"]

# By name in ``federation_entity`` (section 5.1.1), the endpoint in ``PATHS``.
_ENDPOINTS: Final = {
    "federation_fetch_endpoint": "fetch",
    "federation_list_endpoint": "list",
    "federation_resolve_endpoint": "resolve",
    "federation_trust_mark_status_endpoint": "trust_mark_status",
    "federation_trust_mark_list_endpoint": "trust_marked",
    "federation_trust_mark_endpoint": "trust_mark",
    "federation_historical_keys_endpoint": "historical_keys",
}


class _Kept(NamedTuple):
    """A statement that was signed: of which state of everything that it rests on, and when."""

    text: str
    rests_on: tuple[object, ...]
    signed_at: float


class Statements:
    """Signs statements; one serves everybody until what it says changes, or half of its time is over.

    Args:
        config: the directory.
        snapshot: gives what is so now.
        profile: gives what members are held to.
        keys: the directory's.
        clock: tells the time.
    """

    def __init__(
        self,
        config: DirectoryConfig,
        *,
        snapshot: Callable[[], Snapshot],
        profile: Callable[[], Profile],
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self.marks = TrustMarks(issuer=config.issuer, snapshot=snapshot, keys=keys, clock=clock)
        self._config = config
        self._snapshot = snapshot
        self._profile = profile
        self._keys = keys
        self._clock = clock
        self._entities: dict[str, Entity] = {}
        self._looked_at = -1
        self._kept: dict[str, _Kept] = {}

    # Members.

    def entities(self) -> Mapping[str, Entity]:
        """Return the members that take part now, by their Entity Identifiers."""
        snapshot = self._snapshot()
        if snapshot.sequence != self._looked_at:
            self._looked_at, self._entities = snapshot.sequence, find_entities(snapshot)
            self._kept = {name: kept for name, kept in self._kept.items() if name in self._entities}
        return self._entities

    def entity(self, name: str) -> Entity:
        """Return a member.

        Raises:
            Reject: ``federation.unknown-subject``: it is none, or does not take part now.
        """
        found = self.entities().get(name)
        if found is None:
            raise UNKNOWN_SUBJECT.reject(name[:200])
        return found

    # Statements.

    def own(self) -> str:
        """Return the directory's Entity Configuration."""
        return self._current(self._config.issuer, self._sign_own, rests_on=(self.marks.known_types(),))

    def about(self, name: str) -> str:
        """Return the Subordinate Statement about a member.

        Raises:
            Reject: ``federation.unknown-subject``.
        """
        entity = self.entity(name)
        return self._current(
            name,
            lambda now: self._sign_about(entity, now),
            rests_on=(self._snapshot().sequence, self._profile()),
        )

    def _current(self, name: str, sign: Callable[[float], str], *, rests_on: tuple[object, ...]) -> str:
        now, rests_on = self._clock.now(), (*rests_on, self._keys.public_jwks(), self._keys.signer())
        kept = self._kept.get(name)
        if (
            kept is None
            or kept.rests_on != rests_on
            or not 0 <= now - kept.signed_at < self._config.statement_lifetime / 2
        ):
            kept = self._kept[name] = _Kept(sign(now), rests_on, now)
        return kept.text

    def _sign_own(self, now: float) -> str:
        members = self._keys.public_jwks()["keys"]
        types = self.marks.known_types()
        new = NewEntityConfiguration(
            entity=self._config.issuer,
            metadata={
                FEDERATION_ENTITY: {
                    "organization_name": self._config.organization_name,
                    **{name: self._config.endpoint(path) for name, path in _ENDPOINTS.items()},
                }
            },
            lifetime=self._config.statement_lifetime,
            keys=tuple(members) if isinstance(members, list) else (),
            claims={"trust_mark_issuers": {each: [self._config.issuer] for each in types}} if types else {},
        )
        return create_entity_configuration(new, signer=self._keys.signer(), now=now)

    def _sign_about(self, entity: Entity, now: float) -> str:
        keys = federation_keys(self._snapshot(), str(entity.record.subject))
        ends = [key.valid_until - now for key, _ in keys if key.valid_until is not None]
        policy = create_metadata_policy(self._profile())
        new = NewSubordinateStatement(
            issuer=self._config.issuer,
            subject=entity.entity,
            jwks={"keys": [jwk for _, jwk in keys]},
            # No longer than the keys that it names: a statement in force never vouches for one that ran out.
            lifetime=max(1.0, min([self._config.statement_lifetime, *ends])),
            metadata=dict.fromkeys(entity.types, self._said_of(entity)),
            metadata_policy={name: policy[name] for name in entity.types},
            # Right below us are those who take part, and nobody is below them.
            constraints=Constraints(max_path_length=0, allowed_entity_types=entity.types),
            source_endpoint=self._config.endpoint("fetch"),
        )
        return create_subordinate_statement(new, signer=self._keys.signer(), now=now)

    def _said_of(self, entity: Entity) -> dict[str, object]:
        """Return what is said in a member's place: who it is, and for software what the register has of it."""
        facts = entity.record.facts
        organisation = self._snapshot().find(entity.record.parents[0])
        name = organisation.facts.name if isinstance(organisation.facts, Organisation) else ""
        said: dict[str, object] = {"organization_name": name}
        if isinstance(facts, Software):
            said = {
                **facts.metadata,
                **said,
                "client_name": facts.name,
                "software_id": entity.record.subject.id,
                "organisation_id": organisation.subject.id,
            }
        return said

    def historical_keys(self) -> str:
        """Return the signed set of the keys that the directory signed with before (section 8.7)."""
        retired = [
            HistoricalKey(
                key=each.record.public_key,
                key_id=each.record.key_id,
                algorithm=each.record.algorithm,
                issued_at=each.record.published_at,
                expires_at=each.since,
                revoked_at=each.since if each.record.compromised else None,
                revocation_reason="compromised" if each.record.compromised else None,
            )
            for each in self._keys.statuses
            if each.state is KeyState.RETIRED
        ]
        return create_historical_keys(
            retired, issuer=self._config.issuer, now=self._clock.now(), signer=self._keys.signer()
        )
