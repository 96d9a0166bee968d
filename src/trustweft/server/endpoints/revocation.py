"""Token revocation (RFC 7009): a refresh token takes its grant with it, an access token goes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.access_token import verify_own_access_token
from trustweft.protocol.revocation import create_response, read_request
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Reject, reason
from trustweft.server.records import RefreshToken

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

FOREIGN = reason(
    "revocation.other-client",
    error="invalid_grant",
    public="The token was issued to another client.",
)


async def find_revoked_token(exchange: Exchange) -> None:
    """Find what the token is; the type hint is not needed, since the two kinds never look alike."""
    query, deployment = read_request(exchange.form), exchange.deployment
    exchange.revoked = await deployment.store.find_refresh_token(digest_of(query.token), now=exchange.now)
    if exchange.revoked is None:
        try:
            exchange.revoked = verify_own_access_token(
                query.token,
                keys=deployment.token_keys(),
                issuer=deployment.config.issuer,
                now=exchange.now,
                future_tolerance=deployment.profile.limits.future_tolerance,
            )
        except Reject:
            return  # an unknown or dead token is as good as revoked (RFC 7009 section 2.2)


def check_revoked_token_belongs_to_client(exchange: Exchange) -> None:
    """A client revokes its own tokens only (RFC 7009 section 2.1)."""
    if exchange.revoked is not None and exchange.revoked.client_id != exchange.client_id:
        raise FOREIGN.reject(f"issued to {exchange.revoked.client_id}, presented by {exchange.client_id}")


async def revoke(exchange: Exchange) -> None:
    """Revoke it, durably, before saying so."""
    store, token = exchange.deployment.store, exchange.revoked
    if isinstance(token, RefreshToken):
        await store.revoke_grant(token.grant_id, now=exchange.now)
    elif token is not None:
        await store.revoke_access_token(token.jti, expires_at=token.expires_at)
    exchange.response = create_response()
