"""Client authentication with a signed assertion, ``private_key_jwt`` (RFC 7523 section 3, OIDC Core section 9)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto import jws
from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reason, Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer

__all__ = [
    "ASSERTION_TYPE",
    "REPLAYED",
    "ClientAssertion",
    "UnverifiedAssertion",
    "create_client_assertion",
    "parse_client_assertion",
    "verify_client_assertion",
]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAXIMUM_IDENTIFIER: Final = 256  # our choice: what must be remembered of an assertion stays small
_CLIENT_ID: Final = re.compile(r"[\x20-\x7e]{1,512}")  # RFC 6749 appendix A.1, with a bound of ours
# Explicit typing (RFC 8725 section 3.11): none, the general one, or the one of draft-ietf-oauth-rfc7523bis. A signed
# request object or a proof of the same client has another, and is no assertion.
_TYPES: Final = frozenset(("", "jwt", "client-authentication+jwt"))

_ERROR: Final = "invalid_client"
MISSING = reason(
    "client-assertion.missing",
    error=_ERROR,
    public="The client must authenticate with a client_assertion.",
    status=401,
)
ASSERTION_KIND = reason(
    "client-assertion.type",
    error=_ERROR,
    public="The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
    status=401,
)
MALFORMED = reason(
    "client-assertion.malformed",
    error=_ERROR,
    public="The client assertion is not a well-formed signed token.",
    status=401,
)
WRONG_TYPE = reason(
    "client-assertion.typ",
    error=_ERROR,
    public="The typ of the client assertion is that of another kind of token.",
    status=401,
)
ALGORITHM = reason(
    "client-assertion.algorithm",
    error=_ERROR,
    public="The alg of the client assertion is not PS256, ES256 or EdDSA, or not the registered one.",
    status=401,
)
NO_KEY = reason(
    "client-assertion.no-key",
    error=_ERROR,
    public="No registered key of the client fits the client assertion.",
    status=401,
)
BAD_SIGNATURE = reason(
    "client-assertion.bad-signature",
    error=_ERROR,
    public="The signature of the client assertion does not verify.",
    status=401,
)
SUBJECT = reason(
    "client-assertion.subject",
    error=_ERROR,
    public="The iss and sub of the client assertion must both be the client_id.",
    status=401,
)
AUDIENCE = reason(
    "client-assertion.audience",
    error=_ERROR,
    public="The aud of the client assertion must be the issuer identifier, as a string.",
    status=401,
)
BAD_TIME = reason(
    "client-assertion.bad-time",
    error=_ERROR,
    public="The client assertion has no exp, or a time in it that is not a number.",
    status=401,
)
EXPIRED = reason(
    "client-assertion.expired", error=_ERROR, public="The client assertion has expired.", status=401
)
TOO_LONG = reason(
    "client-assertion.lifetime",
    error=_ERROR,
    public="The exp of the client assertion is too far ahead.",
    status=401,
)
FROM_FUTURE = reason(
    "client-assertion.from-future",
    error=_ERROR,
    public="The client assertion comes from the future.",
    status=401,
)
BAD_IDENTIFIER = reason(
    "client-assertion.bad-jti",
    error=_ERROR,
    public="The jti of the client assertion must be a string of 1 to 256 characters.",
    status=401,
)
REPLAYED = reason(
    "client-assertion.replayed", error=_ERROR, public="The client assertion was used before.", status=401
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class UnverifiedAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """An assertion whose shape was read: it says whose keys to look for, and nothing in it may be believed."""

    claimed_client_id: str
    token: jws.Unverified


class ClientAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """A verified assertion. Whoever verified it must still see to replay.

    Attributes:
        client_id: who signed it.
        jti: its identifier; unique for its client only.
        expires_at: until when a replay must be remembered; later the assertion is refused as expired.
    """

    client_id: str
    jti: str
    expires_at: float

    @property
    def replay_key(self) -> bytes:
        """Return what to remember (32 octets): with the client in it, so that nobody can use up another's ``jti``."""
        client = hashlib.sha256(self.client_id.encode()).digest()
        return hashlib.sha256(client + self.jti.encode()).digest()


@enforces(
    "FAPI2-SP-5.3.3.1-2",
    "FAPI2-SP-5.3.3.1-2.2",
    "FAPI2-SP-5.3.3.1-5",
    "RFC9126-2-p5.1",
    "RFC9700-UPDATE-2.1.2-p2.1",
    "RFC9700-UPDATE-2.1.2.1-p1.1",
)
def create_client_assertion(
    signer: Signer, *, client_id: str, issuer: str, now: float, lifetime: float, jti: str
) -> str:
    """Return an assertion for one request; ``aud`` is the issuer as a string, never in an array."""
    issued_at = int(now)
    return jws.sign(
        {
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "iat": issued_at,
            "exp": issued_at + int(lifetime),
            "jti": jti,
        },
        signer=signer,
    )


def parse_client_assertion(*, assertion_type: str | None, assertion: str | None) -> UnverifiedAssertion:
    """Read the two parameters of RFC 7521 section 4.2, to learn whose keys to verify with.

    (1) present, of the one type (2) shape and ``typ`` (3) an allowed ``alg`` (4) a ``sub`` that can be a client.

    Raises:
        Reject: ``client-assertion.*``.
    """
    if assertion is None:  # (1)
        raise MISSING.reject()
    if assertion_type != ASSERTION_TYPE:
        raise ASSERTION_KIND.reject(repr(assertion_type)[:120])
    try:
        token = jws.parse(assertion)  # (2), (3)
        subject = token.unverified_claims().get("sub")
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if token.type not in _TYPES or ("typ" in token.header and not token.type):
        raise WRONG_TYPE.reject(repr(token.header.get("typ"))[:80])
    if not isinstance(subject, str) or not _CLIENT_ID.fullmatch(subject):  # (4)
        raise SUBJECT.reject("no sub that could be a client")
    return UnverifiedAssertion(claimed_client_id=subject, token=token)


@enforces("FAPI2-SP-5.3.2.1-6", "FAPI2-SP-5.3.2.1-6.2")
def verify_client_assertion(
    assertion: UnverifiedAssertion,
    *,
    client_id: str,
    keys: KeySet,
    algorithm: str | None,
    issuer: str,
    now: float,
    future_tolerance: float,
    maximum_lifetime: float,
) -> ClientAssertion:
    """Verify the assertion of the registered client (RFC 7523 section 3).

    (1) ``alg`` as registered (2) key (3) signature (4) ``iss`` and ``sub`` (5) ``aud`` (6) ``exp`` (7) ``iat`` and
    ``nbf`` (8) ``jti``. The caller MUST do (9) replay, with ``replay_key``.

    Args:
        assertion: what ``parse_client_assertion`` returned.
        client_id: the client that was found by its claimed identifier.
        keys: the registered keys of that client.
        algorithm: the registered ``token_endpoint_auth_signing_alg``; None leaves the choice among the allowed three.
        issuer: our issuer identifier.
        now: the time.
        future_tolerance: how many seconds ``iat`` and ``nbf`` may be ahead.
        maximum_lifetime: how many seconds ``exp`` may be ahead by the clock of the client, which may be ahead of ours.

    Raises:
        Reject: ``client-assertion.*``.
    """
    token = assertion.token
    if algorithm is not None and canonical_algorithm(algorithm) != token.algorithm:  # (1)
        raise ALGORITHM.reject(f"got {token.algorithm}, registered {algorithm}")
    try:
        key = keys.find(key_id=token.key_id, algorithm=token.algorithm)  # (2)
        claims = jws.verify(token, key=key.key, algorithm=key.algorithm)  # (3)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("iss") != client_id or claims.get("sub") != client_id:  # (4)
        raise SUBJECT.reject(f"iss={claims.get('iss')!r:.80} sub={claims.get('sub')!r:.80}")
    _check_audience(claims.get("aud"), issuer)  # (5)
    expires_at = _check_expiry(claims, now=now, latest=now + future_tolerance + maximum_lifetime)  # (6)
    check_not_in_future(
        claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE
    )  # (7)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAXIMUM_IDENTIFIER:  # (8)
        raise BAD_IDENTIFIER.reject()
    # The tolerance says how far clocks may differ: those of our own machines as well.
    return ClientAssertion(client_id=client_id, jti=jti, expires_at=expires_at + future_tolerance)


@enforces("FAPI2-SP-5.3.2.1-8")
def _check_audience(presented: object, issuer: str) -> None:
    # A list would let one assertion serve at two servers, and an endpoint's URL at whoever claims that endpoint.
    if presented != issuer:
        raise AUDIENCE.reject(f"{presented!r:.200}")


def _check_expiry(claims: Mapping[str, object], *, now: float, latest: float) -> float:
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)
    if expires_at is None:
        raise BAD_TIME.reject("exp is missing")
    if expires_at <= now:
        raise EXPIRED.reject(f"{now - expires_at:.0f} s ago")
    if expires_at > latest:
        raise TOO_LONG.reject(f"{expires_at - now:.0f} s ahead")
    return expires_at
