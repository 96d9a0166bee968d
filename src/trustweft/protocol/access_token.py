"""JWT access tokens (RFC 9068) that are bound to their sender (RFC 9449 section 6, RFC 8705 section 3).

The order of the checks, here and in the tests (RFC 9068 section 4): (1) shape (2) typ (3) algorithm (4) key
(5) signature (6) iss (7) aud (8) exp (9) iat and nbf (10) required claims (11) cnf (12) scope.
The caller MUST still do: (13) proof of possession of every key that the token names, (14) revocation status.

One private claim is ours: ``grant_id`` names the grant that the token hangs off, so that a resource server can ask
whether the grant is still good. Tokens of other servers do without.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto import jws
from trustweft.protocol.jwt import read_audience, read_text, read_time
from trustweft.protocol.oauth import INVALID_TOKEN, parse_scope
from trustweft.protocol.rar import read_authorization_details
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reason, Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.rar import AuthorizationDetail

__all__ = [
    "TOKEN_TYPE",
    "AccessToken",
    "Confirmation",
    "NewAccessToken",
    "create_access_token",
    "read_claimed_details",
    "read_confirmation",
    "read_scope",
    "verify_access_token",
    "verify_own_access_token",
]

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  # a media type, not a secret
_CONFIRMATION_METHODS: Final = ("jkt", "x5t#S256")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")

MALFORMED = reason(
    "access-token.malformed",
    error=INVALID_TOKEN,
    public="The access token is not a signed token.",
    status=401,
)
TYPE = reason(
    "access-token.type", error=INVALID_TOKEN, public="The typ of the access token is not at+jwt.", status=401
)
ALGORITHM = reason(
    "access-token.algorithm",
    error=INVALID_TOKEN,
    public="The access token is signed with an algorithm that is not allowed.",
    status=401,
)
UNKNOWN_KEY = reason(
    "access-token.unknown-key",
    error=INVALID_TOKEN,
    public="The access token is signed with a key that its issuer does not publish, or that has ended.",
    status=401,
)
BAD_SIGNATURE = reason(
    "access-token.bad-signature",
    error=INVALID_TOKEN,
    public="The signature of the access token does not verify.",
    status=401,
)
ISSUER = reason(
    "access-token.issuer",
    error=INVALID_TOKEN,
    public="The access token comes from another issuer.",
    status=401,
)
AUDIENCE = reason(
    "access-token.audience",
    error=INVALID_TOKEN,
    public="The access token is for another audience.",
    status=401,
)
EXPIRED = reason(
    "access-token.expired", error=INVALID_TOKEN, public="The access token has expired.", status=401
)
FUTURE = reason(
    "access-token.future",
    error=INVALID_TOKEN,
    public="The access token is dated in the future, or is not dated.",
    status=401,
)
CLAIMS = reason(
    "access-token.claims",
    error=INVALID_TOKEN,
    public="The access token lacks a required claim, or one has the wrong type.",
    status=401,
)
NOT_BOUND = reason(
    "access-token.not-bound",
    error=INVALID_TOKEN,
    public="The access token is not bound to a key.",
    status=401,
)
_WORDS: Final = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": UNKNOWN_KEY,
    "jwks.no-key": UNKNOWN_KEY,
    "jws.bad-signature": BAD_SIGNATURE,
}


class Confirmation(Struct, frozen=True, kw_only=True):
    """The keys that a token is bound to (RFC 7800); the sender must prove to hold each one that is named.

    Attributes:
        jkt: thumbprint of a DPoP key (RFC 9449 section 6.1).
        certificate_thumbprint: ``x5t#S256`` of a client certificate (RFC 8705 section 3.1).
    """

    jkt: str | None = None
    certificate_thumbprint: str | None = None

    @property
    def members(self) -> dict[str, str]:
        """Return the members of the ``cnf`` claim."""
        named = zip(_CONFIRMATION_METHODS, (self.jkt, self.certificate_thumbprint), strict=True)
        return {method: thumbprint for method, thumbprint in named if thumbprint is not None}


class NewAccessToken(Struct, frozen=True, kw_only=True):
    """What an authorization server puts into an access token.

    Attributes:
        audience: the resource servers that it is for, at least one.
        jti: unguessable: revocation finds the token by it.
        confirmation: what it is bound to.
        grant_id: the grant that it hangs off.
        authorization_details: what it allows exactly (RFC 9396 section 9.1), for the audiences alone.
        software_id: the directory's name for the client's software, where it is not the client identifier;
            ``organisation_id`` for who answers for it. With them a resource server finds out who takes part no more.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    client_id: str
    scope: tuple[str, ...]
    issued_at: float
    expires_at: float
    jti: str
    confirmation: Confirmation
    grant_id: str | None = None
    auth_time: float | None = None
    acr: str | None = None
    authorization_details: tuple[AuthorizationDetail, ...] = ()
    software_id: str | None = None
    organisation_id: str | None = None


class AccessToken(Struct, frozen=True, kw_only=True):
    """A verified access token, or one that introspection says is active.

    It says nothing yet about its sender or about revocation: see the module's text.

    Attributes:
        jti: the token's identifier; empty only where an introspection response names none.
        issued_at: missing only where an introspection response names none.
        claims: everything that the token says; never to be changed.
        authorization_details: what it allows exactly (RFC 9396).
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    client_id: str
    scope: tuple[str, ...]
    issued_at: float | None
    expires_at: float
    jti: str
    confirmation: Confirmation
    grant_id: str | None
    auth_time: float | None
    acr: str | None
    claims: Mapping[str, object]
    authorization_details: tuple[AuthorizationDetail, ...] = ()

    @property
    def jkt(self) -> str | None:
        """Return the thumbprint of the DPoP key that the token is bound to."""
        return self.confirmation.jkt


@enforces(
    "FAPI2-SP-5.3.2.1-4",
    "FAPI2-SP-5.3.2.1-5",
    "FAPI2-SP-5.3.2.1-5.1",
    "RFC9700-4.9.3-2",
    "RFC9449-6.1-1",
    "RFC8705-3.1-p1",
    "RFC9068-2.1-p1.1",
    "RFC9068-2.1-p3.1",
    "RFC9068-2.1-p3.2",
    "RFC9068-2.2-1",
    "RFC9068-2.2-2",
    "RFC9068-2.2-3",
    "RFC9068-2.2-4",
    "RFC9068-2.2-5",
    "RFC9068-2.2-6",
    "RFC9068-2.2-7",
    "RFC9068-2.2.3-p1",
    "RFC9396-9-p1.1",
    "RFC9396-9.1-p1",
)
def create_access_token(token: NewAccessToken, *, signer: Signer) -> str:
    """Return the signed access token (RFC 9068 section 2).

    Raises:
        ValueError: it would not be bound to a key, or would be for nobody.
    """
    bound_to = token.confirmation.members
    if not bound_to or not all(_THUMBPRINT.fullmatch(thumbprint) for thumbprint in bound_to.values()):
        raise ValueError("an access token is always bound to a key")
    if not token.audience:
        raise ValueError("an access token is always for somebody")
    claims: dict[str, object] = {
        "iss": token.issuer,
        "sub": token.subject,
        "aud": token.audience[0] if len(token.audience) == 1 else list(token.audience),
        "client_id": token.client_id,
        "iat": int(token.issued_at),
        "exp": int(token.expires_at),
        "jti": token.jti,
        "cnf": bound_to,
    }
    if token.scope:
        claims["scope"] = " ".join(token.scope)
    if token.authorization_details:
        claims["authorization_details"] = [detail.document() for detail in token.authorization_details]
    if token.auth_time is not None:
        claims["auth_time"] = int(token.auth_time)
    claims |= {
        name: value
        for name, value in (
            ("acr", token.acr),
            ("grant_id", token.grant_id),
            ("software_id", token.software_id),
            ("organisation_id", token.organisation_id),
        )
        if value is not None
    }
    return jws.sign(claims, signer=signer, header={"typ": TOKEN_TYPE})


@enforces("RFC9700-2.3-p2.2", "RFC9068-4-4")
def verify_access_token(
    token: str, *, keys: KeySet, issuer: str, audience: str, now: float, future_tolerance: float
) -> AccessToken:
    """Verify an access token for the resource server ``audience`` (RFC 9068 section 4).

    Raises:
        Reject: ``access-token.*``.
    """
    verified = verify_own_access_token(
        token, keys=keys, issuer=issuer, now=now, future_tolerance=future_tolerance
    )
    if audience not in verified.audience:  # (7)
        raise AUDIENCE.reject(repr(verified.audience)[:200])
    return verified


@enforces("RFC9068-4-3", "RFC9068-4-6")
def verify_own_access_token(
    token: str, *, keys: KeySet, issuer: str, now: float, future_tolerance: float
) -> AccessToken:
    """Verify an access token for its own issuer, who answers questions about tokens for any audience.

    A resource server uses ``verify_access_token``.

    Raises:
        Reject: ``access-token.*``.
    """
    claims = _verify_signature(token, keys)
    if claims.get("iss") != issuer:  # (6)
        raise ISSUER.reject(repr(claims.get("iss"))[:200])
    expires_at = read_time(claims.get("exp"))
    if expires_at is None or now >= expires_at:  # (8)
        raise EXPIRED.reject(repr(claims.get("exp"))[:40])
    issued_at = read_time(claims.get("iat"))
    if issued_at is None:  # (9)
        raise FUTURE.reject(repr(claims.get("iat"))[:40])
    check_not_in_future(claims, now=now, tolerance=future_tolerance, malformed=FUTURE, refused=FUTURE)
    return _read_claims(claims, issuer=issuer, issued_at=issued_at, expires_at=expires_at)


@enforces("RFC9068-4-1", "RFC9068-4-5")
def _verify_signature(token: str, keys: KeySet) -> dict[str, object]:
    try:
        parsed = jws.parse(token)  # (1) (3)
        if parsed.type != TOKEN_TYPE:  # (2) an ID token or an assertion is no access token
            raise TYPE.reject(repr(parsed.header.get("typ"))[:80])
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (4)
        return jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (5)
    except Reject as cause:
        if cause.reason is TYPE:
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause


def _read_claims(
    claims: dict[str, object], *, issuer: str, issued_at: float, expires_at: float
) -> AccessToken:
    audience = read_audience(claims.get("aud"))
    if audience is None:  # (7) its form; whom it names is compared by verify_access_token
        raise AUDIENCE.reject(repr(claims.get("aud"))[:200])
    subject, client_id, jti = (
        read_text(claims.get("sub")),
        read_text(claims.get("client_id")),
        read_text(claims.get("jti")),
    )
    if subject is None or client_id is None or jti is None:  # (10)
        raise CLAIMS.reject("sub, client_id or jti")
    confirmation = read_confirmation(claims.get("cnf"))  # (11)
    scope = read_scope(claims.get("scope", ""))  # (12)
    if confirmation is None:
        raise NOT_BOUND.reject()
    if scope is None:
        raise CLAIMS.reject("scope")
    return AccessToken(
        issuer=issuer,
        subject=subject,
        audience=audience,
        client_id=client_id,
        scope=scope,
        issued_at=issued_at,
        expires_at=expires_at,
        jti=jti,
        confirmation=confirmation,
        grant_id=_optional_text(claims, "grant_id"),
        auth_time=optional_time(claims, "auth_time", malformed=CLAIMS),
        acr=_optional_text(claims, "acr"),
        claims=claims,
        authorization_details=read_claimed_details(claims, malformed=CLAIMS),
    )


def read_claimed_details(
    claims: Mapping[str, object], *, malformed: Reason
) -> tuple[AuthorizationDetail, ...]:
    """Return the authorization details of a token, none where it has none.

    Raises:
        Reject: ``malformed``.
    """
    if "authorization_details" not in claims:
        return ()
    try:
        return read_authorization_details(claims["authorization_details"])
    except Reject as cause:
        raise malformed.reject(f"authorization_details: {cause.reason.id}") from cause


@enforces("RFC9449-6-p1")
def read_confirmation(value: object) -> Confirmation | None:
    """Return the keys of a ``cnf`` claim; None where it names none, or one in a way that cannot be checked."""
    if not isinstance(value, dict):
        return None
    thumbprints = []
    for method in _CONFIRMATION_METHODS:
        thumbprint = value.get(method)
        if thumbprint is not None and not (isinstance(thumbprint, str) and _THUMBPRINT.fullmatch(thumbprint)):
            return None
        thumbprints.append(thumbprint)
    jkt, certificate_thumbprint = thumbprints
    if jkt is None and certificate_thumbprint is None:
        return None
    return Confirmation(jkt=jkt, certificate_thumbprint=certificate_thumbprint)


def read_scope(value: object) -> tuple[str, ...] | None:
    """Return the values of a scope string (RFC 6749 section 3.3), none for an empty one; None where malformed."""
    if value == "":
        return ()
    try:
        return parse_scope(value) if isinstance(value, str) else None
    except Reject:
        return None


def _optional_text(claims: dict[str, object], name: str) -> str | None:
    if name not in claims:
        return None
    value = read_text(claims[name])
    if value is None:
        raise CLAIMS.reject(name)
    return value
