"""Orders of a directory, and the receipts that participants sign for them.

The order of the checks on both, here and in the tests: (1) size, shape and ``alg`` (2) ``typ`` (3) key (4) signature
(5) ``iss`` (6) for a receipt ``aud`` (7) ``iat`` (8) the members, each of its type.
There is no standard for either: the claims are ours, and RFC 8725 section 3.11 is why each has a type of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trustweft.crypto import jws
from trustweft.protocol.ecosystem_status import is_subject
from trustweft.protocol.jwt import MAXIMUM_TIME
from trustweft.protocol.security_event import TOKEN_LIMIT
from trustweft.protocol.signed_token import check_not_in_future, restate
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet, Signer
    from trustweft.runtime.errors import Reason

__all__ = [
    "COUNTED",
    "ORDER_TYPE",
    "RECEIPT_MEDIA_TYPE",
    "RECEIPT_TYPE",
    "Action",
    "Order",
    "Receipt",
    "create_order",
    "create_receipt",
    "read_kept_order",
    "read_kept_receipt",
    "verify_order",
    "verify_receipt",
]

Action = Literal["suspend", "withdraw", "revoke", "lapse", "compromise", "retire", "resume"]
Time = Annotated[float, Meta(ge=0, lt=MAXIMUM_TIME)]
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
Name = Annotated[str, Meta(min_length=1, max_length=2_048)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]

ORDER_TYPE: Final = "offboarding-order+jwt"
RECEIPT_TYPE: Final = "offboarding-receipt+jwt"
RECEIPT_MEDIA_TYPE: Final = "application/offboarding-receipt+jwt"
COUNTED: Final = (
    "request_uris",
    "codes",
    "interactions",
    "sessions",
    "access_tokens",
    "refresh_tokens",
    "grants",
    "registrations",
    "caches",
    "streams",
)
_ERROR: Final = "invalid_request"

ORDER_MALFORMED = reason("order.malformed", error=_ERROR, public="The order is no signed order.")
ORDER_TYPE_WRONG = reason(
    "order.wrong-type", error=_ERROR, public="The typ of an order must be offboarding-order+jwt."
)
ORDER_NO_KEY = reason(
    "order.no-key",
    error="invalid_key",
    public="The key that signed the order is none of the directory's.",
)
ORDER_SIGNATURE = reason(
    "order.bad-signature",
    error="authentication_failed",
    public="The signature of the order does not verify.",
)
ORDER_ISSUER = reason(
    "order.issuer", error="invalid_issuer", public="The order comes from another directory."
)
ORDER_FUTURE = reason("order.from-future", error=_ERROR, public="The order comes from the future.")
RECEIPT_MALFORMED = reason("receipt.malformed", error=_ERROR, public="The receipt is no signed receipt.")
RECEIPT_TYPE_WRONG = reason(
    "receipt.wrong-type", error=_ERROR, public="The typ of a receipt must be offboarding-receipt+jwt."
)
RECEIPT_NO_KEY = reason(
    "receipt.no-key",
    error="invalid_key",
    public="The key that signed the receipt is none of the participant's.",
)
RECEIPT_SIGNATURE = reason(
    "receipt.bad-signature",
    error="authentication_failed",
    public="The signature of the receipt does not verify.",
)
RECEIPT_ISSUER = reason(
    "receipt.issuer", error="invalid_issuer", public="The receipt comes from another participant."
)
RECEIPT_AUDIENCE = reason(
    "receipt.audience", error="invalid_audience", public="The receipt is for another directory."
)
RECEIPT_FUTURE = reason("receipt.from-future", error=_ERROR, public="The receipt comes from the future.")


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every participant has to carry out; a claim of the token for each member.

    Attributes:
        iss: the directory.
        jti: the identifier of the order.
        effective_at: from when on the subject is refused, in seconds since the epoch.
        kind: of the subject.
        subject: ``kind:id``.
        reason: in words, for people.
        receipt_endpoint: where the receipt goes, https.
        subjects: what depends on the subject and changes with it.
        deadlines: seconds after ``effective_at``: ``refuse``, ``refuse_by_poll``, ``clean_up``.
    """

    iss: Name
    jti: Identifier
    iat: Time
    effective_at: Time
    kind: str
    subject: str
    action: Action
    reason: Annotated[str, Meta(max_length=2_048)]
    receipt_endpoint: Name
    subjects: tuple[str, ...] = ()
    deadlines: dict[str, Number] = {}  # msgspec copies an empty default

    @property
    def ends(self) -> bool:
        """Whether there is something to clean up: what is suspended keeps all that it has."""
        return self.action not in {"suspend", "resume"}

    @property
    def concerned(self) -> tuple[str, ...]:
        """Return the subject and all that changes with it."""
        return (self.subject, *self.subjects)


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a participant did; a claim of the token for each member.

    Attributes:
        iss: the participant, by its identifier in the directory.
        aud: the directory.
        order: the identifier of the order.
        refused_at: when the participant began to refuse, by its own clock.
        cleaned_at: when nothing was left; absent where nothing had to be cleaned up.
        counts: how much of what was ended, by the names in ``COUNTED``; those that the participant has.
        revision: of the status list that it acts by.
        repeated: whether the order had been begun before, and was begun anew after a crash: the counts are then those
            of the last time.
    """

    iss: Name
    aud: Name
    order: Identifier
    iat: Time
    refused_at: Time
    revision: Annotated[int, Meta(ge=-1, le=2**53 - 1)]
    cleaned_at: Time | None = None
    counts: dict[str, Number] = {}  # msgspec copies an empty default
    repeated: bool = False


def create_order(signer: Signer, order: Order) -> str:
    """Return the signed order."""
    return jws.sign(msgspec.to_builtins(order), signer=signer, header={"typ": ORDER_TYPE})


def create_receipt(signer: Signer, receipt: Receipt) -> str:
    """Return the signed receipt."""
    return jws.sign(msgspec.to_builtins(receipt), signer=signer, header={"typ": RECEIPT_TYPE})


_ORDER_WORDS: Final[Mapping[str, Reason]] = {
    "jws.bad-signature": ORDER_SIGNATURE,
    "jwks.no-key": ORDER_NO_KEY,
}
_RECEIPT_WORDS: Final[Mapping[str, Reason]] = {
    "jws.bad-signature": RECEIPT_SIGNATURE,
    "jwks.no-key": RECEIPT_NO_KEY,
}


def verify_order(token: str, *, keys: KeySet, issuer: str, now: float, tolerance: float) -> Order:
    """Verify an order of this directory.

    Args:
        token: as it came, with the event that it is.
        keys: the directory's, as they are published now.
        issuer: the directory.
        now: the time, by the directory's clock as far as it is known.
        tolerance: seconds that the two clocks may still differ by.

    Raises:
        Reject: ``order.*``.
    """
    claims = _verify(
        token,
        keys=keys,
        kind=ORDER_TYPE,
        wrong=ORDER_TYPE_WRONG,
        words=_ORDER_WORDS,
        malformed=ORDER_MALFORMED,
    )
    if claims.get("iss") != issuer:  # (5)
        raise ORDER_ISSUER.reject(f"{claims.get('iss')!r:.200}")
    check_not_in_future(
        claims, now=now, tolerance=tolerance, malformed=ORDER_MALFORMED, refused=ORDER_FUTURE
    )  # (7)
    try:
        order = msgspec.convert(claims, Order)  # (8)
    except msgspec.ValidationError as cause:
        raise ORDER_MALFORMED.reject(str(cause)[:200]) from cause
    url = parse_url(order.receipt_endpoint)
    if not all(map(is_subject, order.concerned)) or order.subject.partition(":")[0] != order.kind:
        raise ORDER_MALFORMED.reject("a subject that is none")
    if url is None or url.scheme != "https":
        raise ORDER_MALFORMED.reject(f"receipt_endpoint {order.receipt_endpoint!r:.200}")
    return order


def read_kept_order(token: str) -> Order:
    """Read an order that was verified when it came, and kept since then where nobody else writes."""
    return msgspec.convert(jws.parse(token, limit=TOKEN_LIMIT).unverified_claims(), Order)


def read_kept_receipt(token: str) -> Receipt:
    """Read a receipt that was verified when it came, and kept since then where nobody else writes."""
    return msgspec.convert(jws.parse(token, limit=TOKEN_LIMIT).unverified_claims(), Receipt)


def verify_receipt(
    token: str, *, keys: KeySet, issuer: str, audience: str, now: float, tolerance: float
) -> Receipt:
    """Verify a participant's receipt.

    The caller MUST hold ``order`` against the orders that it gave.

    Args:
        token: as it came.
        keys: those that the participant publishes.
        issuer: the participant, by its identifier in the directory.
        audience: the directory.
        now: the time.
        tolerance: seconds that the participant's clock may be ahead.

    Raises:
        Reject: ``receipt.*``.
    """
    claims = _verify(
        token,
        keys=keys,
        kind=RECEIPT_TYPE,
        wrong=RECEIPT_TYPE_WRONG,
        words=_RECEIPT_WORDS,
        malformed=RECEIPT_MALFORMED,
    )
    if claims.get("iss") != issuer:  # (5)
        raise RECEIPT_ISSUER.reject(f"{claims.get('iss')!r:.200}")
    if claims.get("aud") != audience:  # (6)
        raise RECEIPT_AUDIENCE.reject(f"{claims.get('aud')!r:.200}")
    check_not_in_future(
        claims, now=now, tolerance=tolerance, malformed=RECEIPT_MALFORMED, refused=RECEIPT_FUTURE
    )  # (7)
    try:
        return msgspec.convert(claims, Receipt)  # (8)
    except msgspec.ValidationError as cause:
        raise RECEIPT_MALFORMED.reject(str(cause)[:200]) from cause


def _verify(
    token: str,
    *,
    keys: KeySet,
    kind: str,
    wrong: Reason,
    words: Mapping[str, Reason],
    malformed: Reason,
) -> dict[str, object]:
    try:
        parsed = jws.parse(token, limit=TOKEN_LIMIT)  # (1)
        if parsed.type != kind:  # (2)
            raise wrong.reject(parsed.type[:80])
        key = keys.find(key_id=parsed.key_id, algorithm=parsed.algorithm)  # (3)
        return jws.verify(parsed, key=key.key, algorithm=key.algorithm)  # (4)
    except Reject as cause:
        if cause.reason is wrong:
            raise
        raise restate(cause, words, otherwise=malformed) from cause
