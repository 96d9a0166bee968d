"""Receipts: what participants did about an order, signed by them, and kept as evidence before they are answered.

(1) media type and shape (2) the participant is one (3) the order is one, and was for it (4) its keys (5) the receipt,
with ``protocol.offboarding`` (6) the log. One that is kept already is verified, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.crypto import jws
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.jwt import read_text
from trustweft.protocol.offboarding import RECEIPT_MEDIA_TYPE, verify_receipt
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.protocol.http import HttpRequest

__all__ = ["take_receipt"]

_ACCEPTED = 202

MEDIA = reason(
    "receipt.media-type",
    error="invalid_request",
    public="The content type of a receipt must be application/offboarding-receipt+jwt.",
    status=415,
)
SHAPE = reason("receipt.shape", error="invalid_request", public="The body is no signed receipt.")
UNKNOWN_PARTICIPANT = reason(
    "receipt.unknown-participant",
    error="invalid_issuer",
    public="The receipt is of nobody that this directory tells of orders.",
)
UNKNOWN_ORDER = reason(
    "receipt.unknown-order",
    error="invalid_request",
    public="The receipt is for an order that this directory did not give, or not to this participant.",
)


async def take_receipt(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Keep a receipt, and say so once it cannot be lost any more."""
    token, parsed = _read(request)  # (1)
    claims = _claims(parsed)
    identifier, name = read_text(claims.get("iss")) or "", read_text(claims.get("order")) or ""
    participant = directory.deliveries.participant(identifier)  # (2)
    if participant is None:
        raise UNKNOWN_PARTICIPANT.reject(identifier[:200])
    order = directory.snapshot().orders.get(name)  # (3)
    if order is None or not directory.deliveries.is_told(identifier, order):
        raise UNKNOWN_ORDER.reject(f"{name[:140]} for {identifier[:200]}")
    now = directory.clock.now()
    receipt = verify_receipt(  # (5)
        token,
        keys=await directory.participant_keys.find(participant.jwks_uri, parsed),  # (4)
        issuer=identifier,
        audience=directory.config.issuer,
        now=now,
        tolerance=directory.profile.directory.clock_skew,
    )
    first = await directory.ledger.keep_receipt(  # (6)
        order, participant=identifier, token=token, received_at=now
    )
    if first:
        directory.observer.happened("directory", "receipt kept", order=receipt.order, of=identifier)
    return HttpResponse(_ACCEPTED)


def _read(request: HttpRequest) -> tuple[str, jws.Unverified]:
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != RECEIPT_MEDIA_TYPE:
        raise MEDIA.reject(media_type[:80])
    try:
        token = request.body.decode("ascii")
        return token, jws.parse(token)
    except (UnicodeDecodeError, Reject) as cause:
        raise SHAPE.reject(str(cause)[:200]) from cause


def _claims(parsed: jws.Unverified) -> dict[str, object]:
    try:
        return parsed.unverified_claims()
    except Reject as cause:
        raise SHAPE.reject(str(cause)[:200]) from cause
