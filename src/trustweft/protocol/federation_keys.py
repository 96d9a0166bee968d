"""Federation Entity Keys (OpenID Federation 1.0 section 3.1.1) and those that were in use before (section 8.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from trustweft.crypto.keys import KeySet, public_jwk, read_public_jwk
from trustweft.protocol.federation_jwt import (
    INVALID_TRUST_CHAIN,
    MALFORMED,
    optional_expiry,
    parse_federation_jwt,
    read_entity_identifier,
    sign_federation_jwt,
    verify_federation_jwt,
)
from trustweft.protocol.jwt import read_text, read_time
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.crypto.algorithms import PublicKey
    from trustweft.crypto.keys import Signer

__all__ = [
    "HISTORICAL_KEYS_TYPE",
    "HistoricalKey",
    "RevocationReason",
    "create_historical_keys",
    "federation_jwk",
    "read_federation_keys",
    "refuse_private_keys",
    "verify_historical_keys",
]

HISTORICAL_KEYS_TYPE: Final = "jwk-set+jwt"  # section 15.6
MAXIMUM_KEYS: Final = 100
RevocationReason = Literal["unspecified", "compromised", "superseded"]  # section 8.7.3
_REASONS: Final[tuple[RevocationReason, ...]] = ("unspecified", "compromised", "superseded")

KEYS = reason(
    "federation.keys",
    error=INVALID_TRUST_CHAIN,
    public="A jwks of the federation is missing, is no JSON Web Key Set, or has a malformed key.",
)
PRIVATE_KEY = reason(
    "federation.private-key",
    error=INVALID_TRUST_CHAIN,
    public="A jwks of the federation holds a private or symmetric key: it must be replaced.",
)
WEAK_KEY = reason(
    "federation.weak-key",
    error=INVALID_TRUST_CHAIN,
    public="A jwks of the federation holds a key that is too small, or too large to be real.",
)
KEY_TWICE = reason(
    "federation.key-twice",
    error=INVALID_TRUST_CHAIN,
    public="Every key of the federation needs a kid of its own.",
)
_WORDS: Final = {"jwk.private": PRIVATE_KEY, "jwk.weak": WEAK_KEY}
# The kinds that we verify with. Of others a set may speak as well, and nothing is verified with them.
_KINDS: Final = (("RSA", None), ("EC", "P-256"), ("OKP", "Ed25519"))


class HistoricalKey(Struct, frozen=True, kw_only=True):
    """A key that an entity signed with before (section 8.7.2).

    Attributes:
        key: the public key.
        key_id: its ``kid``.
        algorithm: what it signed with.
        expires_at: when it ended; signatures made later were not the entity's.
        issued_at: since when it was in use.
        revoked_at: since when it must be held to be revoked, where it is.
        revocation_reason: why.
    """

    key: PublicKey
    key_id: str
    algorithm: str
    expires_at: float
    issued_at: float | None = None
    revoked_at: float | None = None
    revocation_reason: RevocationReason | None = None


def federation_jwk(signer: Signer) -> dict[str, object]:
    """Return the public half of a federation key as a ``jwks`` claim holds it."""
    return {
        **public_jwk(signer.public_key),
        "kid": signer.key_id,
        "alg": signer.algorithm,
        "use": "sig",
    }


def read_federation_keys(value: object) -> KeySet:
    """Read a ``jwks`` of an entity: (1) a key set (2) public keys only (3) a ``kid`` each (4) none twice (5) none weak.

    Raises:
        Reject: ``federation.keys``, ``.private-key``, ``.key-twice``, ``.weak-key``.
    """
    members = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(members, list) or not members or len(members) > MAXIMUM_KEYS:  # (1)
        raise KEYS.reject(f"{value!r:.80}")
    refuse_private_keys(members)  # (2)
    names = [member.get("kid") for member in members]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):  # (3) (4)
        raise KEY_TWICE.reject(f"{names!r:.200}")
    try:
        for member in members:  # (5)
            if any(member.get("kty") == kind and member.get("crv") == curve for kind, curve in _KINDS):
                # Whatever it is meant for: a small key is a small key.
                read_public_jwk({name: part for name, part in member.items() if name != "alg"})
        return KeySet.read({"keys": members})
    except Reject as cause:
        raise _WORDS.get(cause.reason.id, KEYS).reject(str(cause)) from cause


def refuse_private_keys(members: list[object]) -> None:
    """Refuse keys of a ``jwks`` that are secrets, whatever they are for.

    Raises:
        Reject: ``federation.private-key``; ``federation.keys`` where a member is no key.
    """
    for member in members:
        if not isinstance(member, dict):
            raise KEYS.reject(f"{member!r:.80}")
        if member.get("kty") == "oct" or not _SECRET_MEMBERS.isdisjoint(member):
            raise PRIVATE_KEY.reject(f"kid={member.get('kid')!r:.80}")


_SECRET_MEMBERS: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"))


def create_historical_keys(keys: Sequence[HistoricalKey], *, issuer: str, now: float, signer: Signer) -> str:
    """Return the signed set of the keys that an entity used before (section 8.7.2)."""
    claims = {"iss": issuer, "iat": int(now), "keys": [_member(key) for key in keys]}
    return sign_federation_jwt(claims, signer=signer, kind=HISTORICAL_KEYS_TYPE)


def _member(key: HistoricalKey) -> dict[str, object]:
    member: dict[str, object] = {
        **public_jwk(key.key),
        "kid": key.key_id,
        "alg": key.algorithm,
        "use": "sig",
        "exp": int(key.expires_at),
    }
    if key.issued_at is not None:
        member["iat"] = int(key.issued_at)
    if key.revoked_at is not None:
        revoked: dict[str, object] = {"revoked_at": int(key.revoked_at)}
        if key.revocation_reason is not None:
            revoked["reason"] = key.revocation_reason
        member["revoked"] = revoked
    return member


def verify_historical_keys(
    token: str, *, issuer: str, keys: KeySet, now: float, future_tolerance: float
) -> tuple[HistoricalKey, ...]:
    """Verify the signed set of an entity's earlier keys; keys of kinds that we do not know are passed over.

    Raises:
        Reject: ``federation.*``.
    """
    claims = verify_federation_jwt(parse_federation_jwt(token, kind=HISTORICAL_KEYS_TYPE), keys=keys)
    optional_expiry(claims, now=now, future_tolerance=future_tolerance)
    if read_entity_identifier(claims, "iss") != issuer:
        raise MALFORMED.reject(f"iss={claims.get('iss')!r:.200}")
    members = claims.get("keys")
    if members == []:
        return ()  # nothing was replaced yet
    known = {key.key_id: key for key in read_federation_keys(claims).keys}
    found = []
    for member in members if isinstance(members, list) else ():
        key = known.get(member["kid"])
        if key is not None:
            found.append(_read_member(member, key.key, key.algorithm))
    return tuple(found)


def _read_member(member: Mapping[str, object], key: PublicKey, algorithm: str) -> HistoricalKey:
    expires_at = read_time(member.get("exp"))
    revoked = member.get("revoked")
    revoked_at = read_time(revoked.get("revoked_at")) if isinstance(revoked, dict) else None
    if expires_at is None or (revoked is not None and revoked_at is None):
        raise KEYS.reject(f"kid={member.get('kid')!r:.80}")
    given = revoked.get("reason") if isinstance(revoked, dict) else None
    return HistoricalKey(
        key=key,
        key_id=read_text(member.get("kid")) or "",
        algorithm=algorithm,
        expires_at=expires_at,
        issued_at=read_time(member.get("iat")),
        revoked_at=revoked_at,
        # Further reasons may be defined; what we do not know is no reason to believe the key.
        revocation_reason=next((each for each in _REASONS if each == given), None),
    )
