"""A FAPI 2.0 client: begin, finish, call; synchronous and asynchronous over one core.

    configuration = ClientConfiguration(
        issuer="https://as.example",
        client_id="my-client",
        authentication=PrivateKeyJwt(PublishedKeys(LocalSigner("ES256", key, "key-1"))),
        sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
        redirect_uri="https://client.example/callback",
        scope=("openid", "accounts"),
    )
    with httpx2.Client(verify=tls_context()) as http:
        client = Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())
        started = client.begin()                                # in a POST that the user made, protected against CSRF
        ...                                                     # redirect to started.url, keep started.pending in the session
        client.finish(pending, query_of_the_callback, name="alice")
        accounts = http.get("https://bank.example/accounts", auth=client.auth("alice"))

With mutual TLS it is ``authentication=ClientCertificate()``, ``sender_constraint=CertificateBound()`` or both, and
``verify=tls_context(certificate=..., private_key=...)``.

Where the authorization server is, and everything else that matters, comes from the configuration and the metadata of
that issuer; nothing is ever taken from a response that was not verified.
"""

from __future__ import annotations

from trustweft.client.auth import SenderConstrained
from trustweft.client.configuration import (
    CertificateBound,
    ClientCertificate,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
)
from trustweft.client.drivers import AsyncClient, Client
from trustweft.client.errors import AuthorizationDeniedError, ServerRefusedError
from trustweft.client.federation import FederationMembership, create_client_statement
from trustweft.client.pending import PendingAuthorization, StartedAuthorization
from trustweft.client.publishing import PublishedKeys, SigningKeys, publish
from trustweft.client.several import Clients
from trustweft.client.tls import tls_context
from trustweft.client.tokens import MemoryTokenStore, TokenSet, TokenStore

__all__ = [
    "AsyncClient",
    "AuthorizationDeniedError",
    "CertificateBound",
    "Client",
    "ClientCertificate",
    "ClientConfiguration",
    "Clients",
    "Dpop",
    "FederationMembership",
    "MemoryTokenStore",
    "PendingAuthorization",
    "PrivateKeyJwt",
    "PublishedKeys",
    "SenderConstrained",
    "ServerRefusedError",
    "SigningKeys",
    "StartedAuthorization",
    "TokenSet",
    "TokenStore",
    "create_client_statement",
    "publish",
    "tls_context",
]
