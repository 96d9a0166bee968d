"""The authorization details that a client may ask for (RFC 9396). Requests that bring none pass without any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.rar import INVALID_AUTHORIZATION_DETAILS, parse_authorization_details
from trustweft.protocol.rar_order import check_narrower
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.server.exchange import Exchange

NOT_REGISTERED = reason(
    "authorization-details.not-registered",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="The client is not registered for a type of the authorization details.",
)
BEYOND_REGISTRATION = reason(
    "authorization-details.beyond-registration",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="The authorization details go beyond what the client is registered for.",
)
WIDER = reason(
    "authorization-details.wider",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="The authorization details go beyond what was granted.",
)


def read_authorization_details(exchange: Exchange) -> None:
    """Read the parameter, where it was sent; nothing is judged yet but its form."""
    sent = exchange.form.get("authorization_details")
    exchange.details = () if sent is None else parse_authorization_details(sent)


@enforces("RFC9396-5-p1.2")
def check_detail_types(exchange: Exchange) -> None:
    """Each detail is of a type that is known here, and fits its definition (section 5)."""
    if exchange.details:
        exchange.deployment.detail_types.check(exchange.details)


def check_registered_details(exchange: Exchange) -> None:
    """The client is registered for each type, and within the widest details that its registration names."""
    if exchange.details:
        check_within_registration(exchange, exchange.details)


def check_within_registration(exchange: Exchange, details: tuple[AuthorizationDetail, ...]) -> None:
    """Hold what was asked for against the registration as it is now.

    Raises:
        Reject: ``authorization-details.not-registered``, ``authorization-details.beyond-registration``.
    """
    metadata = exchange.client.metadata
    unregistered = {detail.type for detail in details} - set(metadata.authorization_details_types)
    if unregistered:
        raise NOT_REGISTERED.reject(f"{sorted(unregistered)!r:.200}")
    bounded = {detail.type for detail in metadata.authorization_details}
    check_narrower(
        [detail for detail in details if detail.type in bounded],
        metadata.authorization_details,
        exchange.deployment.detail_types.definitions,
        refused=BEYOND_REGISTRATION,
    )


@enforces("RFC9700-2.3-p3.1")
def keep_allowed_details(exchange: Exchange) -> tuple[AuthorizationDetail, ...]:
    """Return what of the granted details is still offered, and within the registration of the client."""
    kept = []
    for detail in exchange.deployment.detail_types.offered(exchange.details):
        try:
            check_within_registration(exchange, (detail,))
        except Reject:
            continue
        kept.append(detail)
    return tuple(kept)


@enforces("RFC9396-8-p1")
def narrow_details(exchange: Exchange) -> None:
    """The details may shrink for this access token, never grow (section 6)."""
    sent = exchange.form.get("authorization_details")
    if sent is None:
        return
    types, granted = exchange.deployment.detail_types, exchange.details
    exchange.details = parse_authorization_details(sent)
    types.check(exchange.details)
    check_narrower(exchange.details, granted, types.definitions, refused=WIDER)
