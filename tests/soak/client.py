"""The client application of the races: it signs requests in advance, each with identifiers that a race may share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from soak.connections import Request
from trustweft.cli.assembly.parts import read_key
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.pkce import create_challenge, create_verifier
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from soak.connections import Answer
    from trustweft.cli.data_directory import DataDirectory, Ports

__all__ = ["Bank", "Client"]

SCOPE: Final = "openid profile accounts"


@dataclass
class _Signer:
    """Whoever authenticates at the server with assertions."""

    client_id: str
    issuer: str
    key: LocalSigner

    def assertion(self, jti: str | None = None) -> str:
        """Return a client assertion that nobody has used yet."""
        return create_client_assertion(
            self.key,
            client_id=self.client_id,
            issuer=self.issuer,
            now=time.time(),
            lifetime=60,
            jti=jti or SystemEntropy().token(),
        )

    def form(self, assertion: str | None, **parameters: str) -> dict[str, str]:
        """Return a form that is signed for."""
        return {
            **parameters,
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }


class Bank(_Signer):
    """The resource server's identity, which may introspect."""

    def __init__(self, directory: DataDirectory) -> None:
        ports = directory.ports
        super().__init__("bank", ports.url(ports.server), read_key(directory.path / "client-keys/bank.json"))

    def introspect(self, token: str) -> Request:
        """Ask whether a token is still good."""
        return Request("POST", "/introspect", form=self.form(None, token=token))


class Client(_Signer):
    """A client that may do everything, so that one assertion fits at every endpoint."""

    def __init__(self, ports: Ports) -> None:
        key = LocalSigner("ES256", generate_private_key("ES256"), "soak")
        super().__init__("soak", ports.url(ports.server), key)
        self.bank = ports.url(ports.resource)
        self.redirect_uri = f"{ports.url(ports.client)}/soak"
        self.verifier = create_verifier(SystemEntropy())
        self._holder = LocalSigner("ES256", generate_private_key("ES256"))
        self._nonces: dict[str, str] = {}

    @property
    def metadata(self) -> dict[str, Any]:
        """What is registered."""
        public = public_jwk(self.key.public_key)
        return {
            "client_id": self.client_id,
            "client_name": "Soak",
            "organization_name": "Soak Ltd",
            "redirect_uris": [self.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": SCOPE,
            "resource_server_for": [self.bank],
            "token_endpoint_auth_method": "private_key_jwt",
            "dpop_bound_access_tokens": True,
            "jwks": {"keys": [{**public, "kid": "soak", "alg": "ES256", "use": "sig"}]},
        }

    def learn_nonce(self, base: str, answer: Answer) -> None:
        """Remember the nonce that an answer brings."""
        nonce = answer.header("dpop-nonce")
        if nonce:
            self._nonces[base] = nonce

    def proof(self, method: str, url: str, *, base: str, access_token: str | None = None) -> str:
        """Return a proof of possession that nobody has used yet."""
        return create_proof(
            self._holder,
            method=method,
            url=url,
            now=time.time(),
            jti=SystemEntropy().token(),
            nonce=self._nonces.get(base),
            access_token=access_token,
        )

    def post(
        self, path: str, *, assertion: str | None = None, proof: str | None = None, **parameters: str
    ) -> Request:
        """Return a signed form with a proof."""
        proof = proof or self.proof("POST", self.issuer + path, base=self.issuer)
        return Request("POST", path, (("dpop", proof),), self.form(assertion, **parameters))

    def push(self, *, assertion: str | None = None) -> Request:
        """Push an authorization request."""
        return self.post(
            "/par",
            assertion=assertion,
            response_type="code",
            redirect_uri=self.redirect_uri,
            scope=SCOPE,
            state=SystemEntropy().token(),
            code_challenge=create_challenge(self.verifier),
            code_challenge_method="S256",
        )

    def redeem(self, code: str) -> Request:
        """Redeem a code."""
        return self.post(
            "/token",
            grant_type="authorization_code",
            code=code,
            code_verifier=self.verifier,
            redirect_uri=self.redirect_uri,
        )

    def refresh(self, refresh_token: str) -> Request:
        """Refresh an access token."""
        return self.post("/token", grant_type="refresh_token", refresh_token=refresh_token)

    def credentials(self, *, assertion: str | None = None, proof: str | None = None) -> Request:
        """Ask for a token for the client itself."""
        return self.post(
            "/token", assertion=assertion, proof=proof, grant_type="client_credentials", scope="accounts"
        )

    def revoke(self, token: str) -> Request:
        """Revoke a token."""
        return Request("POST", "/revoke", form=self.form(None, token=token))

    def accounts(self, access_token: str) -> Request:
        """Look at the accounts at the bank."""
        proof = self.proof("GET", f"{self.bank}/accounts", base=self.bank, access_token=access_token)
        return Request("GET", "/accounts", (("authorization", f"DPoP {access_token}"), ("dpop", proof)))
