"""Resolve responses (OpenID Federation 1.0 section 8.3): another entity's word on what a Trust Chain resolves to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.federation_chain import read_chain, verify_trust_chain
from trustweft.protocol.federation_claims import read_metadata, read_trust_marks
from trustweft.protocol.federation_jwt import (
    INVALID_TRUST_CHAIN,
    MAXIMUM_CHAIN,
    MAXIMUM_STATEMENT,
    check_times,
    parse_federation_jwt,
    sign_federation_jwt,
    verify_federation_jwt,
)
from trustweft.protocol.federation_statement import ISSUER, SUBJECT
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_claims import StatedTrustMark
    from trustweft.protocol.federation_trust_mark import TrustMark

__all__ = [
    "RESOLVE_RESPONSE_TYPE",
    "ResolvedEntity",
    "create_resolve_response",
    "verify_resolve_response",
]

RESOLVE_RESPONSE_TYPE: Final = "resolve-response+jwt"
MAXIMUM_RESPONSE: Final = 2 * MAXIMUM_CHAIN * MAXIMUM_STATEMENT  # the chain is encoded once more

DIFFERS = reason(
    "federation.resolved-otherwise",
    error=INVALID_TRUST_CHAIN,
    public="A resolver answers with metadata or an expiry that do not follow from the Trust Chain in its answer.",
)


class ResolvedEntity(Struct, frozen=True, kw_only=True):
    """A verified answer, and the chain in it, verified as if we had collected it.

    Attributes:
        metadata: of the entity types that were asked for.
        trust_marks: what the resolver says that it verified.
    """

    chain: TrustChain
    metadata: Mapping[str, Mapping[str, object]]
    trust_marks: tuple[StatedTrustMark, ...]
    expires_at: float


def create_resolve_response(
    chain: TrustChain,
    *,
    resolver: str,
    trust_marks: Sequence[TrustMark] = (),
    entity_types: Collection[str] = (),
    signer: Signer,
    now: float,
) -> str:
    """Return the signed answer; it ends with whatever in it ends first.

    Args:
        chain: verified just now, or kept and still in force.
        resolver: who answers.
        trust_marks: the verified ones of the subject, and no others.
        entity_types: those that were asked for; none means all.
        signer: a federation key of the resolver.
        now: the time.
    """
    ends = [mark.expires_at for mark in trust_marks if mark.expires_at is not None]
    claims: dict[str, object] = {
        "iss": resolver,
        "sub": chain.subject,
        "iat": int(now),
        "exp": int(min(chain.expires_at, *ends) if ends else chain.expires_at),
        "metadata": _of_types(chain.metadata, entity_types),
        "trust_chain": list(chain.texts),
    }
    if trust_marks:
        claims["trust_marks"] = [
            {"trust_mark_type": mark.trust_mark_type, "trust_mark": mark.text} for mark in trust_marks
        ]
    return sign_federation_jwt(claims, signer=signer, kind=RESOLVE_RESPONSE_TYPE)


def _of_types(
    metadata: Mapping[str, Mapping[str, object]], entity_types: Collection[str]
) -> dict[str, dict[str, object]]:
    return {
        entity_type: dict(parameters)
        for entity_type, parameters in metadata.items()
        if not entity_types or entity_type in entity_types
    }


def verify_resolve_response(
    token: str,
    *,
    resolver: str,
    keys: KeySet,
    subject: str,
    entity_types: Collection[str] = (),
    anchors: Mapping[str, KeySet],
    now: float,
    future_tolerance: float,
) -> ResolvedEntity:
    """Verify an answer: (1) type and signature (2) ``iss`` (3) ``sub`` (4) times (5) its chain (6) that it follows.

    The resolver is not believed: what it says must be what its chain says.

    Raises:
        Reject: ``federation.*``, ``metadata-policy.*``.
    """
    parsed = parse_federation_jwt(token, kind=RESOLVE_RESPONSE_TYPE, limit=MAXIMUM_RESPONSE)  # (1)
    claims = verify_federation_jwt(parsed, keys=keys)
    if claims.get("iss") != resolver:  # (2)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}, not {resolver[:200]}")
    if claims.get("sub") != subject:  # (3)
        raise SUBJECT.reject(f"{claims.get('sub')!r:.200}, not {subject[:200]}")
    _, expires_at = check_times(claims, now=now, future_tolerance=future_tolerance)  # (4)
    chain = verify_trust_chain(
        read_chain(claims.get("trust_chain")), anchors=anchors, now=now, future_tolerance=future_tolerance
    )  # (5)
    metadata = read_metadata(claims.get("metadata"))
    if chain.subject != subject:
        raise SUBJECT.reject(f"the chain is about {chain.subject[:200]}")
    if metadata != _of_types(chain.metadata, entity_types) or expires_at > chain.expires_at:  # (6)
        raise DIFFERS.reject(subject[:200])
    return ResolvedEntity(
        chain=chain,
        metadata=metadata,
        trust_marks=read_trust_marks(claims.get("trust_marks", [])),
        expires_at=expires_at,
    )
