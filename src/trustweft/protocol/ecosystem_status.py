"""The status feed of a directory: who takes part, as a signed list that is short-lived, and how a reader keeps it.

The order of the checks on a list, here and in the tests: (1) size, shape and ``alg`` (2) ``typ`` (3) key (4) signature
(5) ``iss`` (6) ``iat`` (7) ``exp`` (8) ``revision`` and ``since`` (9) each subject.
There is no standard for it: the claims are ours, ``kind:id`` names a subject, and RFC 8725 section 3.11 is why the type
has a name of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from trustweft.crypto import jws
from trustweft.protocol.jwt import read_time
from trustweft.protocol.signed_token import optional_time, restate
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.runtime.errors import Reason

__all__ = [
    "LIST_LIMIT",
    "MAXIMUM_LIFETIME",
    "STATUS_TYPE",
    "Cause",
    "Effect",
    "StatusList",
    "SubjectStatus",
    "create_status_list",
    "customer_of",
    "is_subject",
    "read_subject_status",
    "subject_of",
    "verify_status_list",
]

Effect = Literal["active", "suspended", "ended"]
Cause = Literal["suspended", "withdrawn", "revoked", "lapsed", "compromised", "retired"]

STATUS_TYPE: Final = "ecosystem-status+jwt"
MAXIMUM_LIFETIME: Final = 300.0  # our choice: what was signed cannot be called back
LIST_LIMIT: Final = 917_504  # characters; our choice: some six thousand subjects, and never a megabyte
MAXIMUM_REVISION: Final = 2**53 - 1  # beyond it JSON readers disagree about a number (RFC 8259 section 6)
MAXIMUM_PARENTS: Final = 64  # our choice
_ERROR: Final = "invalid_request"
_SUBJECT: Final = re.compile(
    r"(?:organisation|role|brand|api|software|user|key|certificate|contact|certification):[A-Za-z0-9._~-]{1,128}"
)

TOO_LARGE = reason("status.too-large", error=_ERROR, public="The status list is too large.")
MALFORMED = reason("status.malformed", error=_ERROR, public="The status list is no signed list of subjects.")
WRONG_TYPE = reason(
    "status.wrong-type", error=_ERROR, public="The typ of a status list must be ecosystem-status+jwt."
)
NO_KEY = reason(
    "status.no-key", error=_ERROR, public="The key that signed the status list is none of the directory's."
)
BAD_SIGNATURE = reason(
    "status.bad-signature", error=_ERROR, public="The signature of the status list does not verify."
)
ISSUER = reason("status.issuer", error=_ERROR, public="The status list comes from another directory.")
FROM_FUTURE = reason("status.from-future", error=_ERROR, public="The status list comes from the future.")
EXPIRED = reason("status.expired", error=_ERROR, public="The status list has expired.")
TOO_LONG = reason(
    "status.too-long", error=_ERROR, public="The status list says of itself that it is good for too long."
)
REVISION = reason(
    "status.revision",
    error=_ERROR,
    public="The revision of the status list, or its since, is no such number.",
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.too-large": TOO_LARGE,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class SubjectStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the directory says of one subject.

    Attributes:
        effect: what it counts as by itself.
        as_of: since when, in seconds since the epoch.
        revision: of the list in which this was said first.
        cause: why it is not active.
        parents: subjects that it takes part through: it counts as the worst of itself and of these.
    """

    effect: Effect
    as_of: float
    revision: int
    cause: Cause | None = None
    parents: tuple[str, ...] = ()


class StatusList(Struct, frozen=True, kw_only=True):
    """A verified list.

    Attributes:
        since: it holds what changed after this revision only; None for a full list.
        subjects: by ``kind:id``.
    """

    issuer: str
    issued_at: float
    expires_at: float
    revision: int
    since: int | None
    subjects: dict[str, SubjectStatus]


def is_subject(value: object) -> bool:
    """Say whether this names a subject, ``kind:id``."""
    return isinstance(value, str) and _SUBJECT.fullmatch(value) is not None


def subject_of(kind: str, identifier: str | None) -> str | None:
    """Return ``kind:id``; None where there is no identifier, or one that no directory could name."""
    subject = f"{kind}:{identifier}"
    return subject if identifier is not None and is_subject(subject) else None


def customer_of(brand: str | None, identifier: str) -> str | None:
    """Return ``user:brand~identifier``, a customer by the identifier (``sub``) that the brand's server gave; or None.

    Two servers may know two people under one identifier: what is said of the one ends nothing of the other.
    """
    return None if brand is None else subject_of("user", f"{brand}~{identifier}")


def create_status_list(
    signer: Signer,
    *,
    issuer: str,
    now: float,
    lifetime: float,
    revision: int,
    subjects: Mapping[str, SubjectStatus],
    since: int | None = None,
) -> str:
    """Return the signed list.

    Args:
        signer: the directory's key.
        issuer: the directory.
        now: the time.
        lifetime: seconds, at most ``MAXIMUM_LIFETIME``.
        revision: of the directory's state; grows by one with each change.
        subjects: all of them, or those that changed after ``since``.
        since: None for a full list.
    """
    issued_at = int(now)
    claims: dict[str, object] = {
        "iss": issuer,
        "iat": issued_at,
        "exp": issued_at + int(lifetime),
        "revision": revision,
        "subjects": msgspec.to_builtins(dict(subjects)),
    }
    if since is not None:
        claims["since"] = since
    return jws.sign(claims, signer=signer, header={"typ": STATUS_TYPE})


def verify_status_list(token: str, *, keys: KeySet, issuer: str, now: float, tolerance: float) -> StatusList:
    """Verify a list of this directory.

    The caller MUST hold the revision against what it knows: see ``known_status``.

    Args:
        token: as it came.
        keys: the directory's, as they are published now.
        issuer: the directory.
        now: the time, by the directory's clock as far as it is known.
        tolerance: seconds that the two clocks may still differ by.

    Raises:
        Reject: ``status.*``.
    """
    try:
        parsed = jws.parse(token, limit=LIST_LIMIT)  # (1)
        if parsed.type != STATUS_TYPE:  # (2)
            raise WRONG_TYPE.reject(parsed.type[:80])
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (3)
        claims = jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (4)
    except Reject as cause:
        if cause.reason is WRONG_TYPE:
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("iss") != issuer:  # (5)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}")
    issued_at, expires_at = _times(claims, now=now, tolerance=tolerance)  # (6), (7)
    revision, since = _revisions(claims)  # (8)
    return StatusList(
        issuer=issuer,
        issued_at=issued_at,
        expires_at=expires_at,
        revision=revision,
        since=since,
        subjects=_subjects(claims.get("subjects"), revision=revision),  # (9)
    )


def _times(claims: Mapping[str, object], *, now: float, tolerance: float) -> tuple[float, float]:
    issued_at = optional_time(claims, "iat", malformed=MALFORMED)
    expires_at = optional_time(claims, "exp", malformed=MALFORMED)
    if issued_at is None or expires_at is None:
        raise MALFORMED.reject("iat or exp is missing")
    if issued_at > now + tolerance:
        raise FROM_FUTURE.reject(f"{issued_at - now:.0f} s ahead")
    if expires_at - issued_at > MAXIMUM_LIFETIME:
        raise TOO_LONG.reject(f"{expires_at - issued_at:.0f} s")
    if expires_at + tolerance <= now:
        raise EXPIRED.reject(f"{now - expires_at:.0f} s ago")
    return issued_at, expires_at


def _revisions(claims: Mapping[str, object]) -> tuple[int, int | None]:
    revision = read_revision(claims.get("revision"))
    since = read_revision(claims["since"]) if "since" in claims else None
    if revision is None or ("since" in claims and (since is None or since > revision)):
        raise REVISION.reject(f"{claims.get('revision')!r:.40} {claims.get('since')!r:.40}")
    return revision, since


def read_revision(value: object) -> int | None:
    """Return a revision; True is no number, and neither is text."""
    return value if type(value) is int and 0 <= value <= MAXIMUM_REVISION else None


def _subjects(value: object, *, revision: int) -> dict[str, SubjectStatus]:
    if not isinstance(value, dict):
        raise MALFORMED.reject("subjects")
    return {_name(name): read_subject_status(entry, revision=revision) for name, entry in value.items()}


def _name(name: object) -> str:
    if not isinstance(name, str) or not is_subject(name):
        raise MALFORMED.reject(f"subject {name!r:.150}")
    return name


def read_subject_status(entry: Any, *, revision: int) -> SubjectStatus:
    """Read what is said of one subject in a list, or in an event, of ``revision``.

    Raises:
        Reject: ``status.malformed``.
    """
    try:
        status = msgspec.convert(entry, SubjectStatus)
    except msgspec.ValidationError as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause
    if read_revision(status.revision) is None or status.revision > revision:
        raise MALFORMED.reject(f"revision {status.revision} in a list of revision {revision}")
    if read_time(entry.get("as_of")) is None:
        raise MALFORMED.reject("as_of is no time")
    if len(status.parents) > MAXIMUM_PARENTS or not all(map(is_subject, status.parents)):
        raise MALFORMED.reject("parents")
    return status
