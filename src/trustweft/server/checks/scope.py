"""The scope that a client may ask for (RFC 6749 section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import parse_scope
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.checks.details import keep_allowed_details

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

MISSING = reason("scope.missing", error="invalid_scope", public="The scope is missing.")
NOT_ALLOWED = reason(
    "scope.not-allowed",
    error="invalid_scope",
    public="The scope goes beyond what the client is registered for.",
)
NO_LONGER_OFFERED = reason(
    "scope.no-longer-offered",
    error="invalid_grant",
    public="Nothing of what was granted is offered here, or open to the client, any more.",
)


@enforces("FAPI2-SP-5.3.2.1-14", "RFC9700-2.3-p1")
def check_requested_scope(exchange: Exchange) -> None:
    """The scope is known here and registered for the client; it may be left out where details say what is asked."""
    requested = exchange.form.get("scope")
    if requested is None and exchange.form.get("authorization_details") is None:
        raise MISSING.reject()
    scope = () if requested is None else parse_scope(requested)
    known = {definition.name for definition in exchange.deployment.config.scopes}
    beyond = set(scope) - known.intersection(exchange.client.metadata.scope)
    if beyond:
        raise NOT_ALLOWED.reject(" ".join(sorted(beyond))[:200])
    exchange.scope = scope


def keep_offered_scope(exchange: Exchange) -> None:
    """What was granted shrinks to what is still offered, and registered for the client: both may have been narrowed."""
    registered = exchange.client.metadata.scope
    known = {definition.name for definition in exchange.deployment.config.scopes}
    offered = tuple(name for name in exchange.scope if name in known and name in registered)
    if exchange.details:
        exchange.details = keep_allowed_details(exchange)
    if not offered and not exchange.details:
        raise NO_LONGER_OFFERED.reject(" ".join(exchange.scope)[:200])
    exchange.scope = offered
