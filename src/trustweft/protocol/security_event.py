"""Security Event Tokens (RFC 8417) and their delivery by push (RFC 8935), with the two events of our ecosystem.

The order of the checks on a token, here and in the tests: (1) size, shape and ``alg`` (2) ``typ`` (3) key (4) signature
(5) ``iss`` (6) ``aud`` (7) ``iat`` (8) ``jti`` (9) ``events``: one that is known (10) what the event says.
A token has no ``exp`` (RFC 8417 section 2.2 advises against it): one that comes late, or again, is
harmless because no event takes a subject back to a lower revision. The caller MUST do that, and remember ``jti``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from trustweft.crypto import jws
from trustweft.protocol.ecosystem_status import (
    SubjectStatus,
    is_subject,
    read_revision,
    read_subject_status,
)
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.jwt import read_audience, read_text
from trustweft.protocol.signed_token import check_not_in_future, restate
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.errors import Reason

__all__ = [
    "MEDIA_TYPE",
    "STATUS_CHANGE",
    "TOKEN_LIMIT",
    "VERIFICATION",
    "SecurityEvent",
    "StatusChange",
    "Verification",
    "create_delivery_error",
    "create_delivery_response",
    "create_status_change",
    "create_verification",
    "read_delivery",
    "verify_security_event",
]

TOKEN_TYPE: Final = "secevent+jwt"  # noqa: S105  # RFC 8417 section 2.3
MEDIA_TYPE: Final = "application/secevent+jwt"
STATUS_CHANGE: Final = "https://schemas.trustweft.dev/event-type/participant-status-change"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"
TOKEN_LIMIT: Final = 262_144  # characters; our choice: an order that names a thousand subjects fits
_ACCEPTED: Final = 202
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")

# The error codes are those of RFC 8935 section 2.4.
MALFORMED = reason(
    "security-event.malformed", error="invalid_request", public="The body is no Security Event Token."
)
WRONG_TYPE = reason(
    "security-event.wrong-type",
    error="invalid_request",
    public="The typ of a Security Event Token must be secevent+jwt.",
)
MEDIA = reason(
    "security-event.media-type",
    error="invalid_request",
    public="The content type of a delivery must be application/secevent+jwt.",
)
NO_KEY = reason(
    "security-event.no-key",
    error="invalid_key",
    public="The key that signed the Security Event Token is none of the directory's.",
)
BAD_SIGNATURE = reason(
    "security-event.bad-signature",
    error="authentication_failed",
    public="The signature of the Security Event Token does not verify.",
)
ISSUER = reason(
    "security-event.issuer",
    error="invalid_issuer",
    public="The Security Event Token comes from another directory.",
)
AUDIENCE = reason(
    "security-event.audience",
    error="invalid_audience",
    public="The Security Event Token is for another participant.",
)
FROM_FUTURE = reason(
    "security-event.from-future",
    error="invalid_request",
    public="The Security Event Token comes from the future.",
)
IDENTIFIER = reason(
    "security-event.identifier",
    error="invalid_request",
    public="The jti of the Security Event Token is missing or malformed.",
)
UNKNOWN_EVENT = reason(
    "security-event.unknown-event",
    error="invalid_request",
    public="The Security Event Token must hold one event, of a type that is known here.",
)
BAD_EVENT = reason(
    "security-event.bad-event",
    error="invalid_request",
    public="The event lacks a member, or one has the wrong form.",
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.bad-signature": BAD_SIGNATURE,
    "jwks.no-key": NO_KEY,
}


class StatusChange(Struct, frozen=True, kw_only=True):
    """The directory says something new of one subject.

    Attributes:
        subject: ``kind:id``.
        status: what it says; the revision in it is that of the directory's whole state.
        order: the identifier of the order that it is, where something has to be carried out.
        order_token: that order, signed; nothing of it is verified here: see ``offboarding.verify_order``.
    """

    subject: str
    status: SubjectStatus
    order: str | None = None
    order_token: str | None = None


class Verification(Struct, frozen=True, kw_only=True):
    """The directory asks whether deliveries arrive (SSF 1.0 section 8.1.4): nothing follows from it."""

    state: str | None


class SecurityEvent(Struct, frozen=True, kw_only=True):
    """A verified token with its one event."""

    issuer: str
    jti: str
    issued_at: float
    event: StatusChange | Verification


def create_status_change(
    signer: Signer, change: StatusChange, *, issuer: str, audience: str, jti: str, now: float
) -> str:
    """Return a token that tells ``audience`` of a change; with an order, it is the delivery of that order."""
    status = change.status
    event: dict[str, object] = {
        "subject": change.subject,
        "effect": status.effect,
        "revision": status.revision,
        "as_of": status.as_of,
    }
    if status.cause is not None:
        event["cause"] = status.cause
    if change.order is not None:
        event["order"] = change.order
    further = {} if change.order_token is None else {"order": change.order_token}
    return _create(
        signer, STATUS_CHANGE, event, issuer=issuer, audience=audience, jti=jti, now=now, further=further
    )


def create_verification(
    signer: Signer, *, issuer: str, audience: str, jti: str, now: float, state: str
) -> str:
    """Return a token that asks whether deliveries arrive."""
    event: dict[str, object] = {"state": state}
    return _create(
        signer, VERIFICATION, event, issuer=issuer, audience=audience, jti=jti, now=now, further={}
    )


def _create(
    signer: Signer,
    kind: str,
    event: Mapping[str, object],
    *,
    issuer: str,
    audience: str,
    jti: str,
    now: float,
    further: Mapping[str, object],
) -> str:
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": int(now),
        "jti": jti,
        "events": {kind: event},
        **further,
    }
    return jws.sign(claims, signer=signer, header={"typ": TOKEN_TYPE})


def verify_security_event(
    token: str, *, keys: KeySet, issuer: str, audience: str, now: float, tolerance: float
) -> SecurityEvent:
    """Verify a token of this directory for this participant.

    Args:
        token: as ``read_delivery`` returned it.
        keys: the directory's, as they are published now.
        issuer: the directory.
        audience: our own identifier in the directory.
        now: the time, by the directory's clock as far as it is known.
        tolerance: seconds that the two clocks may still differ by.

    Raises:
        Reject: ``security-event.*``.
    """
    try:
        parsed = jws.parse(token, limit=TOKEN_LIMIT)  # (1)
        if parsed.type != TOKEN_TYPE:  # (2)
            raise WRONG_TYPE.reject(parsed.type[:80])
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (3)
        claims = jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (4)
    except Reject as cause:
        if cause.reason is WRONG_TYPE:
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("iss") != issuer:  # (5)
        raise ISSUER.reject(f"{claims.get('iss')!r:.200}")
    if audience not in (read_audience(claims.get("aud")) or ()):  # (6)
        raise AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    if "iat" not in claims:  # (7)
        raise MALFORMED.reject("iat is missing")
    check_not_in_future(claims, now=now, tolerance=tolerance, malformed=MALFORMED, refused=FROM_FUTURE)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _IDENTIFIER.fullmatch(jti):  # (8)
        raise IDENTIFIER.reject(f"{jti!r:.140}")
    event = _read_event(claims)
    issued_at: Any = claims["iat"]
    return SecurityEvent(issuer=issuer, jti=jti, issued_at=issued_at, event=event)


def _read_event(claims: Mapping[str, object]) -> StatusChange | Verification:
    events = claims.get("events")
    if not isinstance(events, dict) or len(events) != 1:  # (9)
        raise UNKNOWN_EVENT.reject()
    kind, event = next(iter(events.items()))
    if not isinstance(event, dict):
        raise BAD_EVENT.reject(kind[:200])
    match kind:
        case "https://schemas.trustweft.dev/event-type/participant-status-change":
            return _read_change(event, claims.get("order"))
        case "https://schemas.openid.net/secevent/ssf/event-type/verification":
            return Verification(state=read_text(event.get("state")))
        case _:
            raise UNKNOWN_EVENT.reject(kind[:200])


def _read_change(event: Mapping[str, object], order_token: object) -> StatusChange:
    subject, order, revision = event.get("subject"), event.get("order"), read_revision(event.get("revision"))
    if not isinstance(subject, str) or not is_subject(subject) or revision is None:  # (10)
        raise BAD_EVENT.reject(f"{subject!r:.150} {event.get('revision')!r:.40}")
    if order is not None and not (isinstance(order, str) and _IDENTIFIER.fullmatch(order)):
        raise BAD_EVENT.reject(f"order {order!r:.140}")
    # What has to be carried out is named in the event and delivered beside it, or there is nothing to carry out.
    if (order is None) != (order_token is None) or not isinstance(order_token, str | None):
        raise BAD_EVENT.reject("an order and its name come together")
    try:
        status = read_subject_status(dict(event), revision=revision)
    except Reject as cause:
        raise BAD_EVENT.reject(cause.detail) from cause
    return StatusChange(subject=subject, status=status, order=order, order_token=order_token)


def read_delivery(request: HttpRequest) -> str:
    """Return the token of a delivery (RFC 8935 section 2.1); its method is for the caller to look at.

    Raises:
        Reject: ``security-event.media-type``, ``security-event.malformed``.
    """
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise MEDIA.reject(media_type[:80])
    if not request.body.isascii():
        raise MALFORMED.reject("octets that are not ASCII")
    return request.body.decode("ascii")


def create_delivery_response() -> HttpResponse:
    """Return the answer to a delivery that is accepted: no body (RFC 8935 section 2.2)."""
    return HttpResponse(_ACCEPTED, (("cache-control", "no-store"),))


def create_delivery_error(refusal: Reject, *, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """Return the answer to a delivery that is refused (RFC 8935 section 2.3)."""
    body = msgspec.json.encode({"err": refusal.reason.error, "description": refusal.reason.public})
    fixed = (
        ("content-type", "application/json"),
        ("content-language", "en"),
        ("cache-control", "no-store"),
    )
    return HttpResponse(refusal.reason.status, (*fixed, *refusal.headers, *headers), body)
