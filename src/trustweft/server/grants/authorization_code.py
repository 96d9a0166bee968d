"""The authorization code grant (RFC 6749 section 4.1.3).

The code is looked at first and spent last: a nonce retry, a wrong verifier or a stranger's attempt burns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import pkce
from trustweft.protocol.redirect_uri import verify_registered
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.server.records import Redemption, RefreshToken
from trustweft.server.tokens import issue_access_token, issue_id_token, token_response

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.exchange import Exchange
    from trustweft.server.records import Grant

_ERROR = "invalid_grant"
MISSING = reason("code.missing", error="invalid_request", public="The code is missing.")
UNKNOWN = reason("code.unknown", error=_ERROR, public="The code is not one that this server issued.")
FOREIGN = reason("code.other-client", error=_ERROR, public="The code was issued to another client.")
EXPIRED = reason("code.expired", error=_ERROR, public="The code has expired.")
REDIRECT_URI = reason(
    "code.redirect-uri", error=_ERROR, public="The redirect_uri is not that of the authorization request."
)
REDIRECT_URI_WITHDRAWN = reason(
    "code.redirect-uri-withdrawn",
    error=_ERROR,
    public="The redirect_uri that the code was sent to is no longer registered for the client.",
)
KEY_MISMATCH = reason(
    "code.key-mismatch", error=_ERROR, public="The code is bound to another key than that of the DPoP proof."
)
REPLAYED = reason("code.replayed", error=_ERROR, public="The code was used before; what it gave is revoked.")
GRANT_ENDED = reason("code.grant-ended", error=_ERROR, public="The permission behind the code has ended.")


async def find_code(exchange: Exchange) -> None:
    """Find what the code stands for, without spending it."""
    presented = exchange.form.get("code")
    if presented is None:
        raise MISSING.reject()
    digest = digest_of(presented)
    code = await exchange.deployment.store.find_code(digest)
    if code is None:
        raise UNKNOWN.reject(f"client_id={exchange.client_id}")
    exchange.code_digest, exchange.authorization_code, exchange.scope = digest, code, code.scope
    exchange.details = code.authorization_details


def check_code_belongs_to_client(exchange: Exchange) -> None:
    """The code was issued to the client that authenticated (RFC 6749 section 4.1.3)."""
    if exchange.authorization_code.client_id != exchange.client_id:
        raise FOREIGN.reject(
            f"issued to {exchange.authorization_code.client_id}, presented by {exchange.client_id}"
        )


@enforces("FAPI2-SP-5.3.2.1-11")
def check_code_not_expired(exchange: Exchange) -> None:
    """The code lives at most 60 seconds. One that was used goes on to be judged as a replay, however late it comes."""
    code = exchange.authorization_code
    if not code.used and exchange.now >= code.expires_at:
        raise EXPIRED.reject(f"{exchange.now - code.expires_at:.0f} s ago")


def check_code_redirect_uri(exchange: Exchange) -> None:
    """The redirect URI is, octet by octet, that of the authorization request (RFC 6749 section 4.1.3).

    And it is still registered: whoever sits at one that was taken back has no use of what was sent there.
    """
    presented, metadata = exchange.form.get("redirect_uri"), exchange.client.metadata
    if presented != exchange.authorization_code.redirect_uri:
        raise REDIRECT_URI.reject()
    try:
        verify_registered(presented, metadata.redirect_uris, application_type=metadata.application_type)
    except Reject as cause:
        raise REDIRECT_URI_WITHDRAWN.reject(f"client_id={exchange.client_id}") from cause


@enforces("RFC9700-4.8.2-2")
def check_code_verifier(exchange: Exchange) -> None:
    """The code verifier belongs to the challenge of the authorization request (RFC 7636 section 4.6)."""
    pkce.verify_code_verifier(
        exchange.form.get("code_verifier"), challenge=exchange.authorization_code.code_challenge
    )


@enforces("RFC9449-10-p2")
def check_code_binding(exchange: Exchange) -> None:
    """A code that was bound to a key is redeemed with a proof of that key (RFC 9449 section 10)."""
    bound_to = exchange.authorization_code.dpop_jkt
    if bound_to is not None and exchange.confirmation.jkt != bound_to:
        raise KEY_MISMATCH.reject(f"bound to {bound_to}, presented {exchange.confirmation.jkt}")


@enforces("FAPI2-SP-5.3.2.2-9", "RFC9700-4.2.4-4")
async def redeem_code(exchange: Exchange) -> None:
    """Spend the code: one caller wins; whoever comes later ends what the code gave (RFC 6749 section 4.1.2).

    The refresh token is kept in the same commit. If the code turns out to be spent, nobody ever learns its value,
    and its grant is revoked.
    """
    store, code = exchange.deployment.store, exchange.authorization_code
    grant = await store.find_grant(code.grant_id)
    ended = grant is None or grant.revoked_at is not None or exchange.now >= grant.expires_at
    # Both submitted before the first is awaited: they share one commit.
    redeemed = store.redeem_code(exchange.code_digest, now=exchange.now)
    exchange.new_refresh_token = None
    saved = None if grant is None or ended else _save_refresh_token(exchange, grant)
    outcome = await redeemed
    if saved is not None:
        await saved  # nothing is acknowledged that could be lost
    if outcome is not Redemption.REDEEMED:
        await store.revoke_grant(code.grant_id, now=exchange.now)
        raise REPLAYED.reject(f"client_id={exchange.client_id} grant_id={code.grant_id}")
    if ended:
        raise GRANT_ENDED.reject(f"grant_id={code.grant_id}")


def _save_refresh_token(exchange: Exchange, grant: Grant) -> Awaitable[None] | None:
    """Keep a refresh token where the client is registered for it."""
    if "refresh_token" not in exchange.client.metadata.grant_types:
        return None
    code, deployment = exchange.authorization_code, exchange.deployment
    exchange.new_refresh_token = deployment.entropy.token()
    expires_at = min(grant.expires_at, exchange.now + deployment.profile.limits.refresh_token_lifetime)
    return deployment.store.save_refresh_token(
        digest_of(exchange.new_refresh_token),
        RefreshToken(
            grant_id=code.grant_id,
            client_id=code.client_id,
            subject=code.subject,
            scope=code.scope,
            authenticated_at=code.authenticated_at,
            methods=code.methods,
            expires_at=expires_at,
            authorization_details=code.authorization_details,
        ),
    )


@enforces("RFC9068-2.2-4.1")
def issue_for_code(exchange: Exchange) -> None:
    """Answer with an access token, a refresh token where the client is registered for it, and an ID token if asked."""
    code = exchange.authorization_code
    access_token = issue_access_token(
        exchange,
        subject=code.subject,
        scope=exchange.scope,
        grant_id=code.grant_id,
        authenticated_at=code.authenticated_at,
    )
    id_token = None
    if "openid" in exchange.scope:
        id_token = issue_id_token(
            exchange,
            subject=code.subject,
            nonce=code.nonce,
            authenticated_at=code.authenticated_at,
            access_token=access_token,
        )
    exchange.response = token_response(
        exchange,
        access_token=access_token,
        scope=exchange.scope,
        refresh_token=exchange.new_refresh_token,
        id_token=id_token,
    )
