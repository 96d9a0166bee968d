"""The scope that a client may ask for (RFC 6749 section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.oauth import parse_scope
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

MISSING = reason("scope.missing", error="invalid_scope", public="The scope is missing.")
NOT_ALLOWED = reason(
    "scope.not-allowed",
    error="invalid_scope",
    public="The scope goes beyond what the client is registered for.",
)


def check_requested_scope(exchange: Exchange) -> None:
    """The scope is there, known here, and registered for the client."""
    requested = exchange.form.get("scope")
    if requested is None:
        raise MISSING.reject()
    scope = parse_scope(requested)
    known = {definition.name for definition in exchange.deployment.config.scopes}
    beyond = set(scope) - known.intersection(exchange.client.metadata.scope)
    if beyond:
        raise NOT_ALLOWED.reject(" ".join(sorted(beyond))[:200])
    exchange.scope = scope
