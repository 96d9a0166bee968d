"""Requests to be registered (RFC 7591 section 3.1): JSON, or a token that the software itself signed.

RFC 7591 knows the first form alone; the second is that of national ecosystems (``application/jwt`` or
``application/jose``), and proves that the sender has the software's key. ``iss`` of such a token is the
``software_id``, ``aud`` our issuer.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto import jws
from trustweft.crypto.keys import thumbprint
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.protocol.software_statement import UnverifiedStatement, parse_software_statement
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.runtime.errors import Reason

__all__ = [
    "JSON_TYPE",
    "SIGNED_TYPE",
    "RegistrationRequest",
    "SignedRequest",
    "create_signed_request",
    "read_registration_request",
    "verify_signed_request",
]

JSON_TYPE: Final = "application/json"
SIGNED_TYPE: Final = "application/jwt"
MAXIMUM_REQUEST: Final = 65_536
MAXIMUM_IDENTIFIER: Final = 256
_JSON: Final = re.compile(
    r'application/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?', re.IGNORECASE
)
_SIGNED: Final = re.compile(r"application/(?:jwt|jose)[ \t]*", re.IGNORECASE)
_TYPES: Final = frozenset(("", "jwt", "client-registration+jwt"))
# Of the token, not of the client.
_ENVELOPE: Final = frozenset(("iss", "aud", "iat", "exp", "nbf", "jti", "sub"))

_ERROR: Final = "invalid_client_metadata"  # RFC 7591 section 3.2.2
CONTENT_TYPE = reason(
    "registration.content-type",
    error=_ERROR,
    public="The body must be of type application/json, or a signed token of type application/jwt.",
    status=415,
)
MALFORMED = reason(
    "registration.malformed",
    error=_ERROR,
    public="The body is no JSON object, or no signed token with one.",
)
NO_STATEMENT = reason(
    "registration.no-statement",
    error="invalid_software_statement",
    public="A software_statement of a directory that this server knows is required.",
)
ALGORITHM = reason(
    "registration.algorithm",
    error=_ERROR,
    public="The registration request is signed with an algorithm that is not allowed here.",
)
NO_KEY = reason(
    "registration.no-key", error=_ERROR, public="No key of the software fits the registration request."
)
BAD_SIGNATURE = reason(
    "registration.bad-signature",
    error=_ERROR,
    public="The signature of the registration request does not verify.",
)
SOFTWARE = reason(
    "registration.other-software",
    error=_ERROR,
    public="The iss of the registration request is not the software_id of its software statement.",
)
AUDIENCE = reason(
    "registration.audience",
    error=_ERROR,
    public="The aud of the registration request must be the issuer identifier, as a string.",
)
BAD_TIME = reason(
    "registration.bad-time",
    error=_ERROR,
    public="The registration request has no exp, or a time in it that is not a number.",
)
EXPIRED = reason(
    "registration.request-expired",
    error=_ERROR,
    public="The registration request has expired, or its exp is too far ahead.",
)
FROM_FUTURE = reason(
    "registration.from-future", error=_ERROR, public="The registration request comes from the future."
)
BAD_IDENTIFIER = reason(
    "registration.bad-jti",
    error=_ERROR,
    public="The jti of the registration request must be a string of 1 to 256 characters.",
)
REPLAYED = reason("registration.replayed", error=_ERROR, public="The registration request was used before.")
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class RegistrationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be registered; nothing of it is verified.

    Attributes:
        document: client metadata, without the statement and what belongs to the envelope.
        statement: of the directory.
        token: the envelope, where the request came as a signed token.
    """

    document: dict[str, object]
    statement: UnverifiedStatement
    token: jws.Unverified | None


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the software's key signed. Whoever verified it must still see to replay.

    Attributes:
        software_id: who signed it.
        jti: its identifier, unique for its software only.
        expires_at: until when a replay must be remembered.
        key_thumbprint: of the key that signed it (RFC 7638).
    """

    software_id: str
    jti: str
    expires_at: float
    key_thumbprint: str

    @property
    def replay_key(self) -> bytes:
        """Return what to remember (32 octets): with the software in it, so that nobody uses up another's ``jti``."""
        software = hashlib.sha256(self.software_id.encode()).digest()
        return hashlib.sha256(software + self.jti.encode()).digest()


def read_registration_request(body: bytes, *, content_type: str | None) -> RegistrationRequest:
    """Read a request to be registered, or to change a registration: (1) media type (2) shape (3) a statement.

    Raises:
        Reject: ``registration.content-type``, ``registration.malformed``, ``registration.no-statement``,
            ``software-statement.*``.
    """
    token: jws.Unverified | None = None
    try:
        if content_type is not None and _JSON.fullmatch(content_type):  # (1)
            document = load_object(body, limit=MAXIMUM_REQUEST)  # (2)
        elif content_type is not None and _SIGNED.fullmatch(content_type):
            token = jws.parse(body.decode("ascii"))
            document = token.unverified_claims()
        else:
            raise CONTENT_TYPE.reject(repr(content_type)[:80])
    except UnicodeDecodeError as cause:
        raise MALFORMED.reject("not ASCII") from cause
    except Reject as cause:
        if cause.reason is CONTENT_TYPE:
            raise
        raise restate(cause, {"jws.algorithm": ALGORITHM}, otherwise=MALFORMED) from cause
    if token is not None and (token.type not in _TYPES or ("typ" in token.header and not token.type)):
        raise MALFORMED.reject(f"typ={token.type[:80]!r}")
    statement = document.pop("software_statement", None)
    if not isinstance(statement, str):  # (3)
        raise NO_STATEMENT.reject()
    if token is not None:
        document = {name: value for name, value in document.items() if name not in _ENVELOPE}
    return RegistrationRequest(document=document, statement=parse_software_statement(statement), token=token)


def create_signed_request(
    document: Mapping[str, object],
    *,
    software_statement: str,
    software_id: str,
    issuer: str,
    signer: Signer,
    now: float,
    lifetime: float,
    jti: str,
) -> str:
    """Return a request to be registered, signed with the software's key."""
    envelope = {
        "iss": software_id,
        "aud": issuer,
        "iat": int(now),
        "exp": int(now + lifetime),
        "jti": jti,
        "software_statement": software_statement,
    }
    return jws.sign({**document, **envelope}, signer=signer, header={"typ": "client-registration+jwt"})


def verify_signed_request(
    token: jws.Unverified,
    *,
    software_id: str,
    keys: KeySet,
    issuer: str,
    algorithms: Collection[str],
    now: float,
    future_tolerance: float,
    maximum_lifetime: float,
) -> SignedRequest:
    """Verify that the software itself signed the request, for us, and lately.

    (1) ``alg`` (2) key (3) signature (4) ``iss`` (5) ``aud`` (6) ``exp`` (7) ``iat`` and ``nbf`` (8) ``jti``. The
    caller MUST do (9) replay, with ``replay_key``.

    Args:
        token: of the request.
        software_id: that the verified statement names.
        keys: that the verified statement vouches for.
        issuer: our issuer identifier.
        algorithms: those that the profile allows, canonical.
        now: the time.
        future_tolerance: how many seconds ``iat`` and ``nbf`` may be ahead.
        maximum_lifetime: how many seconds ``exp`` may be ahead by the clock of the sender, which may be ahead of ours.

    Raises:
        Reject: ``registration.*``.
    """
    if token.algorithm not in algorithms:  # (1)
        raise ALGORITHM.reject(token.algorithm)
    try:
        key = keys.find(key_id=token.key_id, algorithm=token.algorithm)  # (2)
        claims = jws.verify(token, key=key.key, algorithm=key.algorithm)  # (3)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("iss") != software_id:  # (4)
        raise SOFTWARE.reject(f"{claims.get('iss')!r:.200}")
    if claims.get("aud") != issuer:  # (5)
        raise AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)  # (6)
    if expires_at is None:
        raise BAD_TIME.reject("exp is missing")
    if not now < expires_at <= now + future_tolerance + maximum_lifetime:
        raise EXPIRED.reject(f"{expires_at - now:.0f} s ahead")
    check_not_in_future(  # (7)
        claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE
    )
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAXIMUM_IDENTIFIER:  # (8)
        raise BAD_IDENTIFIER.reject()
    return SignedRequest(
        software_id=software_id,
        jti=jti,
        expires_at=expires_at + future_tolerance,
        key_thumbprint=thumbprint(key.key),
    )
