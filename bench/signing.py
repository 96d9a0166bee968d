"""Requests, signed before the clock starts: one form for both sides, so that the same octets would do for either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.identities import REDIRECT_URI, SCOPE
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.oauth import FORM_CONTENT_TYPE, encode_form
from trustweft.protocol.pkce import create_challenge, create_verifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.identities import Client, Identities
    from trustweft.crypto.keys import LocalSigner
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["LOGIN_NONCE", "Endpoints", "Workshop", "http_request", "tampered"]

LOGIN_NONCE: Final = "n-0S6_WzA2MjkT1Zb8xYcQ"
_ASSERTION_LIFETIME: Final = 60


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where one side is reached, as its metadata says."""

    issuer: str
    port: int
    par: str
    token: str
    discovery: str


def http_request(
    method: str, path: str, *, port: int, headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """Return the octets of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{port}", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += [f"Content-Type: {FORM_CONTENT_TYPE}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def tampered(token: str) -> str:
    """Return a signed token with one character of its signature changed."""
    at = token.rindex(".") + 10
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


class Workshop:
    """Signs for everybody."""

    def __init__(self, identities: Identities, *, clock: Clock, entropy: Entropy) -> None:
        self.identities = identities
        self._clock = clock
        self._entropy = entropy

    def client(self, number: int) -> Client:
        """Return the client whose turn it is."""
        return self.identities.clients[number % len(self.identities.clients)]

    def holder(self, number: int) -> LocalSigner:
        """Return the DPoP key whose turn it is."""
        return self.identities.holders[number % len(self.identities.holders)]

    def thumbprint(self, number: int) -> str:
        """Return that key's thumbprint."""
        return self.identities.thumbprints[number % len(self.identities.thumbprints)]

    def assertion(self, at: Endpoints, client: Client, *, signer: LocalSigner | None = None) -> str:
        """Return an assertion of the client for one request."""
        return create_client_assertion(
            signer or client.signer,
            client_id=client.client_id,
            issuer=at.issuer,
            now=self._clock.now(),
            lifetime=_ASSERTION_LIFETIME,
            jti=self._entropy.token(),
        )

    def proof(
        self,
        url: str,
        holder: LocalSigner,
        *,
        nonce: str | None,
        method: str = "POST",
        access_token: str | None = None,
    ) -> str:
        """Return a proof for one request."""
        return create_proof(
            holder,
            method=method,
            url=url,
            now=self._clock.now(),
            jti=self._entropy.token(),
            access_token=access_token,
            nonce=nonce,
        )

    def verifiers(self, count: int) -> list[str]:
        """Return PKCE verifiers."""
        return [create_verifier(self._entropy) for _ in range(count)]

    def authenticated(self, at: Endpoints, client: Client, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return a form with the client's authentication in it."""
        return {
            "client_id": client.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(at, client),
            **parameters,
        }

    def pushed(self, at: Endpoints, number: int, *, nonce: str | None, proven: bool) -> bytes:
        """Return a pushed authorization request; with a proof where the code shall be bound to a key."""
        form = self.authenticated(at, self.client(number), self.authorization_parameters())
        proof = self.proof(at.issuer + at.par, self.holder(number), nonce=nonce) if proven else None
        return self.posted(at.par, at, form, proof)

    def authorization_parameters(self) -> dict[str, str]:
        """Return what a client asks for."""
        return {
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "state": self._entropy.token(),
            "nonce": LOGIN_NONCE,
            "code_challenge": create_challenge(create_verifier(self._entropy)),
            "code_challenge_method": "S256",
        }

    def client_credentials(self, at: Endpoints, number: int, *, nonce: str | None) -> bytes:
        """Return a token request of a client for itself."""
        form = self.authenticated(
            at, self.client(number), {"grant_type": "client_credentials", "scope": "accounts"}
        )
        proof = self.proof(at.issuer + at.token, self.holder(number), nonce=nonce)
        return self.posted(at.token, at, form, proof)

    def code_exchange(
        self, at: Endpoints, number: int, *, code: str, verifier: str, nonce: str | None
    ) -> bytes:
        """Return a token request with a code."""
        form = self.authenticated(
            at,
            self.client(number),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": verifier,
            },
        )
        proof = self.proof(at.issuer + at.token, self.holder(number), nonce=nonce)
        return self.posted(at.token, at, form, proof)

    def posted(self, path: str, at: Endpoints, form: Mapping[str, str], proof: str | None) -> bytes:
        """Return a form as a request."""
        headers = {} if proof is None else {"DPoP": proof}
        return http_request("POST", path, port=at.port, headers=headers, body=encode_form(form))
