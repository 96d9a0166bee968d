"""Results of probes: what somebody outside saw, signed with a key that the operator named, and kept as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.http import HttpResponse
from trustweft.protocol.offboarding_probe import PROBE_MEDIA_TYPE, verify_probe
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.protocol.http import HttpRequest

__all__ = ["take_probe"]

_ACCEPTED: Final = 202

MEDIA = reason(
    "probe.media-type",
    error="invalid_request",
    public="The content type of a probe must be application/offboarding-probe+jwt.",
    status=415,
)
SHAPE = reason("probe.shape", error="invalid_request", public="The body is no signed probe.")
UNKNOWN_ORDER = reason(
    "probe.unknown-order",
    error="invalid_request",
    public="The probe is about an order that this directory did not give.",
)


async def take_probe(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Keep what a probe saw, and say so once it cannot be lost any more."""
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != PROBE_MEDIA_TYPE:
        raise MEDIA.reject(media_type[:80])
    try:
        token = request.body.decode("ascii")
    except UnicodeDecodeError as cause:
        raise SHAPE.reject() from cause
    now = directory.clock.now()
    probe = verify_probe(
        token,
        keys=directory.probe_keys(),
        issuer=None,
        audience=directory.config.issuer,
        now=now,
        tolerance=directory.profile.directory.clock_skew,
    )
    order = directory.snapshot().orders.get(probe.order)
    if order is None:
        raise UNKNOWN_ORDER.reject(probe.order)
    await directory.ledger.keep_probe(order, token=token, received_at=now)
    return HttpResponse(_ACCEPTED)
