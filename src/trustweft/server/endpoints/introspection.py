"""Token introspection (RFC 7662): for resource servers, about tokens of their own audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.access_token import verify_own_access_token
from trustweft.protocol.http import json_response
from trustweft.protocol.introspection import create_response, read_request
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.server.checks.participation import token_takes_part, without_lost_apis
from trustweft.server.records import TokenStatus

if TYPE_CHECKING:
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.server.exchange import Exchange

NOT_A_RESOURCE_SERVER = reason(
    "introspection.not-a-resource-server",
    error="unauthorized_client",
    public="Only resource servers may ask about tokens.",
    status=403,
)


@enforces("FAPI2-MS-6.2-p2.1")
def check_is_resource_server(exchange: Exchange) -> None:
    """The authenticated client is registered as a resource server."""
    if not exchange.client.metadata.resource_server_for:
        raise NOT_A_RESOURCE_SERVER.reject(f"client_id={exchange.client_id}")


async def find_introspected_token(exchange: Exchange) -> None:
    """Verify the token as its issuer; whatever is wrong with it, the answer will be the same: not active."""
    query, deployment = read_request(exchange.form), exchange.deployment
    exchange.introspected = None
    try:
        token = verify_own_access_token(
            query.token,
            keys=deployment.token_keys(),
            issuer=deployment.config.issuer,
            now=exchange.now,
            future_tolerance=deployment.profile.limits.future_tolerance,
        )
    except Reject:
        return
    status = await deployment.store.access_token_status(
        jti=token.jti, grant_id=token.grant_id, client_id=token.client_id, now=exchange.now
    )
    if status is TokenStatus.ACTIVE and token_takes_part(exchange, token):
        exchange.introspected = without_lost_apis(exchange, token)


@enforces("FAPI2-MS-6.2-p2.2")
def check_introspected_audience(exchange: Exchange) -> None:
    """A token for somebody else is, to this resource server, not active (RFC 7662 section 4)."""
    token = exchange.introspected
    if token is not None and not set(token.audience) & set(exchange.client.metadata.resource_server_for):
        exchange.introspected = None


def answer_introspection(exchange: Exchange) -> None:
    """Answer; of a token that is not active nothing else is told (RFC 7662 section 2.2)."""
    token = exchange.introspected
    details: tuple[AuthorizationDetail, ...] = ()
    if token is not None and token.authorization_details:
        # RFC 9396 section 13: who asks learns what concerns it, and nothing of the rest.
        theirs = exchange.client.metadata.resource_server_for
        details = exchange.deployment.detail_types.meant_for(token.authorization_details, theirs)
    exchange.response = json_response(create_response(token, details=details))
