"""A FAPI 2.0 client: begin, finish, call; synchronous and asynchronous over one core.

    configuration = ClientConfiguration(
        issuer="https://as.example",
        client_id="my-client",
        signer=LocalSigner("ES256", key, "key-1"),
        proof_signer=LocalSigner("ES256", generate_private_key("ES256")),
        redirect_uri="https://client.example/callback",
        scope=("openid", "accounts"),
    )
    with httpx2.Client() as http:
        client = Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())
        started = client.begin()                                # in a POST that the user made, protected against CSRF
        ...                                                     # redirect to started.url, keep started.pending in the session
        client.finish(pending, query_of_the_callback, name="alice")
        accounts = http.get("https://bank.example/accounts", auth=client.auth("alice"))

Where the authorization server is, and everything else that matters, comes from the configuration and the metadata of
that issuer; nothing is ever taken from a response that was not verified.
"""

from __future__ import annotations

from trustweft.client.auth import SenderConstrained
from trustweft.client.configuration import ClientConfiguration
from trustweft.client.core import PendingAuthorization, StartedAuthorization
from trustweft.client.drivers import AsyncClient, Client
from trustweft.client.errors import AuthorizationDeniedError, ServerRefusedError
from trustweft.client.tokens import MemoryTokenStore, TokenSet, TokenStore

__all__ = [
    "AsyncClient",
    "AuthorizationDeniedError",
    "Client",
    "ClientConfiguration",
    "MemoryTokenStore",
    "PendingAuthorization",
    "SenderConstrained",
    "ServerRefusedError",
    "StartedAuthorization",
    "TokenSet",
    "TokenStore",
]
