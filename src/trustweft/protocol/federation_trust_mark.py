"""Trust marks (OpenID Federation 1.0 section 7), their delegation, and what their issuer says of them today (8.4).

The order of the checks on a mark, here and in the tests (section 7.3), after those of ``federation_jwt``: (1) whom it
is about (2) its type (3) signature (4) ``iat`` and ``exp`` (5) the Trust Anchor lets its issuer issue it
(6) delegation, where the type has an owner. The caller MUST have established trust in the issuer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from trustweft.protocol.federation_jwt import (
    INVALID_TRUST_CHAIN,
    optional_expiry,
    parse_federation_jwt,
    read_entity_identifier,
    sign_federation_jwt,
    unverified_claims,
    verify_federation_jwt,
)
from trustweft.protocol.federation_statement import ISSUER, SUBJECT
from trustweft.protocol.jwt import read_text
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto import jws
    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.federation_statement import EntityStatement

__all__ = [
    "DELEGATION_TYPE",
    "STATUS_TYPE",
    "TRUST_MARK_TYPE",
    "NewTrustMark",
    "TrustMark",
    "TrustMarkStatus",
    "UnverifiedTrustMark",
    "create_trust_mark",
    "create_trust_mark_delegation",
    "create_trust_mark_status",
    "parse_trust_mark",
    "verify_trust_mark",
    "verify_trust_mark_status",
]

TRUST_MARK_TYPE: Final = "trust-mark+jwt"
DELEGATION_TYPE: Final = "trust-mark-delegation+jwt"
STATUS_TYPE: Final = "trust-mark-status-response+jwt"
MAXIMUM_MARK: Final = 16_384  # our choice, in characters, with a delegation in it
TrustMarkStatus = Literal["active", "expired", "revoked", "invalid"]  # section 8.4.2

MARK_TYPE = reason(
    "federation.trust-mark-type",
    error=INVALID_TRUST_CHAIN,
    public="A trust mark or its delegation is of another type than it should be, or of none.",
)
MARK_ISSUER = reason(
    "federation.trust-mark-issuer",
    error=INVALID_TRUST_CHAIN,
    public="The Trust Anchor does not let the issuer of a trust mark issue that type.",
)
DELEGATION = reason(
    "federation.trust-mark-delegation",
    error=INVALID_TRUST_CHAIN,
    public="A trust mark lacks the delegation by the owner of its type.",
)
NOT_ACTIVE = reason(
    "federation.trust-mark-not-active",
    error=INVALID_TRUST_CHAIN,
    public="The issuer of a trust mark says that it is not active.",
)
STALE_STATUS = reason(
    "federation.trust-mark-status",
    error=INVALID_TRUST_CHAIN,
    public="The status of a trust mark is about another mark, or too old.",
)


class NewTrustMark(Struct, frozen=True, kw_only=True):
    """What an issuer attests.

    Attributes:
        lifetime: seconds; None for a mark that does not expire: whoever sees it must ask for its status.
        ref: where people read about it.
        delegation: the owner's, where the type has one.
    """

    issuer: str
    subject: str
    trust_mark_type: str
    lifetime: float | None
    logo_uri: str | None = None
    ref: str | None = None
    delegation: str | None = None
    claims: Mapping[str, object] = {}


class UnverifiedTrustMark(Struct, frozen=True, kw_only=True):
    """A mark whose shape was read: it says whose keys to look for, and nothing in it may be believed."""

    text: str
    token: jws.Unverified
    issuer: str
    subject: str
    trust_mark_type: str


class TrustMark(Struct, frozen=True, kw_only=True):
    """A verified mark; whether it was revoked since, only its status tells."""

    text: str
    issuer: str
    subject: str
    trust_mark_type: str
    issued_at: float
    expires_at: float | None
    claims: Mapping[str, object]


def create_trust_mark(new: NewTrustMark, *, signer: Signer, now: float) -> str:
    """Return the signed trust mark."""
    claims: dict[str, object] = {
        "iss": new.issuer,
        "sub": new.subject,
        "trust_mark_type": new.trust_mark_type,
        "iat": int(now),
        **new.claims,
    }
    optional = {
        "exp": None if new.lifetime is None else int(now) + int(new.lifetime),
        "logo_uri": new.logo_uri,
        "ref": new.ref,
        "delegation": new.delegation,
    }
    claims |= {name: value for name, value in optional.items() if value is not None}
    return sign_federation_jwt(claims, signer=signer, kind=TRUST_MARK_TYPE)


def create_trust_mark_delegation(
    *, owner: str, issuer: str, trust_mark_type: str, lifetime: float, signer: Signer, now: float
) -> str:
    """Return the owner's word that ``issuer`` may issue marks of its type (section 7.2.1)."""
    claims = {
        "iss": owner,
        "sub": issuer,
        "trust_mark_type": trust_mark_type,
        "iat": int(now),
        "exp": int(now) + int(lifetime),
    }
    return sign_federation_jwt(claims, signer=signer, kind=DELEGATION_TYPE)


def parse_trust_mark(text: str) -> UnverifiedTrustMark:
    """Read a mark to learn whose keys to verify it with.

    Raises:
        Reject: ``federation.*``.
    """
    token = parse_federation_jwt(text, kind=TRUST_MARK_TYPE, limit=MAXIMUM_MARK)
    claims = unverified_claims(token)
    return UnverifiedTrustMark(
        text=text,
        token=token,
        issuer=read_entity_identifier(claims, "iss"),
        subject=read_entity_identifier(claims, "sub"),
        trust_mark_type=_mark_type(claims),
    )


def _mark_type(claims: Mapping[str, object]) -> str:
    kind = read_text(claims.get("trust_mark_type"))
    if kind is None:
        raise MARK_TYPE.reject(f"{claims.get('trust_mark_type')!r:.100}")
    return kind


def verify_trust_mark(
    mark: UnverifiedTrustMark,
    *,
    subject: str,
    trust_mark_type: str,
    keys: KeySet,
    anchor: EntityStatement,
    now: float,
    future_tolerance: float,
) -> TrustMark:
    """Verify a mark that an entity shows.

    Args:
        mark: what ``parse_trust_mark`` returned.
        subject: the entity that shows it.
        trust_mark_type: the type that it is shown as.
        keys: the federation keys of its issuer, from a verified chain.
        anchor: the Trust Anchor's Entity Configuration, verified: it says who may issue which type.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.

    Raises:
        Reject: ``federation.*``.
    """
    if mark.subject != subject:  # (1)
        raise SUBJECT.reject(f"{mark.subject[:200]}, not {subject[:200]}")
    if mark.trust_mark_type != trust_mark_type:  # (2)
        raise MARK_TYPE.reject(f"{mark.trust_mark_type[:100]}, not {trust_mark_type[:100]}")
    claims = verify_federation_jwt(mark.token, keys=keys)  # (3)
    issued_at, expires_at = optional_expiry(claims, now=now, future_tolerance=future_tolerance)  # (4)
    issuers = anchor.trust_mark_issuers.get(trust_mark_type)
    if issuers is None or (
        issuers and mark.issuer not in issuers
    ):  # (5) nobody named means anybody (section 3.1.2)
        raise MARK_ISSUER.reject(f"{mark.issuer[:200]} for {trust_mark_type[:100]}")
    _check_delegation(mark, claims, anchor=anchor, now=now, future_tolerance=future_tolerance)  # (6)
    return TrustMark(
        text=mark.text,
        issuer=mark.issuer,
        subject=subject,
        trust_mark_type=trust_mark_type,
        issued_at=issued_at,
        expires_at=expires_at,
        claims=claims,
    )


def _check_delegation(
    mark: UnverifiedTrustMark,
    claims: Mapping[str, object],
    *,
    anchor: EntityStatement,
    now: float,
    future_tolerance: float,
) -> None:
    """Check the owner's word (section 7.2.2); a delegation of a type without an owner is nobody's word."""
    owned = anchor.trust_mark_owners.get(mark.trust_mark_type)
    delegation = claims.get("delegation")
    if owned is None and delegation is None:
        return
    if owned is None or not isinstance(delegation, str):
        raise DELEGATION.reject(mark.trust_mark_type[:100])
    owner, keys = owned
    said = verify_federation_jwt(parse_federation_jwt(delegation, kind=DELEGATION_TYPE), keys=keys)
    optional_expiry(said, now=now, future_tolerance=future_tolerance)
    if said.get("iss") != owner:
        raise ISSUER.reject(f"{said.get('iss')!r:.200}, not {owner[:200]}")
    if said.get("sub") != mark.issuer:
        raise SUBJECT.reject(f"{said.get('sub')!r:.200}, not {mark.issuer[:200]}")
    if _mark_type(said) != mark.trust_mark_type:
        raise MARK_TYPE.reject(f"{said.get('trust_mark_type')!r:.100}")


def create_trust_mark_status(
    status: TrustMarkStatus, *, trust_mark: str, issuer: str, signer: Signer, now: float
) -> str:
    """Return the issuer's signed word on a mark of its own (section 8.4.2)."""
    claims = {"iss": issuer, "iat": int(now), "trust_mark": trust_mark, "status": status}
    return sign_federation_jwt(claims, signer=signer, kind=STATUS_TYPE)


def verify_trust_mark_status(
    token: str,
    *,
    mark: TrustMark,
    keys: KeySet,
    now: float,
    future_tolerance: float,
    maximum_age: float,
) -> None:
    """Verify that the issuer of a mark says, lately, that it is active.

    Args:
        token: the answer of the issuer's status endpoint.
        mark: the verified mark.
        keys: the issuer's federation keys.
        now: the time.
        future_tolerance: how many seconds ``iat`` may be ahead.
        maximum_age: how many seconds old the answer may be.

    Raises:
        Reject: ``federation.trust-mark-not-active``, and ``federation.*`` where the answer cannot be believed.
    """
    claims = verify_federation_jwt(parse_federation_jwt(token, kind=STATUS_TYPE), keys=keys)
    if claims.get("iss") != mark.issuer:
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}, not {mark.issuer[:200]}")
    issued_at, _ = optional_expiry(claims, now=now, future_tolerance=future_tolerance)
    if claims.get("trust_mark") != mark.text or issued_at < now - maximum_age:
        raise STALE_STATUS.reject(f"{now - issued_at:.0f} s old")
    if claims.get("status") != "active":
        raise NOT_ACTIVE.reject(f"{claims.get('status')!r:.40}")
