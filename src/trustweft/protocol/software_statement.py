"""Software statements (RFC 7591 section 2.3): what a directory says of one software, signed, for whoever registers it.

Claims of RFC 7591 have its names. Ours are ``organisation_id``, ``organization_name`` and ``organisation_status``,
``software_roles`` (each with ``role`` and ``status``), and what the software's certificates are known by:
``certificate_subjects`` and ``certificate_thumbprints``. The type is ours too: RFC 7591 has none, and RFC 8725
section 3.11 advises one, so that no other token of the directory passes for a statement.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto import jws
from trustweft.protocol.jwt import read_text
from trustweft.protocol.oauth import parse_scope
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.protocol.software_statement_claims import (
    CLAIMS,
    identifier_of,
    objects_of,
    text_of,
    texts_of,
)
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.runtime.errors import Reason

__all__ = [
    "ACTIVE",
    "STATEMENT_TYPE",
    "SoftwareRole",
    "SoftwareStatement",
    "UnverifiedStatement",
    "check_standing",
    "create_software_statement",
    "parse_software_statement",
    "read_kept_statement",
    "verify_software_statement",
]

STATEMENT_TYPE: Final = "software-statement+jwt"
ACTIVE: Final = "active"
_ERROR: Final = "invalid_software_statement"  # RFC 7591 section 3.2.2
_UNAPPROVED: Final = "unapproved_software_statement"
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")

MALFORMED = reason(
    "software-statement.malformed", error=_ERROR, public="The software statement is no signed token."
)
TYPE = reason(
    "software-statement.type",
    error=_ERROR,
    public="The typ of the software statement must be software-statement+jwt.",
)
ALGORITHM = reason(
    "software-statement.algorithm",
    error=_ERROR,
    public="The software statement is signed with an algorithm that is not allowed here.",
)
ISSUER = reason(
    "software-statement.issuer",
    error=_UNAPPROVED,
    public="The software statement is of a directory that is not one of this server.",
)
NO_KEY = reason(
    "software-statement.no-key",
    error=_ERROR,
    public="No key of the directory fits the software statement.",
)
BAD_SIGNATURE = reason(
    "software-statement.bad-signature",
    error=_ERROR,
    public="The signature of the software statement does not verify.",
)
BAD_TIME = reason(
    "software-statement.bad-time",
    error=_ERROR,
    public="The software statement has no iat, or a time in it that is not a number.",
)
TOO_OLD = reason(
    "software-statement.too-old",
    error=_ERROR,
    public="The software statement was issued too long ago: fetch a new one.",
)
FROM_FUTURE = reason(
    "software-statement.from-future", error=_ERROR, public="The software statement comes from the future."
)
EXPIRED = reason("software-statement.expired", error=_ERROR, public="The software statement has expired.")
REPLAYED = reason(
    "software-statement.replayed",
    error=_ERROR,
    public="The software statement was used before: fetch a new one.",
)
NOT_ACTIVE = reason(
    "software-statement.not-active",
    error=_UNAPPROVED,
    public="The organisation of the software, or every role of the software, is not active.",
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class SoftwareRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that the authority gave, and whether it holds: ``active``, or anything else."""

    role: str
    status: str = ACTIVE


class SoftwareStatement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a directory says of one software. Only ``verify_software_statement`` makes one of a stranger's octets.

    Attributes:
        issuer: the directory.
        jti: the statement's own identifier: it is good for one registration.
        issued_at: seconds since the epoch; ``expires_at`` likewise, None where only its age counts.
        software_id: of the directory; with it off-boarding finds what was registered.
        client_name: what people are told when they consent; ``organization_name`` likewise.
        roles: of the software. None at all says nothing about roles.
        scope: the most that the software may ask for.
        redirect_uris: the most that it may register.
        jwks_uri: where the software's keys are; or ``jwks``, exactly one of the two.
        certificate_subjects: distinguished names (RFC 4514) that its certificates have.
        certificate_thumbprints: ``x5t#S256`` of its certificates; where there are any, no other counts.
        authorization_details_types: the types (RFC 9396) that it may ask for.
    """

    issuer: str
    jti: str
    issued_at: float
    software_id: str
    client_name: str
    organisation_id: str
    organization_name: str
    expires_at: float | None = None
    organisation_status: str = ACTIVE
    roles: tuple[SoftwareRole, ...] = ()
    scope: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    jwks_uri: str | None = None
    jwks: dict[str, object] | None = None
    certificate_subjects: tuple[str, ...] = ()
    certificate_thumbprints: tuple[str, ...] = ()
    authorization_details_types: tuple[str, ...] = ()

    @property
    def active_roles(self) -> tuple[str, ...]:
        """Return the names of the roles that hold."""
        return tuple(each.role for each in self.roles if each.status == ACTIVE)

    @property
    def replay_key(self) -> bytes:
        """Return what to remember (32 octets): with the directory in it, whose identifiers are its own."""
        directory = hashlib.sha256(self.issuer.encode()).digest()
        return hashlib.sha256(directory + self.jti.encode()).digest()


class UnverifiedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement whose shape was read: it says whose keys to look for, and nothing in it may be believed."""

    compact: str
    token: jws.Unverified
    claimed_issuer: str


def create_software_statement(statement: SoftwareStatement, *, signer: Signer) -> str:
    """Return the statement, signed by its directory."""
    optional: dict[str, object] = {
        "exp": None if statement.expires_at is None else int(statement.expires_at),
        "jwks_uri": statement.jwks_uri,
        "jwks": statement.jwks,
    }
    claims: dict[str, object] = {
        "iss": statement.issuer,
        "iat": int(statement.issued_at),
        "jti": statement.jti,
        "software_id": statement.software_id,
        "client_name": statement.client_name,
        "organisation_id": statement.organisation_id,
        "organization_name": statement.organization_name,
        "organisation_status": statement.organisation_status,
        "software_roles": [{"role": each.role, "status": each.status} for each in statement.roles],
        "scope": " ".join(statement.scope),
        "redirect_uris": list(statement.redirect_uris),
        "certificate_subjects": list(statement.certificate_subjects),
        "certificate_thumbprints": list(statement.certificate_thumbprints),
        "authorization_details_types": list(statement.authorization_details_types),
        **{name: value for name, value in optional.items() if value is not None},
    }
    return jws.sign(claims, signer=signer, header={"typ": STATEMENT_TYPE})


def parse_software_statement(compact: str) -> UnverifiedStatement:
    """Read a statement's shape, to learn whose keys to verify it with: (1) shape and ``alg`` (2) ``typ`` (3) ``iss``.

    Raises:
        Reject: ``software-statement.*``.
    """
    try:
        token = jws.parse(compact)  # (1)
        issuer = read_text(token.unverified_claims().get("iss"))
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if token.type != STATEMENT_TYPE:  # (2)
        raise TYPE.reject(repr(token.header.get("typ"))[:80])
    if issuer is None:  # (3)
        raise ISSUER.reject("no iss")
    return UnverifiedStatement(compact=compact, token=token, claimed_issuer=issuer)


def verify_software_statement(
    statement: UnverifiedStatement,
    *,
    keys: KeySet,
    issuer: str,
    algorithms: Collection[str],
    now: float,
    future_tolerance: float,
    maximum_age: float,
) -> SoftwareStatement:
    """Verify a statement of the directory ``issuer``.

    (1) ``alg`` (2) key (3) signature (4) ``iss`` (5) ``iat`` and age (6) ``exp`` (7) the claims. The caller MUST do
    (8) ``check_standing`` (9) replay, with ``replay_key``.

    Args:
        statement: what ``parse_software_statement`` returned.
        keys: of that directory.
        issuer: the directory's identifier.
        algorithms: those that the profile allows, canonical.
        now: the time.
        future_tolerance: how many seconds ``iat`` and ``nbf`` may be ahead.
        maximum_age: how many seconds ago it may have been issued.

    Raises:
        Reject: ``software-statement.*``.
    """
    token = statement.token
    if token.algorithm not in algorithms:  # (1)
        raise ALGORITHM.reject(token.algorithm)
    try:
        key = keys.find(key_id=token.key_id, algorithm=token.algorithm)  # (2)
        claims = jws.verify(token, key=key.key, algorithm=key.algorithm)  # (3)
    except Reject as cause:
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("iss") != issuer:  # (4)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}")
    _check_times(claims, now=now, future_tolerance=future_tolerance, maximum_age=maximum_age)  # (5), (6)
    return _read(claims)  # (7)


def _check_times(
    claims: Mapping[str, object], *, now: float, future_tolerance: float, maximum_age: float
) -> None:
    issued_at = optional_time(claims, "iat", malformed=BAD_TIME)
    if issued_at is None:
        raise BAD_TIME.reject("iat is missing")
    check_not_in_future(claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE)
    if now - issued_at > maximum_age:
        raise TOO_OLD.reject(f"{now - issued_at:.0f} s ago, {maximum_age:.0f} allowed")
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)
    if expires_at is not None and expires_at <= now:
        raise EXPIRED.reject(f"{now - expires_at:.0f} s ago")


def check_standing(statement: SoftwareStatement) -> None:
    """Hold that the organisation takes part, and that the software has a role that holds, where it has roles at all.

    Raises:
        Reject: ``software-statement.not-active``.
    """
    if statement.organisation_status != ACTIVE:
        raise NOT_ACTIVE.reject(f"{statement.organisation_id} is {statement.organisation_status[:40]}")
    if statement.roles and not statement.active_roles:
        raise NOT_ACTIVE.reject(f"no role of {statement.software_id} is active")


def read_kept_statement(compact: str) -> SoftwareStatement:
    """Read a statement that was verified when it was kept, out of our own store: neither signature nor age counts now.

    Raises:
        Reject: ``software-statement.*``: what is kept is none.
    """
    return _read(parse_software_statement(compact).token.unverified_claims())


def _read(claims: Mapping[str, object]) -> SoftwareStatement:
    jwks_uri, jwks = claims.get("jwks_uri"), claims.get("jwks")
    if (jwks_uri is None) is (jwks is None):
        raise CLAIMS.reject("exactly one of jwks and jwks_uri")
    roles = tuple(
        SoftwareRole(role=text_of(each, "role"), status=text_of(each, "status"))
        for each in objects_of(claims, "software_roles")
    )
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)
    issued_at = optional_time(claims, "iat", malformed=BAD_TIME)
    return SoftwareStatement(
        issuer=text_of(claims, "iss"),
        jti=text_of(claims, "jti", longest=256),
        issued_at=0.0 if issued_at is None else issued_at,
        expires_at=expires_at,
        software_id=identifier_of(claims, "software_id"),
        client_name=text_of(claims, "client_name"),
        organisation_id=identifier_of(claims, "organisation_id"),
        organization_name=text_of(claims, "organization_name"),
        organisation_status=text_of(claims, "organisation_status"),
        roles=roles,
        scope=_scope(claims),
        redirect_uris=texts_of(claims, "redirect_uris"),
        jwks_uri=None if jwks_uri is None else _https(jwks_uri),
        jwks=None if jwks is None else _object(jwks),
        certificate_subjects=texts_of(claims, "certificate_subjects"),
        certificate_thumbprints=_thumbprints(claims),
        authorization_details_types=texts_of(claims, "authorization_details_types"),
    )


def _scope(claims: Mapping[str, object]) -> tuple[str, ...]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise CLAIMS.reject("scope")
    try:
        return parse_scope(scope) if scope else ()
    except Reject as cause:
        raise CLAIMS.reject(f"scope: {cause}"[:200]) from cause


def _https(value: object) -> str:
    url = parse_url(value) if isinstance(value, str) else None
    if not isinstance(value, str) or url is None or url.scheme != "https" or url.fragment is not None:
        raise CLAIMS.reject(f"jwks_uri: {value!r:.200}")
    return value


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise CLAIMS.reject("jwks")
    return value


def _thumbprints(claims: Mapping[str, object]) -> tuple[str, ...]:
    thumbprints = texts_of(claims, "certificate_thumbprints")
    if not all(map(_THUMBPRINT.fullmatch, thumbprints)):
        raise CLAIMS.reject("certificate_thumbprints")
    return thumbprints
