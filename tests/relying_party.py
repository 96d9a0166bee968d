"""A small client application for tests: pushes requests, catches callbacks, redeems codes. Its keys are its own."""

from __future__ import annotations

import http.server
import json
import secrets
import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import httpx2

from ecosystem import run_trustweft
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.par import create_authorization_url
from trustweft.protocol.pkce import create_challenge, create_verifier
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecosystem import Ecosystem

__all__ = ["CallbackCatcher", "RelyingParty", "catching_callbacks"]

CALLBACK_SECONDS = 15.0


class CallbackCatcher:
    """Listens where the browser is sent back to, and keeps the parameters that it brings."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._arrived = threading.Condition()
        self._callbacks: list[dict[str, str]] = []

    def add(self, query: str) -> None:
        """Keep one callback."""
        with self._arrived:
            self._callbacks.append(dict(parse_qsl(query, keep_blank_values=True)))
            self._arrived.notify_all()

    def next(self) -> dict[str, str]:
        """Wait for a callback and return its parameters."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self._callbacks, CALLBACK_SECONDS), "no callback came"
            return self._callbacks.pop(0)


@contextmanager
def catching_callbacks(ecosystem: Ecosystem, *, host: str = "localhost") -> Iterator[CallbackCatcher]:
    """Serve a callback address over TLS with the ecosystem's certificate, on a port of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                catcher.add(parts.query)
            body = b"<!doctype html><html lang=en><link rel=icon href=data:,><title>Back</title><h1 id=back>Back at the client</h1></html>"
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((host, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls = ecosystem.data / "tls"
    context.load_cert_chain(tls / "certificate.pem", tls / "private-key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    catcher = CallbackCatcher(f"https://{host}:{server.server_port}/callback")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield catcher
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class RelyingParty:
    """A client that registers itself with the command line, as an operator would."""

    def __init__(self, ecosystem: Ecosystem, *, redirect_uri: str, name: str = "Budget Owl") -> None:
        self.ecosystem = ecosystem
        self.client_id = f"test-{secrets.token_hex(6)}"
        self.redirect_uri = redirect_uri
        self._signer = LocalSigner("ES256", generate_private_key("ES256"), "test")
        self._proof_signer = LocalSigner("ES256", generate_private_key("ES256"))
        self._nonce: str | None = None
        self._entropy = SystemEntropy()
        metadata = {
            "client_id": self.client_id,
            "client_name": name,
            "organization_name": "Owl Software Ltd",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile accounts",
            "authorization_details_types": ["payment_initiation", "account_information"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{**public_jwk(self._signer.public_key), "kid": "test", "alg": "ES256"}]},
        }
        added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=json.dumps(metadata))
        assert added.returncode == 0, added.stderr

    def begin(self, **extra: str) -> tuple[str, str]:
        """Push a request; return where to send the browser, and the code verifier."""
        verifier = create_verifier(self._entropy)
        pushed = self._post(
            "/par",
            {
                "response_type": "code",
                "redirect_uri": self.redirect_uri,
                "scope": "openid profile accounts",
                "state": secrets.token_urlsafe(16),
                "code_challenge": create_challenge(verifier),
                "code_challenge_method": "S256",
                **extra,
            },
        )
        assert pushed.status_code == 201, pushed.text
        url = create_authorization_url(
            f"{self.ecosystem.issuer}/authorize",
            client_id=self.client_id,
            request_uri=pushed.json()["request_uri"],
        )
        return url, verifier

    def redeem(self, code: str, verifier: str) -> httpx2.Response:
        """Redeem a code."""
        return self._post(
            "/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": self.redirect_uri,
            },
        )

    def _post(self, path: str, form: dict[str, str]) -> httpx2.Response:
        """Post with a fresh assertion and proof; once more where the server gives a nonce."""
        response = self._post_once(path, form)
        if response.headers.get("trustweft-reason", "").startswith("dpop.nonce"):
            response = self._post_once(path, form)
        return response

    def _post_once(self, path: str, form: dict[str, str]) -> httpx2.Response:
        now = time.time()
        url = self.ecosystem.issuer + path
        assertion = create_client_assertion(
            self._signer,
            client_id=self.client_id,
            issuer=self.ecosystem.issuer,
            now=now,
            lifetime=60,
            jti=self._entropy.token(),
        )
        proof = create_proof(
            self._proof_signer,
            method="POST",
            url=url,
            now=now,
            jti=self._entropy.token(),
            nonce=self._nonce,
        )
        authenticated = {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        response = httpx2.post(url, data=authenticated, headers={"dpop": proof}, verify=self.ecosystem.trust)
        self._nonce = response.headers.get("dpop-nonce", self._nonce)
        return response
