"""The client credentials grant (RFC 6749 section 4.4): a client acts for itself; never a refresh token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.rar import INVALID_AUTHORIZATION_DETAILS
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.tokens import issue_access_token, token_response

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

PERSONAL = reason(
    "scope.needs-a-person",
    error="invalid_scope",
    public="A part of the scope concerns a person, and nobody is here.",
)
PERSONAL_DETAILS = reason(
    "authorization-details.needs-a-person",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A part of the authorization details concerns a person, and nobody is here.",
)
# OpenID Connect is about a person who logs in.
_PERSONAL = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


def refuse_personal_scope(exchange: Exchange) -> None:
    """The scope asks nothing about a person: the client is alone."""
    personal = _PERSONAL.intersection(exchange.scope)
    if personal:
        raise PERSONAL.reject(" ".join(sorted(personal)))


def refuse_personal_details(exchange: Exchange) -> None:
    """Only types that say so are given to a client for itself; every other is for a person to allow."""
    definitions = exchange.deployment.detail_types.definitions
    personal = {detail.type for detail in exchange.details if not definitions[detail.type].without_person}
    if personal:
        raise PERSONAL_DETAILS.reject(f"{sorted(personal)!r:.200}")


@enforces("RFC9068-2.2-4.2")
def issue_for_client(exchange: Exchange) -> None:
    """Answer with an access token whose subject is the client (RFC 9068 section 2.2)."""
    access_token = issue_access_token(exchange, subject=exchange.client_id, scope=exchange.scope)
    exchange.response = token_response(exchange, access_token=access_token, scope=exchange.scope)
