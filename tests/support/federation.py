"""A federation for tests: entities with keys of their own, and what they say of themselves and of each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, thumbprint
from trustweft.protocol.federation_constraints import Constraints
from trustweft.protocol.federation_keys import federation_jwk
from trustweft.protocol.federation_statement import (
    NewEntityConfiguration,
    NewSubordinateStatement,
    create_entity_configuration,
    create_subordinate_statement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NOW", "Member", "new_member", "new_signer"]

NOW = 1_800_000_000.0
HOUR = 3_600.0


def new_signer(algorithm: str = "ES256") -> LocalSigner:
    """Return a new federation key, named by its thumbprint."""
    key = generate_private_key(algorithm)
    return LocalSigner(algorithm, key, thumbprint(key.public_key()))


@dataclass(frozen=True)
class Member:
    """One entity of a federation.

    Attributes:
        entity: its identifier.
        signer: its federation key.
        hints: its superiors.
        metadata: by entity type.
        now: by its clock.
        lifetime: of everything that it signs.
        claims: further ones of its Entity Configuration.
    """

    entity: str
    signer: LocalSigner
    hints: tuple[str, ...] = ()
    metadata: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    now: float = NOW
    lifetime: float = HOUR
    claims: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> KeySet:
        """Return its public keys, as others may know them."""
        return KeySet([VerificationKey(self.signer.public_key, self.signer.algorithm, self.signer.key_id)])

    @property
    def jwks(self) -> dict[str, object]:
        """Return its public keys as a claim holds them."""
        return {"keys": [federation_jwk(self.signer)]}

    def configuration(self, *, audience: str | None = None, **changes: Any) -> str:
        """Return its Entity Configuration, with other attributes where some are named."""
        who = replace(self, **changes)
        return create_entity_configuration(
            NewEntityConfiguration(
                entity=who.entity,
                metadata=who.metadata,
                lifetime=who.lifetime,
                authority_hints=who.hints,
                audience=audience,
                claims=who.claims,
            ),
            signer=who.signer,
            now=who.now,
        )

    def about(
        self,
        other: Member,
        *,
        metadata: Mapping[str, Mapping[str, object]] | None = None,
        policy: Mapping[str, object] | None = None,
        constraints: Constraints | None = None,
        lifetime: float | None = None,
        signer: LocalSigner | None = None,
    ) -> str:
        """Return what it says of an entity below it."""
        new = NewSubordinateStatement(
            issuer=self.entity,
            subject=other.entity,
            jwks=other.jwks,
            lifetime=self.lifetime if lifetime is None else lifetime,
            metadata=metadata or {},
            metadata_policy=policy or {},
            constraints=constraints or Constraints(),
        )
        return create_subordinate_statement(new, signer=signer or self.signer, now=self.now)


def new_member(
    entity: str, *hints: str, algorithm: str = "ES256", **metadata: Mapping[str, object]
) -> Member:
    """Return a new entity below those that it names."""
    return Member(entity, new_signer(algorithm), hints, metadata)
