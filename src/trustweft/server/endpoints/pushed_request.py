"""The pushed authorization request endpoint (RFC 9126): keep the verified request, hand out its URI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.http import json_response
from trustweft.protocol.par import create_pushed_response, create_request_uri
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.enforces import enforces
from trustweft.server.records import PushedRequest

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


@enforces("RFC9101-10.2-4", "RFC9126-2.2-p2.1", "RFC9126-7.1-p1", "RFC9396-3.1-p3")
def save_pushed_request(exchange: Exchange) -> None:
    """Submit the request to the store; it becomes reachable only if the answer is sent.

    Submitted before the replay memory has answered, so that both share one commit: a refused request leaves a
    row whose address nobody learns.
    """
    limits = exchange.deployment.profile.limits
    token = exchange.deployment.entropy.token()
    form = exchange.form
    exchange.request_uri = create_request_uri(token)
    expires_at = exchange.now + limits.request_uri_lifetime
    exchange.saved = exchange.deployment.store.save_pushed_request(
        digest_of(token),
        PushedRequest(
            client_id=exchange.client_id,
            redirect_uri=exchange.redirect_uri,
            scope=exchange.scope,
            code_challenge=exchange.code_challenge,
            state=form.get("state"),
            nonce=form.get("nonce"),
            dpop_jkt=exchange.dpop_jkt,
            prompt=exchange.prompt,
            pushed_at=exchange.now,
            expires_at=expires_at,
            kept_until=expires_at + limits.interaction_lifetime,
            authorization_details=exchange.details,
        ),
    )


@enforces("FAPI2-SP-5.3.2.2-2", "FAPI2-SP-5.3.2.2-12", "RFC9126-2.2-p1")
async def answer_pushed_request(exchange: Exchange) -> None:
    """Answer 201 with the request URI once it is durable (RFC 9126 section 2.2).

    No profile loads whose lifetime is 600 seconds or more.
    """
    await exchange.saved
    lifetime = int(exchange.deployment.profile.limits.request_uri_lifetime)
    exchange.response = json_response(
        create_pushed_response(exchange.request_uri, expires_in=lifetime), status=201
    )
