"""Who a client claims to be, and authentication with a signed assertion, ``private_key_jwt`` (FAPI 2.0 SP 5.3.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import client_assertion
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.exchange import Submitted

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


METHOD = reason(
    "client.authentication-method",
    error="invalid_client",
    public="The client authenticates in another way than the one that it is registered for.",
    status=401,
)


def read_client_credentials(exchange: Exchange) -> None:
    """Read who the client claims to be: by its assertion, or by ``client_id`` where there is none (RFC 8705 section 2).

    How the claim must be proven is not the sender's choice: it is registered.
    """
    form = exchange.form
    named = form.get("client_id")
    if named is not None and form.get("client_assertion") is None:
        exchange.assertion, exchange.client_id = None, named
        return
    exchange.assertion = client_assertion.parse_client_assertion(
        assertion_type=form.get("client_assertion_type"), assertion=form.get("client_assertion")
    )
    exchange.client_id = exchange.assertion.claimed_client_id


@enforces("FAPI2-SP-5.3.2.2-4", "RFC9126-2.1-1")
def verify_client_assertion(exchange: Exchange) -> None:
    """Verify it with the registered keys: from here on the client is authenticated, but for a replay."""
    exchange.authentication = None
    if exchange.client.metadata.token_endpoint_auth_method != "private_key_jwt":  # noqa: S105  # a method
        if exchange.assertion is not None:
            raise METHOD.reject(f"client_id={exchange.client_id}")
        return  # verify_client_certificate sees to it
    if exchange.assertion is None:
        raise client_assertion.MISSING.reject(f"client_id={exchange.client_id}")
    client, limits = exchange.client, exchange.deployment.profile.limits
    exchange.authentication = client_assertion.verify_client_assertion(
        exchange.assertion,
        client_id=client.client_id,
        keys=exchange.client_keys.keys,
        algorithm=client.metadata.token_endpoint_auth_signing_alg,
        issuer=exchange.deployment.config.issuer,
        now=exchange.now,
        future_tolerance=limits.future_tolerance,
        maximum_lifetime=limits.client_assertion_max_lifetime,
    )


def remember_client_assertion(exchange: Exchange) -> None:
    """Submit its identifier to the replay memory: an assertion is good for one request at one endpoint."""
    authentication = exchange.authentication
    if authentication is None:
        return  # a certificate was shown: its key took part in this very connection
    outcome = exchange.deployment.store.remember_jti(
        space="client-assertion", key=authentication.replay_key, expires_at=authentication.expires_at
    )
    exchange.submitted.append(Submitted(outcome, client_assertion.REPLAYED))
