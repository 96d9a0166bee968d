"""Which grant the token endpoint is asked for (RFC 6749 section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

MISSING = reason("grant-type.missing", error="invalid_request", public="The grant_type is missing.")
UNSUPPORTED = reason(
    "grant-type.unsupported", error="unsupported_grant_type", public="This grant type is not supported here."
)
NOT_REGISTERED = reason(
    "grant-type.not-registered",
    error="unauthorized_client",
    public="The client is not registered for this grant type.",
)


@enforces("FAPI2-SP-5.3.2.1-2", "RFC9700-2.4-p1")
def read_grant_type(exchange: Exchange) -> None:
    """The grant type is one of the profile's; the password and implicit grants never are."""
    grant_type = exchange.form.get("grant_type")
    if grant_type is None:
        raise MISSING.reject()
    if grant_type not in exchange.deployment.profile.limits.grant_types:
        raise UNSUPPORTED.reject(grant_type[:80])
    exchange.grant_type = grant_type


def check_client_may_use_grant_type(exchange: Exchange) -> None:
    """The client is registered for the grant type."""
    if exchange.grant_type not in exchange.client.metadata.grant_types:
        raise NOT_REGISTERED.reject(f"client_id={exchange.client_id} grant_type={exchange.grant_type}")
