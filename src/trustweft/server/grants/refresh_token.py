"""The refresh token grant (RFC 6749 section 6): bound to the client, not rotated, never wider.

A confidential client may come with a new DPoP key (RFC 9449 section 5): client authentication is the binding.

Rotation is for extraordinary circumstances, and the operator's to switch on (FAPI 2.0 SP section 5.3.2.1 item 9 and
note 1). The old token then lives on for a stated time, in which a client that lost the answer gets another new one.
A rotated token that comes later still is refused like any that expired, and ends nothing: RFC 9700 section 4.14.2
revokes what such a token gave because with public clients it shows a theft, but here nobody can use a stolen one
without the client's key, so that it shows a client that lost an answer, and its person would pay for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trustweft.protocol.oauth import parse_scope
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.tokens import issue_access_token, token_response

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.exchange import Exchange

_ERROR = "invalid_grant"
MISSING = reason("refresh-token.missing", error="invalid_request", public="The refresh_token is missing.")
UNKNOWN = reason(
    "refresh-token.unknown",
    error=_ERROR,
    public="The refresh token is not one that this server issued, or it expired.",
)
FOREIGN = reason(
    "refresh-token.other-client", error=_ERROR, public="The refresh token belongs to another client."
)
GRANT_ENDED = reason(
    "refresh-token.grant-ended", error=_ERROR, public="The permission behind the refresh token has ended."
)
WIDER = reason(
    "refresh-token.wider-scope", error="invalid_scope", public="The scope goes beyond what was granted."
)


async def find_refresh_token(exchange: Exchange) -> None:
    """Find what the refresh token stands for."""
    presented = exchange.form.get("refresh_token")
    if presented is None:
        raise MISSING.reject()
    digest = digest_of(presented)
    token = await exchange.deployment.store.find_refresh_token(digest, now=exchange.now)
    if token is None:
        raise UNKNOWN.reject(f"client_id={exchange.client_id}")
    exchange.refresh_token_digest, exchange.refresh_token = digest, token
    exchange.details = token.authorization_details


def check_refresh_token_belongs_to_client(exchange: Exchange) -> None:
    """The refresh token is used by the client that it was issued to (RFC 6749 section 10.4)."""
    if exchange.refresh_token.client_id != exchange.client_id:
        raise FOREIGN.reject(
            f"issued to {exchange.refresh_token.client_id}, presented by {exchange.client_id}"
        )


async def check_refreshed_grant(exchange: Exchange) -> None:
    """The grant that the token hangs off is neither revoked nor expired."""
    grant = await exchange.deployment.store.find_grant(exchange.refresh_token.grant_id)
    if grant is None or grant.revoked_at is not None or exchange.now >= grant.expires_at:
        raise GRANT_ENDED.reject(f"grant_id={exchange.refresh_token.grant_id}")
    exchange.grant = grant


@enforces("RFC9700-4.14.2-p2")
def narrow_scope(exchange: Exchange) -> None:
    """The scope may shrink for this access token, never grow (RFC 6749 section 6)."""
    granted = exchange.refresh_token.scope
    requested = exchange.form.get("scope")
    exchange.scope = granted if requested is None else parse_scope(requested)
    if not set(exchange.scope) <= set(granted):
        raise WIDER.reject(" ".join(set(exchange.scope) - set(granted))[:200])


@enforces("FAPI2-SP-5.3.2.1-9")
def rotate_refresh_token(exchange: Exchange) -> Awaitable[None] | None:
    """The refresh token stays the same, unless the operator has all of them replaced for a time."""
    exchange.new_refresh_token = None
    rotation = exchange.deployment.config.refresh_token_rotation
    return None if rotation is None else _replace(exchange, window=rotation.window_seconds)


@enforces("FAPI2-SP-5.3.2.1-p3")
async def _replace(exchange: Exchange, *, window: float) -> None:
    """Keep a new refresh token, and let the old one live on for the window, in which it serves as before."""
    deployment, grant, old = exchange.deployment, exchange.grant, exchange.refresh_token
    exchange.new_refresh_token = deployment.entropy.token()
    # From the grant, not from the old token: a client that comes again with that one must not get less for it.
    expires_at = min(grant.expires_at, exchange.now + deployment.profile.limits.refresh_token_lifetime)
    # Both submitted before the first is awaited: they share one commit.
    writes = (
        deployment.store.save_refresh_token(
            digest_of(exchange.new_refresh_token), replace(old, expires_at=expires_at)
        ),
        deployment.store.shorten_refresh_token(exchange.refresh_token_digest, until=exchange.now + window),
    )
    for write in writes:
        await write


def issue_for_refresh_token(exchange: Exchange) -> None:
    """Answer with a new access token, and with a new refresh token only where they are rotated."""
    token = exchange.refresh_token
    access_token = issue_access_token(
        exchange,
        subject=token.subject,
        scope=exchange.scope,
        grant_id=token.grant_id,
        authenticated_at=token.authenticated_at,
    )
    exchange.response = token_response(
        exchange,
        access_token=access_token,
        scope=exchange.scope,
        refresh_token=exchange.new_refresh_token,
    )
