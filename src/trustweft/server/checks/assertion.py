"""Client authentication with a signed assertion, ``private_key_jwt`` (FAPI 2.0 SP section 5.3.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import client_assertion
from trustweft.server.exchange import Submitted

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


def read_client_assertion(exchange: Exchange) -> None:
    """Read whose assertion it claims to be; no other way to authenticate is known here."""
    form = exchange.form
    exchange.assertion = client_assertion.parse_client_assertion(
        assertion_type=form.get("client_assertion_type"), assertion=form.get("client_assertion")
    )


def verify_client_assertion(exchange: Exchange) -> None:
    """Verify it with the registered keys: from here on the client is authenticated, but for a replay."""
    client, limits = exchange.client, exchange.deployment.profile.limits
    exchange.authentication = client_assertion.verify_client_assertion(
        exchange.assertion,
        client_id=client.client_id,
        keys=client.keys,
        algorithm=client.metadata.token_endpoint_auth_signing_alg,
        issuer=exchange.deployment.config.issuer,
        now=exchange.now,
        future_tolerance=limits.future_tolerance,
        maximum_lifetime=limits.client_assertion_max_lifetime,
    )


def remember_client_assertion(exchange: Exchange) -> None:
    """Submit its identifier to the replay memory: an assertion is good for one request at one endpoint."""
    authentication = exchange.authentication
    outcome = exchange.deployment.store.remember_jti(
        space="client-assertion", key=authentication.replay_key, expires_at=authentication.expires_at
    )
    exchange.submitted.append(Submitted(outcome, client_assertion.REPLAYED))
