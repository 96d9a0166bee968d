"""The victims: our own server and bank with one check out, and a client application that uses our client library."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import httpx2

from ecosystem import run_trustweft
from trustweft.client import Client, ClientConfiguration, Dpop, PrivateKeyJwt, PublishedKeys, tls_context
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecosystem import Ecosystem
    from trustweft.client import StartedAuthorization

__all__ = ["CALLBACK", "Application", "register", "register_key"]

CALLBACK = "https://client.example/callback"
SCOPE = ("accounts",)


class Application:
    """A client application: one registered client, whose sessions have names.

    ``issuer`` may be another server's; ``key`` is what its tokens are bound to, a new one for each server by default.
    """

    def __init__(
        self,
        ecosystem: Ecosystem,
        client_id: str,
        signer: LocalSigner,
        *,
        issuer: str | None = None,
        key: LocalSigner | None = None,
    ) -> None:
        self.ecosystem = ecosystem
        self.client_id = client_id
        self.signer = signer
        self.reasons: list[str] = []
        self.bank_log: list[httpx2.Request] = []
        context = tls_context(authorities=ecosystem.authority)
        self._http = httpx2.Client(verify=context, event_hooks={"response": [self._keep]})
        self.key = key or LocalSigner("ES256", generate_private_key("ES256"))
        configuration = ClientConfiguration(
            issuer=issuer or ecosystem.issuer,
            client_id=client_id,
            authentication=PrivateKeyJwt(PublishedKeys(signer)),
            sender_constraint=Dpop(self.key),
            redirect_uri=CALLBACK,
            scope=SCOPE,
        )
        self.client = Client(configuration, self._http, clock=SystemClock(), entropy=SystemEntropy())

    def _keep(self, response: httpx2.Response) -> None:
        """Keep why requests were refused, and, as a proxy's log would, the requests that the bank has answered."""
        if "trustweft-reason" in response.headers:
            self.reasons.append(response.headers["trustweft-reason"])
        elif str(response.request.url).startswith(self.ecosystem.bank):
            self.bank_log.append(response.request)

    def start(self) -> StartedAuthorization:
        """Begin a flow in the session of whoever asks."""
        return self.client.begin()

    def finish(self, started: StartedAuthorization, query: str, *, session: str) -> None:
        """Take what arrived at the callback address, into a session."""
        self.client.finish(started.pending, query, name=session)

    def accounts(self, *, session: str, at: str | None = None) -> Any:
        """Show the accounts in a session; ``at`` is another resource server's origin."""
        answer = self.client.call("GET", f"{at or self.ecosystem.bank}/accounts", name=session)
        return json.loads(answer.body)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


def register(ecosystem: Ecosystem) -> tuple[str, LocalSigner]:
    """Register the victims' client as an operator would; return its id and its key."""
    signer = LocalSigner("ES256", generate_private_key("ES256"), "test")
    return register_key(
        ecosystem, {**public_jwk(signer.public_key), "alg": "ES256"}, redirect_uri=CALLBACK
    ), signer


def register_key(ecosystem: Ecosystem, key: Mapping[str, object], *, redirect_uri: str) -> str:
    """Register a client with a public key; return its id."""
    client_id = f"test-{secrets.token_hex(6)}"
    metadata = {
        "client_id": client_id,
        "client_name": "Budget Owl",
        "organization_name": "Owl Software Ltd",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": " ".join(SCOPE),
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**key, "kid": "test"}]},
    }
    added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=json.dumps(metadata))
    assert added.returncode == 0, added.stderr
    return client_id
