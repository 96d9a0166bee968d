"""What all signed messages of OpenID Federation 1.0 share: type, key and signature, times, and who entities are.

The order of the checks, here and in the tests: (1) size (2) shape and header (3) ``typ`` (4) ``alg``: never ``none``
or a shared secret (5) ``kid`` (6) signature (7) ``iat`` (8) ``exp``. Nothing is verified with a key that the message
itself brings, but for Entity Configurations, which a Trust Chain vouches for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.crypto import jws
from trustweft.protocol.jwt import read_time
from trustweft.protocol.signed_token import check_not_in_future, restate
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer

__all__ = [
    "INVALID_TRUST_CHAIN",
    "MAXIMUM_CHAIN",
    "MAXIMUM_STATEMENT",
    "check_times",
    "is_entity_identifier",
    "optional_expiry",
    "parse_federation_jwt",
    "read_entity_identifier",
    "read_object",
    "sign_federation_jwt",
    "unverified_claims",
    "verify_federation_jwt",
]

INVALID_TRUST_CHAIN: Final = "invalid_trust_chain"  # section 8.9
MAXIMUM_STATEMENT: Final = (
    65_536  # our choice, in characters: a bank's metadata and two key sets take about 10,000
)
MAXIMUM_CHAIN: Final = 8  # our choice: a leaf, its superiors and the Trust Anchor
MAXIMUM_CHAIN_HEADER: Final = MAXIMUM_CHAIN * MAXIMUM_STATEMENT

TOO_LARGE = reason(
    "federation.too-large",
    error=INVALID_TRUST_CHAIN,
    public="A statement or another signed message of the federation is too large.",
)
MALFORMED = reason(
    "federation.malformed",
    error=INVALID_TRUST_CHAIN,
    public="A statement or another message of the federation is not a well-formed signed token.",
)
TYPE = reason(
    "federation.type",
    error=INVALID_TRUST_CHAIN,
    public="The typ of a signed message of the federation is that of another kind of message.",
)
ALGORITHM = reason(
    "federation.algorithm",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation has an alg other than PS256, ES256 and EdDSA.",
)
KEY_ID = reason(
    "federation.key-id",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation has no kid.",
)
UNKNOWN_KEY = reason(
    "federation.unknown-key",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation is signed with a key that its issuer does not have, or no longer.",
)
BAD_SIGNATURE = reason(
    "federation.bad-signature",
    error=INVALID_TRUST_CHAIN,
    public="The signature of a message of the federation does not verify.",
)
BAD_TIME = reason(
    "federation.bad-time",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation lacks iat or exp, or one of them is no time.",
)
FROM_FUTURE = reason(
    "federation.from-future",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation is dated in the future.",
)
EXPIRED = reason(
    "federation.expired",
    error=INVALID_TRUST_CHAIN,
    public="A signed message of the federation has expired.",
)
IDENTIFIER = reason(
    "federation.identifier",
    error=INVALID_TRUST_CHAIN,
    public="An Entity Identifier must be an https URL with a host, without query, fragment and user information.",
)
_WORDS: Final = {
    "jws.too-large": TOO_LARGE,
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": UNKNOWN_KEY,
}


def is_entity_identifier(value: object) -> bool:
    """Say whether this can be an Entity Identifier (section 1.2)."""
    url = parse_url(value) if isinstance(value, str) else None
    return url is not None and url.scheme == "https" and url.query is None and url.fragment is None


def read_entity_identifier(claims: Mapping[str, object], name: str) -> str:
    """Return a claim that names an entity.

    Raises:
        Reject: ``federation.identifier``.
    """
    value = claims.get(name)
    if not isinstance(value, str) or not is_entity_identifier(value):
        raise IDENTIFIER.reject(f"{name}={value!r:.200}")
    return value


def read_object(value: object) -> dict[str, object]:
    """Return a JSON object.

    Raises:
        Reject: ``federation.malformed``.
    """
    if not isinstance(value, dict):
        raise MALFORMED.reject(f"an object was expected: {value!r:.100}")
    return value


def sign_federation_jwt(
    claims: Mapping[str, object],
    *,
    signer: Signer,
    kind: str,
    header: Mapping[str, object] | None = None,
) -> str:
    """Return the signed message of this ``typ``.

    Raises:
        ValueError: the key has no ``kid``, by which alone others find it.
    """
    if not signer.key_id:
        raise ValueError("a key of the federation has a kid")
    return jws.sign(claims, signer=signer, header={"typ": kind, **(header or {})})


def parse_federation_jwt(
    token: str, *, kind: str, limit: int = MAXIMUM_STATEMENT, header_limit: int = jws.MAXIMUM_HEADER
) -> jws.Unverified:
    """Read the header of a message of this ``typ``: (1) to (5).

    Args:
        token: from outside.
        kind: the one ``typ`` that it may have, spelled so.
        limit: characters that it may have.
        header_limit: octets that its header may have; more only where a Trust Chain may stand in it.

    Raises:
        Reject: ``federation.*``.
    """
    try:
        parsed = jws.parse(token, limit=limit, header_limit=header_limit)  # (1) (2) (4)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if parsed.header.get("typ") != kind:  # (3)
        raise TYPE.reject(f"{parsed.header.get('typ')!r:.80}, not {kind}")
    if not parsed.key_id:  # (5)
        raise KEY_ID.reject()
    return parsed


def unverified_claims(parsed: jws.Unverified) -> dict[str, object]:
    """Return the claims, for choosing keys only.

    Raises:
        Reject: ``federation.malformed``.
    """
    try:
        return parsed.unverified_claims()
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause


def verify_federation_jwt(parsed: jws.Unverified, *, keys: KeySet) -> dict[str, object]:
    """Verify the signature with the key of the issuer that ``kid`` names, and return the claims: (6).

    Raises:
        Reject: ``federation.unknown-key``, ``.algorithm``, ``.bad-signature``, ``.malformed``.
    """
    try:
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)
        return jws.verify(parsed, key=key.key, algorithm=key.algorithm)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause


def check_times(claims: Mapping[str, object], *, now: float, future_tolerance: float) -> tuple[float, float]:
    """Return ``iat`` and ``exp`` of a message that is in force: (7) and (8).

    Raises:
        Reject: ``federation.bad-time``, ``.from-future``, ``.expired``.
    """
    issued_at = _issued_at(claims, now=now, future_tolerance=future_tolerance)
    expires_at = read_time(claims.get("exp"))
    if expires_at is None or expires_at <= issued_at:
        raise BAD_TIME.reject(f"exp={claims.get('exp')!r:.40}")
    _check_not_expired(expires_at, now)
    return issued_at, expires_at


def optional_expiry(
    claims: Mapping[str, object], *, now: float, future_tolerance: float
) -> tuple[float, float | None]:
    """Return ``iat`` and ``exp`` of a message that need not expire, as trust marks (section 7.1).

    Raises:
        Reject: ``federation.bad-time``, ``.from-future``, ``.expired``.
    """
    if "exp" in claims:
        return check_times(claims, now=now, future_tolerance=future_tolerance)
    return _issued_at(claims, now=now, future_tolerance=future_tolerance), None


def _issued_at(claims: Mapping[str, object], *, now: float, future_tolerance: float) -> float:
    issued_at = read_time(claims.get("iat"))
    if issued_at is None:
        raise BAD_TIME.reject(f"iat={claims.get('iat')!r:.40}")
    # Nobody needs nbf here, but where it stands it means what it means everywhere (RFC 7519 section 4.1.5).
    check_not_in_future(claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE)
    return issued_at


def _check_not_expired(expires_at: float, now: float) -> None:
    if expires_at <= now:
        raise EXPIRED.reject(f"{now - expires_at:.0f} s ago")
