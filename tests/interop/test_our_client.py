"""Our client completes the flow against an independent server, Node's oidc-provider configured for FAPI 2.0."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from peers import AUDIENCE, NONCE_SECRET, REDIRECT_URI, Peers, client_key, jwk_of, provider_config, sign_in
from trustweft.client import (
    AsyncClient,
    Client,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key, read_private_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from trustweft.client import StartedAuthorization

Key = ECKey | RSAKey | OKPKey
NONCES: dict[str, Any] = {"nonce_secret": NONCE_SECRET, "require_nonce": True}


def configuration(issuer: str, key: Key, algorithm: str) -> ClientConfiguration:
    """Return our client as it is registered at the peer."""
    jwk = jwk_of(key, algorithm, private=True)
    return ClientConfiguration(
        issuer=issuer,
        client_id="moneyview",
        authentication=PrivateKeyJwt(
            PublishedKeys(LocalSigner(algorithm, read_private_jwk(jwk), jwk["kid"]))
        ),
        sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
        redirect_uri=REDIRECT_URI,
        scope=("openid", "accounts"),
    )


def start_peers(peers: Peers, key: Key, algorithm: str, dpop: dict[str, Any]) -> tuple[str, str]:
    """Start oidc-provider and an oauth4webapi guard; return issuer and resource."""
    config = provider_config(jwk_of(key, algorithm, private=False), dpop=dpop)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    guard = {"issuer": issuer, "audience": AUDIENCE, "jwks_uri": f"{issuer}/jwks"}
    return issuer, f"{peers.serve('guard_server.mjs', guard)['origin']}/accounts"


def callback_query(peers: Peers, started: StartedAuthorization) -> str:
    """Log in and consent at the peer, and return the query of the callback."""
    with peers.authority.browser() as browser:
        return urlsplit(sign_in(browser, started.url)).query


def trust(peers: Peers) -> ssl.SSLContext:
    """Return a TLS context that trusts the test's authority alone."""
    return ssl.create_default_context(cafile=str(peers.authority.certificate))


@pytest.mark.parametrize(
    ("algorithm", "dpop"), [("ES256", NONCES), ("PS256", {}), ("EdDSA", {"nonce_secret": NONCE_SECRET})]
)
def test_our_synchronous_client_completes_the_flow(
    peers: Peers, algorithm: str, dpop: dict[str, Any]
) -> None:
    """Discovery, pushed request, callback, tokens, API call, refresh and revocation, with and without nonces."""
    key = client_key(algorithm)
    issuer, resource = start_peers(peers, key, algorithm, dpop)
    with httpx2.Client(verify=trust(peers)) as http:
        client = Client(
            configuration(issuer, key, algorithm), http, clock=SystemClock(), entropy=SystemEntropy()
        )
        started = client.begin()
        tokens = client.finish(started.pending, callback_query(peers, started), name="alice")
        assert tokens.subject == "u-1"
        assert http.get(resource, auth=client.auth("alice")).status_code == 200
        refreshed = client.core.refresh(tokens)
        client.store.save("alice", client._drive(refreshed))
        assert client.tokens("alice").access_token != tokens.access_token
        assert http.get(resource, auth=client.auth("alice")).status_code == 200
        client.revoke("alice")
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            client._drive(client.core.refresh(tokens))


def test_our_asynchronous_client_completes_the_flow(peers: Peers) -> None:
    """The same conversation over the asynchronous driver."""
    key = client_key()
    issuer, resource = start_peers(peers, key, "ES256", NONCES)

    async def run() -> list[int]:
        async with httpx2.AsyncClient(verify=trust(peers)) as http:
            client = AsyncClient(
                configuration(issuer, key, "ES256"), http, clock=SystemClock(), entropy=SystemEntropy()
            )
            started = await client.begin()
            query = await asyncio.to_thread(callback_query, peers, started)
            await client.finish(started.pending, query, name="alice")
            calls = [await http.get(resource, auth=await client.auth("alice")) for _ in range(2)]
            await client.revoke("alice")
            return [call.status_code for call in calls]

    assert asyncio.run(run()) == [200, 200]
