"""Request objects (RFC 9101): an authorization request that its client signed, passed by value.

The bounds on times are those of FAPI 2.0 Message Signing section 5.3.1; who must not have a ``sub`` and must have a
``jti`` says OpenID Federation 1.0 section 12.1.1.1. What a request object says is the request: what stands beside it
counts for nothing (section 6.3).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto import jws
from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.crypto.keys import thumbprint
from trustweft.protocol.jwt import read_audience
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reason, Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer

__all__ = [
    "INVALID_REQUEST_OBJECT",
    "MAXIMUM_AGE",
    "REPLAYED",
    "REQUEST_OBJECT_TYPE",
    "ExpectedRequestObject",
    "RequestObject",
    "UnverifiedRequestObject",
    "create_request_object",
    "parse_request_object",
    "verify_request_object",
]

INVALID_REQUEST_OBJECT: Final = "invalid_request_object"  # RFC 9101 section 7
REQUEST_OBJECT_TYPE: Final = "oauth-authz-req+jwt"
MAXIMUM_AGE: Final = 3_600  # FAPI 2.0 Message Signing section 5.3.1 items 3 and 4, in seconds
# Our choice, in characters and octets: with the client's Trust Chain in its header, and within the largest form.
MAXIMUM_REQUEST_OBJECT: Final = 49_152
MAXIMUM_HEADER: Final = 32_768
MAXIMUM_IDENTIFIER: Final = 256
MAXIMUM_NAME: Final = 100
MAXIMUM_PARAMETERS: Final = 100
# Section 10.8 lets servers insist on the type of its own; FAPI 2.0 Message Signing section 5.3.2 item 5 lets clients
# leave it out. So none and the general one will do: what else a client signs has a ``sub`` or a type of its own.
_TYPES: Final = frozenset(("", "jwt", REQUEST_OBJECT_TYPE))
_ENCRYPTED_DOTS: Final = 4  # RFC 7516 section 3.1
# Claims that are about the object, and no parameters of the request in it (section 4).
_ABOUT: Final = frozenset(("iss", "aud", "exp", "nbf", "iat", "jti"))
_NESTED: Final = ("request", "request_uri")
# Parameters that are JSON documents: claims of the object have them as such (RFC 9396 section 3, OpenID Connect 5.5).
_DOCUMENTS: Final = frozenset(("authorization_details", "claims"))

MALFORMED = reason(
    "request-object.malformed",
    error=INVALID_REQUEST_OBJECT,
    public="The request object is not a well-formed signed token.",
)
TOO_LARGE = reason(
    "request-object.too-large", error=INVALID_REQUEST_OBJECT, public="The request object is too large."
)
ENCRYPTED = reason(
    "request-object.encrypted",
    error=INVALID_REQUEST_OBJECT,
    public="Encrypted request objects are not supported here.",
)
WRONG_TYPE = reason(
    "request-object.typ",
    error=INVALID_REQUEST_OBJECT,
    public="The typ of the request object is that of another kind of token.",
)
ALGORITHM = reason(
    "request-object.algorithm",
    error=INVALID_REQUEST_OBJECT,
    public="The alg of the request object is not PS256, ES256 or EdDSA, or not the registered one.",
)
NO_KEY = reason(
    "request-object.no-key",
    error=INVALID_REQUEST_OBJECT,
    public="No registered key of the client fits the request object.",
)
BAD_SIGNATURE = reason(
    "request-object.bad-signature",
    error=INVALID_REQUEST_OBJECT,
    public="The signature of the request object does not verify.",
)
ISSUER = reason(
    "request-object.issuer",
    error=INVALID_REQUEST_OBJECT,
    public="The iss of the request object must be the client_id.",
)
CLIENT = reason(
    "request-object.client",
    error=INVALID_REQUEST_OBJECT,
    public="The client_id in the request object is missing, or is not that of the client that sent it.",
)
AUDIENCE = reason(
    "request-object.audience",
    error=INVALID_REQUEST_OBJECT,
    public="The aud of the request object must be the issuer identifier, or have it in a list.",
)
SUBJECT = reason(
    "request-object.subject",
    error=INVALID_REQUEST_OBJECT,
    public="A request object must not have a sub: it could pass for a client assertion.",
)
BAD_TIME = reason(
    "request-object.bad-time",
    error=INVALID_REQUEST_OBJECT,
    public="The request object lacks exp, or nbf where it is needed, or a time in it is not a number.",
)
EXPIRED = reason(
    "request-object.expired", error=INVALID_REQUEST_OBJECT, public="The request object has expired."
)
TOO_LONG = reason(
    "request-object.lifetime",
    error=INVALID_REQUEST_OBJECT,
    public="The request object is good for longer than an hour.",
)
TOO_OLD = reason(
    "request-object.too-old",
    error=INVALID_REQUEST_OBJECT,
    public="The nbf or the iat of the request object lies more than an hour back.",
)
FROM_FUTURE = reason(
    "request-object.from-future",
    error=INVALID_REQUEST_OBJECT,
    public="The request object comes from the future.",
)
BAD_IDENTIFIER = reason(
    "request-object.bad-jti",
    error=INVALID_REQUEST_OBJECT,
    public="The jti of the request object is missing where it is needed, or is no string of 1 to 256 characters.",
)
REPLAYED = reason(
    "request-object.replayed",
    error=INVALID_REQUEST_OBJECT,
    public="The request object was used before.",
)
NESTED = reason(
    "request-object.nested",
    error=INVALID_REQUEST_OBJECT,
    public="A request object must not have request or request_uri in it.",
)
PARAMETER = reason(
    "request-object.parameter",
    error=INVALID_REQUEST_OBJECT,
    public="A parameter in the request object is of a type or has a character that it may not have.",
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.too-large": TOO_LARGE,
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class UnverifiedRequestObject(msgspec.Struct, frozen=True, kw_only=True):
    """A request object whose shape and header were read: nothing in it may be believed.

    Attributes:
        trust_chain: the header parameter of that name, whatever it is (OpenID Federation 1.0 section 4.3); None where
            it is absent.
    """

    token: jws.Unverified
    trust_chain: object = None


class ExpectedRequestObject(msgspec.Struct, frozen=True, kw_only=True):
    """What the request object of a client must be.

    Attributes:
        client_id: the client that sent it, or that the parameter beside it names.
        issuer: our issuer identifier.
        algorithms: those that may sign here, as JOSE names them.
        algorithm: the client's registered ``request_object_signing_alg``; None leaves the choice among ``algorithms``.
        require_not_before: whether there must be an ``nbf`` (FAPI 2.0 Message Signing section 5.3.1 item 3).
        require_identifier: whether there must be a ``jti`` (OpenID Federation 1.0 section 12.1.1.1).
    """

    client_id: str
    issuer: str
    algorithms: tuple[str, ...]
    algorithm: str | None = None
    require_not_before: bool = False
    require_identifier: bool = False


class RequestObject(msgspec.Struct, frozen=True, kw_only=True):
    """A verified request object. Whoever verified it must still see to replay.

    Attributes:
        client_id: who signed it.
        parameters: the authorization request, as a form would have it, in the order of the object.
        jti: its identifier, unique for its client only; None where it has none.
        expires_at: until when a replay must be remembered; later the object is refused as expired.
        key_thumbprint: of the key that signed it (RFC 7638).
    """

    client_id: str
    parameters: tuple[tuple[str, str], ...]
    jti: str | None
    expires_at: float
    key_thumbprint: str

    @property
    def replay_key(self) -> bytes | None:
        """Return what to remember (32 octets), with the client in it; None where there is no ``jti``."""
        if self.jti is None:
            return None
        client = hashlib.sha256(self.client_id.encode()).digest()
        return hashlib.sha256(client + self.jti.encode()).digest()


@enforces(
    "FAPI2-MS-5.3.2-1",
    "FAPI2-MS-5.3.2-2",
    "FAPI2-MS-5.3.2-3",
    "FAPI2-MS-5.3.2-4",
    "FAPI2-MS-5.3.2-5",
    "RFC9101-4-p1.1",
    "RFC9101-4-p1.2",
    "RFC9101-4-p1.3",
    "RFC9101-4-p1.4",
    "RFC9101-4-p2.1",
    "RFC9101-4-p2.2",
    "RFC9101-4-p5.2",
    "RFC9101-4-p6",
    "RFC9101-5-p5",
    "RFC9101-10.1-p1",
    "RFC9101-10.8-p2",
    "RFC9101-10.8-p3",
)
def create_request_object(
    signer: Signer,
    *,
    client_id: str,
    issuer: str,
    parameters: Mapping[str, str],
    now: float,
    lifetime: float,
    jti: str,
    trust_chain: tuple[str, ...] = (),
) -> str:
    """Return a signed authorization request for one server, good once.

    Args:
        signer: one of the client's keys.
        client_id: who asks.
        issuer: whom.
        parameters: of the request, as a form would have them.
        now: the time.
        lifetime: seconds that it is good for, an hour at most.
        jti: its identifier.
        trust_chain: of the client, where it is registered by it (OpenID Federation 1.0 section 12.1.1.1).

    Raises:
        ValueError: a parameter has no place in a request object, or it would be good for longer than an hour.
    """
    misplaced = {*_ABOUT, *_NESTED, "sub"}.intersection(parameters)
    if misplaced or not 0 < lifetime <= MAXIMUM_AGE:
        raise ValueError(f"no place in a request object of {lifetime} s for {sorted(misplaced)}")
    issued_at = int(now)
    claims: dict[str, object] = {
        name: msgspec.json.decode(value) if name in _DOCUMENTS else value
        for name, value in parameters.items()
    }
    claims |= {
        "iss": client_id,
        "aud": issuer,
        "client_id": client_id,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + int(lifetime),
        "jti": jti,
    }
    header: dict[str, object] = {"typ": REQUEST_OBJECT_TYPE}
    if trust_chain:
        header["trust_chain"] = list(trust_chain)
    return jws.sign(claims, signer=signer, header=header)


@enforces("FAPI2-MS-5.3.1-5", "RFC9101-10.5-p3.2", "RFC9101-10.5-p4.2")
def parse_request_object(text: str) -> UnverifiedRequestObject:
    """Read shape and header of a request object, to learn what it could be verified with.

    (1) size (2) shape: signed, and not encrypted (3) an allowed ``alg``: never ``none``, never a shared secret (4)
    ``typ``.

    Raises:
        Reject: ``request-object.*``.
    """
    if text.count(".") == _ENCRYPTED_DOTS:  # (2)
        raise ENCRYPTED.reject()
    try:
        token = jws.parse(text, limit=MAXIMUM_REQUEST_OBJECT, header_limit=MAXIMUM_HEADER)  # (1) (2) (3)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if token.type not in _TYPES or ("typ" in token.header and not token.type):  # (4)
        raise WRONG_TYPE.reject(repr(token.header.get("typ"))[:80])
    return UnverifiedRequestObject(token=token, trust_chain=token.header.get("trust_chain"))


@enforces(
    "FAPI2-MS-5.3.1-1",
    "RFC9101-6.2-p1.1",
    "RFC9101-6.2-p1.2",
    "RFC9101-6.2-p1.3",
    "RFC9101-6.2-p1.4",
    "RFC9101-6.2-p2",
    "RFC9101-6.3-p2",
    "RFC9101-10.2-p1",
    "RFC9126-3-2",
)
def verify_request_object(
    request: UnverifiedRequestObject,
    *,
    expected: ExpectedRequestObject,
    keys: KeySet,
    now: float,
    future_tolerance: float,
) -> RequestObject:
    """Verify the request object of the registered client (sections 6.2, 6.3 and 10.8).

    (5) ``alg`` as registered, and as it is allowed here (6) key, by ``kid`` (7) signature (8) ``iss`` (9) ``client_id`` (10) ``aud`` (11) no
    ``sub`` (12) ``exp`` and ``nbf``: in force, within an hour (13) ``iat`` and ``nbf`` not ahead (14) ``jti`` (15) no
    request in the request (16) parameters. The caller MUST do (17) replay, with ``replay_key``, and go by
    ``parameters`` alone.

    Args:
        request: what ``parse_request_object`` returned.
        expected: of whom, for whom, and what it must have.
        keys: the registered keys of the client.
        now: the time.
        future_tolerance: how many seconds ``iat`` and ``nbf`` may be ahead.

    Raises:
        Reject: ``request-object.*``.
    """
    token = request.token
    registered = expected.algorithm
    if token.algorithm not in map(canonical_algorithm, expected.algorithms):  # (5)
        raise ALGORITHM.reject(f"got {token.algorithm}, allowed {' '.join(expected.algorithms)}")
    if registered is not None and canonical_algorithm(registered) != token.algorithm:  # (5)
        raise ALGORITHM.reject(f"got {token.algorithm}, registered {registered}")
    try:
        key = keys.find(key_id=token.key_id, algorithm=token.algorithm)  # (6)
        claims = jws.verify(token, key=key.key, algorithm=key.algorithm)  # (7)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    _check_parties(claims, client_id=expected.client_id, issuer=expected.issuer)  # (8) to (11)
    expires_at = _check_lifetime(
        claims, now=now, future_tolerance=future_tolerance, require_not_before=expected.require_not_before
    )  # (12)
    check_not_in_future(
        claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE
    )  # (13)
    return RequestObject(
        client_id=expected.client_id,
        jti=_identifier(claims, required=expected.require_identifier),  # (14)
        parameters=_parameters(claims),  # (15) (16)
        # The tolerance says how far clocks may differ: those of our own machines as well.
        expires_at=expires_at + future_tolerance,
        key_thumbprint=thumbprint(key.key),
    )


@enforces("FAPI2-MS-5.3.1-2", "RFC9101-6.3-p1.3", "RFC9101-10.7-p1", "RFC9126-3-3")
def _check_parties(claims: Mapping[str, object], *, client_id: str, issuer: str) -> None:
    if claims.get("iss") != client_id:  # (8)
        raise ISSUER.reject(f"iss={claims.get('iss')!r:.80}")
    if claims.get("client_id") != client_id:  # (9)
        raise CLIENT.reject(f"client_id={claims.get('client_id')!r:.80}")
    # Unlike that of an assertion it may be a list: the object asks, and proves nothing about who brings it.
    audience = read_audience(claims.get("aud"))
    if audience is None or issuer not in audience:  # (10)
        raise AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    if "sub" in claims:  # (11)
        raise SUBJECT.reject(f"sub={claims['sub']!r:.80}")


@enforces("FAPI2-MS-5.3.1-3", "FAPI2-MS-5.3.1-4")
def _check_lifetime(
    claims: Mapping[str, object], *, now: float, future_tolerance: float, require_not_before: bool
) -> float:
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)
    not_before = optional_time(claims, "nbf", malformed=BAD_TIME)
    if expires_at is None or (require_not_before and not_before is None):
        raise BAD_TIME.reject("exp or nbf is missing")
    if expires_at <= now:
        raise EXPIRED.reject(f"{now - expires_at:.0f} s ago")
    if not_before is None:
        not_before = optional_time(claims, "iat", malformed=BAD_TIME)
    # One that says nothing of its beginning begins as late as it may.
    begins = now + future_tolerance if not_before is None else not_before
    if now - begins > MAXIMUM_AGE:
        raise TOO_OLD.reject(f"{now - begins:.0f} s")
    if expires_at - begins > MAXIMUM_AGE:
        raise TOO_LONG.reject(f"{expires_at - begins:.0f} s")
    return expires_at


def _identifier(claims: Mapping[str, object], *, required: bool) -> str | None:
    if "jti" not in claims and not required:
        return None
    value = claims.get("jti")
    if not isinstance(value, str) or not 0 < len(value) <= MAXIMUM_IDENTIFIER:
        raise BAD_IDENTIFIER.reject()
    return value


@enforces("RFC9101-6.3-p1.1")
def _parameters(claims: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    for name in _NESTED:  # (15)
        if name in claims:
            raise NESTED.reject(name)
    if len(claims) > MAXIMUM_PARAMETERS:
        raise PARAMETER.reject(f"{len(claims)} of them")
    return tuple((name, _text(name, value)) for name, value in claims.items() if name not in _ABOUT)


def _text(name: str, value: object) -> str:
    """Return a parameter as a form would have it: (16)."""
    if name in _DOCUMENTS and isinstance(value, (dict, list)):
        value = msgspec.json.encode(value).decode()
    elif type(value) is int:
        value = str(value)
    if not isinstance(value, str) or len(name) > MAXIMUM_NAME or "\0" in name + value:
        raise PARAMETER.reject(f"{name[:80]!r}: {type(value).__name__}")
    return value
