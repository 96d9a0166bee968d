"""Our client and our servers, in every way to authenticate and to bind tokens, over real TLS."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ecosystem import run_trustweft
from trustweft.client import (
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
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.crypto.local_authority import create_self_signed
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import write_private_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

CALLBACK = "https://client.example/callback"
SCOPE = ("openid", "accounts")
ASSERTED, CERTIFIED = "private_key_jwt", "self_signed_tls_client_auth"


class Party:
    """A client that an operator registered, and its files."""

    def __init__(
        self, ecosystem: Ecosystem, directory: Path, *, authentication: str, certificate_bound: bool
    ) -> None:
        self.ecosystem = ecosystem
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = directory / "client.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        shown = create_self_signed(key, common_name="client", now=time.time())
        write_private_file(self.certificate, pem + shown.public_bytes(Encoding.PEM))
        signer = LocalSigner("ES256", generate_private_key("ES256"), "test")
        self.uses_certificate = certificate_bound or authentication == CERTIFIED
        asserts = authentication == ASSERTED
        registered = signer.public_key if asserts else key.public_key()
        self.configuration = ClientConfiguration(
            issuer=ecosystem.issuer,
            client_id=f"test-{secrets.token_hex(6)}",
            authentication=PrivateKeyJwt(PublishedKeys(signer)) if asserts else ClientCertificate(),
            sender_constraint=(
                CertificateBound()
                if certificate_bound
                else Dpop(LocalSigner("ES256", generate_private_key("ES256")))
            ),
            redirect_uri=CALLBACK,
            scope=SCOPE,
        )
        metadata = {
            "client_id": self.configuration.client_id,
            "client_name": "Budget Owl",
            "organization_name": "Owl Software Ltd",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": " ".join(SCOPE),
            "token_endpoint_auth_method": authentication,
            "tls_client_certificate_bound_access_tokens": certificate_bound,
            "jwks": {"keys": [{**public_jwk(registered), "kid": "test", "alg": "ES256"}]},
        }
        added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=json.dumps(metadata))
        assert added.returncode == 0, added.stderr

    def http(self) -> httpx2.Client:
        """Return a network that trusts the ecosystem, and shows the certificate where it is of use."""
        certificate = self.certificate if self.uses_certificate else None
        return httpx2.Client(
            verify=tls_context(authorities=self.ecosystem.authority, certificate=certificate)
        )


@pytest.fixture(
    params=[(method, bound) for method in (ASSERTED, CERTIFIED) for bound in (False, True)],
    ids=lambda param: f"{param[0]} and {'mTLS' if param[1] else 'DPoP'}",
)
def party(request: pytest.FixtureRequest, ecosystem: Ecosystem, tmp_path: Path) -> Iterator[Party]:
    method, bound = request.param
    party = Party(ecosystem, tmp_path, authentication=method, certificate_bound=bound)
    yield party
    run_trustweft("clients", "remove", party.configuration.client_id, "--data", str(ecosystem.data))


def agree(ecosystem: Ecosystem, url: str) -> str:
    """Log in and agree with a browser that has no certificate; return the query of the callback."""
    username, password = next(iter(ecosystem.passwords.items()))
    filled = {"login": {"username": username, "password": password}, "decision": {"decision": "approve"}}
    with httpx2.Client(verify=ecosystem.trust) as browser:
        answer = browser.get(url, follow_redirects=False)
        for _ in range(10):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                if url.startswith(CALLBACK):
                    return urlsplit(url).query
                answer = browser.get(url, follow_redirects=False)
                continue
            action = re.search(r'action="([^"]+/(login|decision))"', answer.text)
            csrf = re.search(r'name="csrf" value="([^"]+)"', answer.text)
            assert action is not None, answer.headers.get("trustweft-reason")
            assert csrf is not None
            url = urljoin(url, action[1])
            answer = browser.post(
                url, data={"csrf": csrf[1], **filled[action[2]]}, headers={"sec-fetch-site": "same-origin"}
            )
    raise AssertionError(f"the browser never came back: {answer.status_code} {answer.text[:300]}")


def test_the_whole_life_of_an_authorization(party: Party) -> None:
    """Pushed request, consent, tokens, userinfo, the API, refresh, revocation."""
    with party.http() as http:
        client = Client(party.configuration, http, clock=SystemClock(), entropy=SystemEntropy())
        started = client.begin()
        first = client.finish(started.pending, agree(party.ecosystem, started.url), name="alice")
        assert client.userinfo("alice").subject == first.subject
        accounts = f"{party.ecosystem.bank}/accounts"
        assert http.get(accounts, auth=client.auth("alice")).status_code == 200
        client.store.save("alice", client._drive(client.core.refresh(first)))
        assert client.tokens("alice").access_token != first.access_token
        assert client.call("GET", accounts, name="alice").status == 200
        second = client.tokens("alice")
        client.revoke("alice")
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            client._drive(client.core.refresh(second))
