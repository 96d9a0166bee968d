"""ID tokens and userinfo (OpenID Connect Core 1.0).

The order of the checks on an ID token, here and in the tests (section 3.1.3.7): (1) shape (2) algorithm (3) key
(4) signature (5) iss (6) aud (7) azp (8) exp (9) iat (10) sub (11) nonce (12) at_hash (13) auth_time.

A client that registers no algorithm gets ES256: our choice, because the RS256 of section 2 is not allowed by
FAPI 2.0 Security Profile section 5.4.1.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto import jws
from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.protocol.jwt import read_audience, read_time
from trustweft.protocol.signed_token import check_not_in_future, restate
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.crypto.keys import KeySet, Signer

__all__ = [
    "CLAIMS_OF_SCOPE",
    "DEFAULT_ALGORITHM",
    "ExpectedIdToken",
    "IdToken",
    "NewIdToken",
    "UserInfo",
    "access_token_hash",
    "create_id_token",
    "create_userinfo",
    "read_userinfo",
    "verify_id_token",
]

DEFAULT_ALGORITHM: Final = "ES256"
_MAXIMUM_SUBJECT: Final = 255  # section 2
# Section 5.4. Only what somebody asked for by scope is told.
CLAIMS_OF_SCOPE: Final[dict[str, tuple[str, ...]]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}

_ERROR: Final = "invalid_id_token"  # no code of a specification: the refusal stays on the client's side
MALFORMED = reason("id-token.malformed", error=_ERROR, public="The ID token is malformed.", status=502)
ALGORITHM = reason(
    "id-token.algorithm",
    error=_ERROR,
    public="The ID token is not signed with the registered algorithm.",
    status=502,
)
UNKNOWN_KEY = reason(
    "id-token.unknown-key",
    error=_ERROR,
    public="The ID token is signed with a key that its issuer does not publish, or that has ended.",
    status=502,
)
BAD_SIGNATURE = reason(
    "id-token.bad-signature",
    error=_ERROR,
    public="The signature of the ID token does not verify.",
    status=502,
)
ISSUER = reason("id-token.issuer", error=_ERROR, public="The ID token comes from another issuer.", status=502)
AUDIENCE = reason(
    "id-token.audience", error=_ERROR, public="The ID token is not for this client alone.", status=502
)
EXPIRED = reason("id-token.expired", error=_ERROR, public="The ID token has expired.", status=502)
FUTURE = reason(
    "id-token.future",
    error=_ERROR,
    public="The ID token is dated in the future, or is not dated.",
    status=502,
)
SUBJECT = reason("id-token.subject", error=_ERROR, public="The ID token names no valid subject.", status=502)
NONCE = reason(
    "id-token.nonce", error=_ERROR, public="The nonce of the ID token is not the one sent.", status=502
)
ACCESS_TOKEN_HASH = reason(
    "id-token.at-hash", error=_ERROR, public="The ID token belongs to another access token.", status=502
)
AUTH_TIME = reason(
    "id-token.auth-time", error=_ERROR, public="The authentication is not recent enough.", status=502
)
USERINFO_SUBJECT = reason(
    "userinfo.subject", error="invalid_userinfo", public="The userinfo is about somebody else.", status=502
)
_WORDS: Final = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": UNKNOWN_KEY,
    "jwks.no-key": UNKNOWN_KEY,
    "jws.bad-signature": BAD_SIGNATURE,
}


class NewIdToken(Struct, frozen=True, kw_only=True):
    """What an authorization server puts into an ID token; what nobody asked for stays None.

    Attributes:
        access_token: the access token of the same response, for ``at_hash``.
        amr: how the person authenticated (RFC 8176).
    """

    issuer: str
    subject: str
    client_id: str
    issued_at: float
    expires_at: float
    nonce: str | None = None
    auth_time: float | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    access_token: str | None = None


class ExpectedIdToken(Struct, frozen=True, kw_only=True):
    """What the client that asked for an ID token knows about it.

    Attributes:
        nonce: exactly what was sent; None where none was, and then none may come back.
        algorithm: the registered ``id_token_signed_response_alg``.
        access_token: the access token of the same response; checked where the ID token has ``at_hash``.
        max_age: the ``max_age`` that was sent, if any.
    """

    issuer: str
    client_id: str
    nonce: str | None
    algorithm: str = DEFAULT_ALGORITHM
    access_token: str | None = None
    max_age: float | None = None


class IdToken(Struct, frozen=True, kw_only=True):
    """A verified ID token."""

    issuer: str
    subject: str
    issued_at: float
    expires_at: float
    auth_time: float | None
    acr: str | None
    amr: tuple[str, ...]
    claims: Mapping[str, object]


class UserInfo(Struct, frozen=True, kw_only=True):
    """What the userinfo endpoint said about the person whom the ID token names."""

    subject: str
    claims: Mapping[str, object]


@enforces("FAPI2-SP-5.3.2.3-p1")
def create_id_token(token: NewIdToken, *, signer: Signer) -> str:
    """Return the signed ID token (section 2)."""
    claims: dict[str, object] = {
        "iss": token.issuer,
        "sub": token.subject,
        "aud": token.client_id,
        "iat": int(token.issued_at),
        "exp": int(token.expires_at),
    }
    optional: dict[str, object | None] = {
        "nonce": token.nonce,
        "auth_time": None if token.auth_time is None else int(token.auth_time),
        "acr": token.acr,
        "amr": list(token.amr) or None,
        "at_hash": None if token.access_token is None else _hash_for(token.access_token, signer.algorithm),
    }
    claims |= {name: value for name, value in optional.items() if value is not None}
    return jws.sign(claims, signer=signer, header={"typ": "JWT"})


def _hash_for(access_token: str, algorithm: str) -> str:
    canonical = canonical_algorithm(algorithm)
    if canonical is None:
        raise ValueError(f"no ID token is signed with {algorithm}")
    return access_token_hash(access_token, algorithm=canonical)


def access_token_hash(access_token: str, *, algorithm: str) -> str:
    """Return ``at_hash`` (section 3.1.3.6): the left half of the hash that the canonical ``algorithm`` uses."""
    hash_ = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256  # Ed25519 hashes with SHA-512
    digest = hash_(access_token.encode("utf-8", "surrogatepass")).digest()
    return encode_base64url(digest[: len(digest) // 2])


@enforces("FAPI2-MS-5.6.2-1")
def verify_id_token(
    token: str, *, expected: ExpectedIdToken, keys: KeySet, now: float, future_tolerance: float
) -> IdToken:
    """Verify an ID token from the token endpoint (section 3.1.3.7).

    Raises:
        Reject: ``id-token.*``.
    """
    claims = _verify_signature(token, keys=keys, algorithm=expected.algorithm)
    if claims.get("iss") != expected.issuer:  # (5)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}")
    if read_audience(claims.get("aud")) != (expected.client_id,):  # (6) further audiences are not trusted
        raise AUDIENCE.reject(f"aud={claims.get('aud')!r:.200}")
    if claims.get("azp", expected.client_id) != expected.client_id:  # (7)
        raise AUDIENCE.reject(f"azp={claims.get('azp')!r:.200}")
    expires_at = read_time(claims.get("exp"))
    if expires_at is None or now >= expires_at:  # (8)
        raise EXPIRED.reject(f"{claims.get('exp')!r:.40}")
    issued_at = read_time(claims.get("iat"))
    if issued_at is None:  # (9)
        raise FUTURE.reject(f"{claims.get('iat')!r:.40}")
    check_not_in_future(claims, now=now, tolerance=future_tolerance, malformed=FUTURE, refused=FUTURE)
    return IdToken(
        issuer=expected.issuer,
        subject=_read_subject(claims),
        issued_at=issued_at,
        expires_at=expires_at,
        auth_time=_check_session(claims, expected=expected, latest=now + future_tolerance, now=now),
        acr=_read_acr(claims),
        amr=_read_amr(claims),
        claims=claims,
    )


def _verify_signature(token: str, *, keys: KeySet, algorithm: str) -> dict[str, object]:
    try:
        parsed = jws.parse(token)  # (1)
        if parsed.type not in {"", "jwt"}:  # an access token is no ID token (RFC 8725 section 3.11)
            raise MALFORMED.reject(f"typ={parsed.type:.80}")
        if parsed.algorithm != canonical_algorithm(algorithm):  # (2)
            raise ALGORITHM.reject(f"{parsed.algorithm}, {algorithm} was registered")
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (3)
        return jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (4)
    except Reject as cause:
        if cause.reason.id.startswith("id-token."):
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause


def _read_subject(claims: Mapping[str, object]) -> str:
    subject = claims.get("sub")
    if (
        not isinstance(subject, str) or not 0 < len(subject) <= _MAXIMUM_SUBJECT or not subject.isascii()
    ):  # (10)
        raise SUBJECT.reject()
    return subject


@enforces("RFC9700-4.5.3.2-1")
def _check_session(
    claims: Mapping[str, object], *, expected: ExpectedIdToken, latest: float, now: float
) -> float | None:
    """Check what ties the token to this request, and return when the person authenticated."""
    if ("nonce" in claims) != (expected.nonce is not None) or claims.get("nonce") != expected.nonce:  # (11)
        raise NONCE.reject(f"{claims.get('nonce')!r:.200}")
    if expected.access_token is not None and "at_hash" in claims:  # (12) optional in the code flow
        algorithm = canonical_algorithm(expected.algorithm) or expected.algorithm
        if claims["at_hash"] != access_token_hash(expected.access_token, algorithm=algorithm):
            raise ACCESS_TOKEN_HASH.reject()
    auth_time = read_time(claims.get("auth_time"))
    if auth_time is None and ("auth_time" in claims or expected.max_age is not None):  # (13)
        raise AUTH_TIME.reject("missing or malformed")
    if auth_time is not None and auth_time > latest:
        raise AUTH_TIME.reject("in the future")
    if auth_time is not None and expected.max_age is not None and now - auth_time > expected.max_age:
        raise AUTH_TIME.reject("too long ago")
    return auth_time


def _read_acr(claims: Mapping[str, object]) -> str | None:
    acr = claims.get("acr")
    if acr is not None and not isinstance(acr, str):
        raise MALFORMED.reject("acr")
    return acr


def _read_amr(claims: Mapping[str, object]) -> tuple[str, ...]:
    amr = claims.get("amr", [])
    if not isinstance(amr, list) or not all(isinstance(method, str) for method in amr):
        raise MALFORMED.reject("amr")
    return tuple(amr)


def create_userinfo(
    subject: str, *, scope: Collection[str], claims: Mapping[str, object]
) -> dict[str, object]:
    """Return the userinfo response: ``sub``, and of ``claims`` only what ``scope`` asks for (section 5.4)."""
    asked = {name for value in scope for name in CLAIMS_OF_SCOPE.get(value, ())}
    told = {name: value for name, value in claims.items() if name in asked and value is not None}
    return {"sub": subject, **told}


def read_userinfo(document: Mapping[str, object], *, subject: str) -> UserInfo:
    """Read a userinfo response; it must be about ``subject`` of the ID token (section 5.3.2).

    Raises:
        Reject: ``userinfo.subject``: without this check an answer for another person could be slipped in.
    """
    if document.get("sub") != subject:
        raise USERINFO_SUBJECT.reject(f"{document.get('sub')!r:.200}")
    return UserInfo(subject=subject, claims=document)
