"""Independent Node peers as processes: oidc-provider, openid-client, oauth4webapi and guards."""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import re
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, OKPKey, RSAKey

from client_certificates import Issuer
from tools import NODE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from ecosystem import Ecosystem

HERE = NODE_FOLDER
AUDIENCE = "https://bank.example/accounts"
REDIRECT_URI = "https://client.example/callback"
Key = ECKey | RSAKey | OKPKey
NONCE_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and where the localhost certificate is that it issued."""

    issuer: Issuer
    server_certificate: Path
    server_private_key: Path

    @property
    def certificate(self) -> Path:
        """What others trust."""
        return self.issuer.certificate

    @property
    def tls(self) -> dict[str, str]:
        """What a Node server's configuration needs to serve localhost."""
        return {"key": str(self.server_private_key), "cert": str(self.server_certificate)}

    @property
    def environment(self) -> dict[str, str]:
        """What makes a Node client trust this authority."""
        return {**os.environ, "NODE_EXTRA_CA_CERTS": str(self.certificate)}

    def browser(self) -> httpx2.Client:
        """A user agent that trusts this authority and keeps cookies."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        return httpx2.Client(verify=context, follow_redirects=False)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, *, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )


def create_authority(directory: Path) -> Authority:
    """Make an authority and a certificate for localhost in ``directory``."""
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("ca.test", ca_key, issuer="ca.test", issuer_key=ca_key)
    server = _certificate("localhost", server_key, issuer="ca.test", issuer_key=ca_key)
    for name, certificate, key in (("ca", ca, ca_key), ("server", server, server_key)):
        (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (directory / f"{name}.key").write_bytes(secret)
    issuer = Issuer(directory / "ca.pem", directory / "ca.key")
    return Authority(issuer, directory / "server.pem", directory / "server.key")


def authority_of(ecosystem: Ecosystem) -> Authority:
    """Return the authority that an ecosystem of ours made for itself."""
    ca, tls = ecosystem.data / "ca", ecosystem.data / "tls"
    issuer = Issuer(ca / "certificate.pem", ca / "private-key.pem")
    return Authority(issuer, tls / "certificate.pem", tls / "private-key.pem")


class Peers:
    """Starts the Node scripts of one test and stops them with it."""

    def __init__(self, node: str, authority: Authority, directory: Path) -> None:
        self._node = node
        self._directory = directory
        self._running: list[subprocess.Popen[str]] = []
        self.authority = authority

    def run(self, script: str, config: dict[str, Any]) -> subprocess.Popen[str]:
        """Starts a script with its configuration in a file."""
        path = self._directory / f"{len(self._running)}-{script}.json"
        path.write_text(json.dumps(config))
        process = subprocess.Popen(
            [self._node, HERE / script, path],
            env=self.authority.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def serve(self, script: str, config: dict[str, Any]) -> dict[str, Any]:
        """Starts a server on a free port and returns its `ready` line."""
        return next_line(self.run(script, {"tls": self.authority.tls, "stop_with_stdin": True, **config}))

    def stop(self) -> None:
        """Ends every script that still runs."""
        for process in self._running:
            process.terminate()
            process.communicate(timeout=20)


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def provider_config(public_jwk: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "clients": [
            {"client_id": "moneyview", "redirect_uris": [REDIRECT_URI], "jwks": {"keys": [public_jwk]}},
        ],
        "accounts": [{"username": "alice", "password": "wonderland", "sub": "u-1", "claims": {}}],
        "resource": {"identifier": AUDIENCE, "scope": "accounts"},
        **changes,
    }


def provider_config_with_certificates(
    authority: Authority, metadata: dict[str, Any], *, binds: bool, **changes: Any
) -> dict[str, Any]:
    """oidc-provider's configuration with mutual TLS, for one client with this metadata.

    Its tokens are bound to its certificate or, if told not to be, to the key of its proofs.
    """
    binding = {"dpop_bound_access_tokens": not binds, "tls_client_certificate_bound_access_tokens": binds}
    client = {"client_id": "moneyview", "redirect_uris": [REDIRECT_URI], **binding, **metadata}
    asking = {"authority": str(authority.certificate)}
    return provider_config({}, clients=[client], client_certificates=asking, **changes)


def client_key(algorithm: str = "ES256") -> Key:
    match algorithm:
        case "ES256":
            return ECKey.generate_key("P-256", auto_kid=True)
        case "PS256":
            return RSAKey.generate_key(2048, auto_kid=True)
        case _:
            return OKPKey.generate_key("Ed25519", auto_kid=True)


def jwk_of(key: Key, algorithm: str, *, private: bool) -> dict[str, Any]:
    return {**key.as_dict(private=private), "alg": algorithm, "use": "sig"}


def sign_in(
    browser: httpx2.Client, address: str, *, password: str = "wonderland", decision: str = "approve"
) -> str:
    """Walks login and consent as a form client, at a peer or at our server, and returns the callback URL."""
    response = browser.get(address)
    while not (target := response.headers.get("location", "")).startswith(REDIRECT_URI):
        if target:
            response = browser.get(response.url.join(target))
        elif 'id="login"' in response.text:
            response = send_form(browser, response, username="alice", password=password)
        else:
            assert re.search(f'id="{decision}"', response.text), response.text
            response = send_form(browser, response, decision=decision)
    return str(target)


def send_form(browser: httpx2.Client, page: httpx2.Response, **fields: str) -> httpx2.Response:
    """Sends the first form of a page, with what is hidden in it."""
    form = page.text.partition("<form")[2].partition("</form>")[0]
    action = re.search(r'^[^>]*action="([^"]*)"', form)
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    address = page.url if action is None else page.url.join(html.unescape(action[1]))
    return browser.post(address, data={**dict(hidden), **fields})


def run_client(
    peers: Peers, *, password: str = "wonderland", decision: str = "approve", **config: Any
) -> list[dict[str, Any]]:
    """Runs client.mjs, and a person with a browser where it asks for one; returns the steps that it reports."""
    client = peers.run("client.mjs", {"redirect_uri": REDIRECT_URI, **config})
    steps = []
    while "authorization_url" not in (line := next_line(client)):
        steps.append(line)
        if not line["ok"]:
            return steps
    with peers.authority.browser() as browser:
        callback = sign_in(browser, line["authorization_url"], password=password, decision=decision)
    out, _ = client.communicate(f"{callback}\n", timeout=60)
    steps += [json.loads(text) for text in out.splitlines()]
    assert client.returncode == (0 if all(step["ok"] for step in steps) else 1)
    return steps


def flow(
    peers: Peers, key: Any, issuer: str, *, algorithm: str = "ES256", **changes: Any
) -> list[dict[str, Any]]:
    """Runs client.mjs as the one client of `provider_config`; without a key it needs a certificate."""
    config = {"issuer": issuer, "client_id": "moneyview", "scope": "openid accounts", "userinfo": False}
    credentials = {} if key is None else {"private_jwk": jwk_of(key, algorithm, private=True)}
    return run_client(peers, **{**config, **credentials, **changes})
