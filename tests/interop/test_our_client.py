"""Our client completes the flow against an independent server, Node's oidc-provider configured for FAPI 2.0."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from client_certificates import create_client_certificate
from peers import (
    AUDIENCE,
    NONCE_SECRET,
    REDIRECT_URI,
    Peers,
    client_key,
    jwk_of,
    provider_config_with_certificates,
    sign_in,
)
from trustweft.client import (
    AsyncClient,
    CertificateBound,
    Client,
    ClientCertificate,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
    tls_context,
)
from trustweft.crypto.keys import LocalSigner, generate_private_key, read_private_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from trustweft.client import StartedAuthorization

Key = ECKey | RSAKey | OKPKey
Method = Literal["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
Constraint = Literal["DPoP", "certificate"]
NONCES: dict[str, Any] = {"nonce_secret": NONCE_SECRET, "require_nonce": True}


@dataclass(frozen=True)
class Registered:
    """Our client as it is registered at the peer: what the peer knows, and what we have."""

    metadata: dict[str, Any]
    configuration: ClientConfiguration
    tls: ssl.SSLContext

    def at(self, issuer: str) -> ClientConfiguration:
        """Return the configuration for the peer, whose address is known once it runs."""
        return replace(self.configuration, issuer=issuer)


def registered_with_key(peers: Peers, algorithm: str = "ES256") -> Registered:
    """Return a client that authenticates with a key and proves possession with another."""
    key = client_key(algorithm)
    jwk = jwk_of(key, algorithm, private=True)
    configuration = ClientConfiguration(
        issuer="https://not-yet-known.example",
        client_id="moneyview",
        authentication=PrivateKeyJwt(
            PublishedKeys(LocalSigner(algorithm, read_private_jwk(jwk), jwk["kid"]))
        ),
        sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
        redirect_uri=REDIRECT_URI,
        scope=("openid", "accounts"),
    )
    metadata = {"jwks": {"keys": [jwk_of(key, algorithm, private=False)]}}
    return Registered(metadata, configuration, tls_context(authorities=peers.authority.certificate))


def registered_with_certificate(
    peers: Peers, directory: Path, *, method: Method, constraint: Constraint
) -> Registered:
    """Return a client that has a certificate, to authenticate with, to bind tokens to, or for both."""
    issuer = peers.authority.issuer if method == "tls_client_auth" else None
    shown = create_client_certificate(directory, "moneyview", issuer=issuer)
    with_key = registered_with_key(peers)
    metadata = {
        "private_key_jwt": with_key.metadata,
        "tls_client_auth": {"tls_client_auth_subject_dn": shown.subject},
        "self_signed_tls_client_auth": {"jwks": {"keys": [shown.jwk]}},
    }[method]
    configuration = with_key.configuration
    if method != "private_key_jwt":
        configuration = replace(configuration, authentication=ClientCertificate())
    if constraint == "certificate":
        configuration = replace(configuration, sender_constraint=CertificateBound())
    return Registered(
        {**metadata, "token_endpoint_auth_method": method},
        configuration,
        tls_context(authorities=peers.authority.certificate, certificate=shown.file),
    )


def start_provider(peers: Peers, registered: Registered, **changes: Any) -> str:
    """Start oidc-provider, which knows our client, and return its issuer."""
    binds = isinstance(registered.configuration.sender_constraint, CertificateBound)
    config = provider_config_with_certificates(peers.authority, registered.metadata, binds=binds, **changes)
    issuer: str = peers.serve("provider.mjs", config)["issuer"]
    return issuer


def start_api(peers: Peers, issuer: str, *, constraint: Constraint = "DPoP") -> str:
    """Start an API behind a guard of somebody else, and return the address of a resource."""
    guard = {
        "issuer": issuer,
        "audience": AUDIENCE,
        "jwks_uri": f"{issuer}/jwks",
        "guard": constraint.lower(),
    }
    return f"{peers.serve('guard_server.mjs', {**guard, 'client_certificates': {}})['origin']}/accounts"


def client_of(configuration: ClientConfiguration, http: httpx2.Client) -> Client:
    """Return our client with the machine's clock."""
    return Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())


def callback_query(peers: Peers, started: StartedAuthorization) -> str:
    """Log in and consent at the peer, and return the query of the callback."""
    with peers.authority.browser() as browser:
        return urlsplit(sign_in(browser, started.url)).query


def complete(peers: Peers, client: Client, http: httpx2.Client, resource: str) -> None:
    """Go through the whole flow, to the refusals after the revocation."""
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


@pytest.mark.parametrize(
    ("algorithm", "dpop"), [("ES256", NONCES), ("PS256", {}), ("EdDSA", {"nonce_secret": NONCE_SECRET})]
)
def test_our_synchronous_client_completes_the_flow(
    peers: Peers, algorithm: str, dpop: dict[str, Any]
) -> None:
    """Discovery, pushed request, callback, tokens, API call, refresh and revocation, with and without nonces."""
    registered = registered_with_key(peers, algorithm)
    issuer = start_provider(peers, registered, dpop=dpop)
    resource = start_api(peers, issuer)
    with httpx2.Client(verify=registered.tls) as http:
        complete(peers, client_of(registered.at(issuer), http), http, resource)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256"])
def test_our_client_signs_its_requests(peers: Peers, algorithm: str) -> None:
    """As our client writes request objects, a server of others reads them; one that demands them takes nothing else."""
    registered = registered_with_key(peers, algorithm)
    authentication = registered.configuration.authentication
    assert isinstance(authentication, PrivateKeyJwt)
    signing = replace(registered.configuration, request_keys=authentication.keys)
    issuer = start_provider(peers, registered, dpop=NONCES, require_signed_requests=True)
    resource = start_api(peers, issuer)
    with httpx2.Client(verify=registered.tls) as http:
        with pytest.raises(ServerRefusedError, match="invalid_request"):
            client_of(registered.at(issuer), http).begin()
        complete(peers, client_of(replace(signing, issuer=issuer), http), http, resource)


def test_our_asynchronous_client_completes_the_flow(peers: Peers) -> None:
    """The same conversation over the asynchronous driver."""
    registered = registered_with_key(peers)
    issuer = start_provider(peers, registered, dpop=NONCES)
    resource = start_api(peers, issuer)

    async def run() -> list[int]:
        async with httpx2.AsyncClient(verify=registered.tls) as http:
            client = AsyncClient(registered.at(issuer), http, clock=SystemClock(), entropy=SystemEntropy())
            started = await client.begin()
            query = await asyncio.to_thread(callback_query, peers, started)
            await client.finish(started.pending, query, name="alice")
            calls = [await http.get(resource, auth=await client.auth("alice")) for _ in range(2)]
            await client.revoke("alice")
            return [call.status_code for call in calls]

    assert asyncio.run(run()) == [200, 200]


@pytest.mark.parametrize(
    ("method", "constraint"),
    [
        ("private_key_jwt", "certificate"),
        ("tls_client_auth", "DPoP"),
        ("tls_client_auth", "certificate"),
        ("self_signed_tls_client_auth", "DPoP"),
        ("self_signed_tls_client_auth", "certificate"),
    ],
)
def test_our_client_completes_the_flow_with_a_certificate(
    peers: Peers, tmp_path: Path, method: Method, constraint: Constraint
) -> None:
    """The same conversation where the certificate authenticates, binds the tokens, or does both."""
    registered = registered_with_certificate(peers, tmp_path, method=method, constraint=constraint)
    issuer = start_provider(peers, registered, dpop=NONCES)
    resource = start_api(peers, issuer, constraint=constraint)
    with httpx2.Client(verify=registered.tls) as http:
        complete(peers, client_of(registered.at(issuer), http), http, resource)


@pytest.mark.parametrize("constraint", ["DPoP", "certificate"])
def test_our_client_asks_for_userinfo_where_certificates_are_seen(
    peers: Peers, tmp_path: Path, constraint: Constraint
) -> None:
    """The token opens it with what it is bound to; a connection without the certificate, or a proof, does not."""
    registered = registered_with_certificate(peers, tmp_path, method="tls_client_auth", constraint=constraint)
    # A token for the API has an audience, and oidc-provider's userinfo takes none that has one.
    issuer = start_provider(peers, registered, use_granted_resource=False)
    with httpx2.Client(verify=registered.tls) as http:
        client = client_of(registered.at(issuer), http)
        started = client.begin()
        tokens = client.finish(started.pending, callback_query(peers, started), name="alice")
        assert client.userinfo("alice").subject == "u-1"
    with peers.authority.browser() as thief:
        metadata = thief.get(f"{issuer}/.well-known/openid-configuration").json()
        url = metadata["mtls_endpoint_aliases"]["userinfo_endpoint"]
        stolen = {"authorization": f"Bearer {tokens.access_token}"}
        assert thief.get(url, headers=stolen).json()["error"] == "invalid_token"


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_the_peer_refuses_our_client_with_another_certificate(
    peers: Peers, tmp_path: Path, method: Method
) -> None:
    """So it was the certificate that authenticated it in the other tests."""
    registered = registered_with_certificate(peers, tmp_path, method=method, constraint="certificate")
    issuer = start_provider(peers, registered)
    other = create_client_certificate(tmp_path, "somebody-else", issuer=peers.authority.issuer)
    stranger = tls_context(authorities=peers.authority.certificate, certificate=other.file)
    with (
        httpx2.Client(verify=stranger) as http,
        pytest.raises(ServerRefusedError, match="invalid_client"),
    ):
        client_of(registered.at(issuer), http).begin()
