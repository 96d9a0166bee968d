"""The Node peers complete FAPI 2.0 flows with each other.

When an interoperability test with our own client or server fails, this tells whether the peer itself works here.
"""

import base64
import datetime as dt
import hashlib
import json
import os
import re
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

HERE = Path(__file__).parent
AUDIENCE = "https://bank.example/accounts"
REDIRECT_URI = "https://client.example/callback"
Key = ECKey | RSAKey | OKPKey
NONCE_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@dataclass(frozen=True)
class Authority:
    """A throw-away certificate authority and the localhost certificate that it issued."""

    directory: Path

    @property
    def tls(self) -> dict[str, str]:
        """What a Node server's configuration needs to serve localhost."""
        return {"key": str(self.directory / "server.key"), "cert": str(self.directory / "server.pem")}

    @property
    def environment(self) -> dict[str, str]:
        """What makes a Node client trust this authority."""
        return {**os.environ, "NODE_EXTRA_CA_CERTS": str(self.directory / "ca.pem")}

    def browser(self) -> httpx2.Client:
        """A user agent that trusts this authority and keeps cookies."""
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        return httpx2.Client(verify=context, follow_redirects=False)


@pytest.fixture(scope="session")
def node() -> str:
    """The Node that package-lock.json brings; npm runs only if the lock changed."""
    done = subprocess.run([HERE / "ensure_node.sh"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


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


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("authority")
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _certificate("ca.test", ca_key, issuer="ca.test", issuer_key=ca_key)
    server = _certificate("localhost", server_key, issuer="ca.test", issuer_key=ca_key)
    pem = serialization.Encoding.PEM
    (directory / "ca.pem").write_bytes(ca.public_bytes(pem))
    (directory / "server.pem").write_bytes(server.public_bytes(pem))
    (directory / "server.key").write_bytes(
        server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Authority(directory)


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


@pytest.fixture
def peers(node: str, authority: Authority, tmp_path: Path) -> Iterator[Peers]:
    started = Peers(node, authority, tmp_path)
    yield started
    started.stop()


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


def sign_in(browser: httpx2.Client, address: str, *, decision: str = "approve") -> str:
    """Walks login and consent as a form client and returns the callback URL."""
    response = browser.get(address)
    while not (target := response.headers.get("location", "")).startswith(REDIRECT_URI):
        if target:
            response = browser.get(response.url.join(target))
        elif 'id="login"' in response.text:
            response = browser.post(response.url, data={"username": "alice", "password": "wonderland"})
        else:
            assert re.search(f'id="{decision}"', response.text), response.text
            response = browser.post(response.url, data={"decision": decision})
    return str(target)


def flow(
    peers: Peers, key: Any, issuer: str, *, decision: str = "approve", **changes: Any
) -> list[dict[str, Any]]:
    """Runs client.mjs against `issuer` and returns the lines that it printed after the authorization URL."""
    algorithm = changes.pop("algorithm", "ES256")
    client = peers.run(
        "client.mjs",
        {
            "issuer": issuer,
            "client_id": "moneyview",
            "private_jwk": jwk_of(key, algorithm, private=True),
            "redirect_uri": REDIRECT_URI,
            "scope": "openid accounts",
            "userinfo": False,
            **changes,
        },
    )
    while "authorization_url" not in (line := next_line(client)):
        assert line["ok"], line
    with peers.authority.browser() as browser:
        callback = sign_in(browser, line["authorization_url"], decision=decision)
    out, _ = client.communicate(f"{callback}\n", timeout=60)
    lines = [json.loads(text) for text in out.splitlines()]
    assert client.returncode == (0 if all(entry["ok"] for entry in lines) else 1)
    return lines


@pytest.mark.parametrize(
    ("algorithm", "dpop"),
    [
        ("ES256", {}),
        ("PS256", {"nonce_secret": NONCE_SECRET, "require_nonce": True}),
        ("EdDSA", {"nonce_secret": NONCE_SECRET, "require_nonce": True}),
        ("Ed25519", {"nonce_secret": NONCE_SECRET}),
    ],
)
def test_the_whole_flow_completes(peers: Peers, algorithm: str, dpop: dict[str, Any]) -> None:
    """Discovery to revocation works with each algorithm, with and without server nonces."""
    key = client_key(algorithm)
    config = provider_config(jwk_of(key, algorithm, private=False), dpop=dpop)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    resource = peers.serve(
        "guard_server.mjs", {"issuer": issuer, "audience": AUDIENCE, "jwks_uri": f"{issuer}/jwks"}
    )["origin"]
    steps = flow(peers, key, issuer, algorithm=algorithm, resource=f"{resource}/accounts")
    assert [step["step"] for step in steps if step["ok"]] == [
        "callback",
        "authorization_code",
        "resource",
        "refresh_token",
        "resource_after_refresh",
        "revocation",
        "refresh_after_revocation_refused",
    ]


def test_userinfo_needs_a_token_without_audience(peers: Peers) -> None:
    """With dpop_jkt instead of a header at PAR, an opaque token opens oidc-provider's userinfo endpoint."""
    key = client_key()
    config = provider_config(jwk_of(key, "ES256", private=False), use_granted_resource=False)
    issuer = peers.serve("provider.mjs", config)["issuer"]
    steps = flow(peers, key, issuer, userinfo=True, par_dpop=False)
    assert [step["claims"] for step in steps if step["step"] == "userinfo"] == [{"sub": "u-1"}]
    assert all(step["ok"] for step in steps)


def test_a_replayed_code_kills_the_grant(peers: Peers) -> None:
    """After a second use of the code the refresh token is dead too."""
    key = client_key()
    issuer = peers.serve("provider.mjs", provider_config(jwk_of(key, "ES256", private=False)))["issuer"]
    steps = flow(peers, key, issuer, end="code_replay")
    assert [(step["step"], step["ok"]) for step in steps[-2:]] == [
        ("code_replay_refused", True),
        ("refresh_after_code_replay_refused", True),
    ]


def test_a_denied_consent_ends_the_flow(peers: Peers) -> None:
    """The client reports the authorization server's access_denied and stops."""
    key = client_key()
    issuer = peers.serve("provider.mjs", provider_config(jwk_of(key, "ES256", private=False)))["issuer"]
    steps = flow(peers, key, issuer, decision="deny", resource="https://localhost:1/")
    assert [(step["step"], step["ok"], step.get("error")) for step in steps] == [
        ("callback", True, None),
        ("authorization_code", False, "access_denied"),
    ]


def signed(key: ECKey, header: dict[str, Any], **claims: Any) -> str:
    """A compact ES256 JWS with a fresh `jti`, issued now."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    fresh = {"iat": now, "jti": secrets.token_urlsafe(16)}
    return jwt.encode({"alg": "ES256", **header}, {**fresh, **claims}, key)


def dpop_proof(key: ECKey, *, htm: str, htu: str, **claims: Any) -> str:
    """A DPoP proof (RFC 9449 section 4.2)."""
    return signed(key, {"typ": "dpop+jwt", "jwk": key.as_dict(private=False)}, htm=htm, htu=htu, **claims)


def digest(text: str) -> str:
    """SHA-256 as base64url, the form of PKCE challenges and of `ath`."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def test_prepared_codes_can_be_redeemed_once(peers: Peers) -> None:
    """The benchmark's control address issues codes that work like the authorization endpoint's."""
    key, dpop_key, verifier = (
        ECKey.generate_key("P-256", auto_kid=True),
        ECKey.generate_key("P-256"),
        "v" * 43,
    )
    config = provider_config(jwk_of(key, "ES256", private=False), tls=None)
    ready = peers.serve("bench_provider.mjs", config)
    issuer = ready["issuer"]
    order = {"client_id": "moneyview", "redirect_uri": REDIRECT_URI, "scope": "openid accounts", "sub": "u-1"}
    items = [{"code_challenge": digest(verifier), "dpop_jkt": dpop_key.thumbprint()}] * 2
    with httpx2.Client() as http:
        codes = http.post(f"{ready['control']}/codes", json={**order, "items": items}).json()["codes"]

        def redeem(code: str) -> tuple[int, str]:
            claims = {"iss": "moneyview", "sub": "moneyview", "aud": issuer, "exp": 4_000_000_000}
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": REDIRECT_URI,
                "code_verifier": verifier,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": signed(key, {"kid": key.kid}, **claims),
            }
            proof = dpop_proof(dpop_key, htm="POST", htu=f"{issuer}/token")
            answer = http.post(f"{issuer}/token", data=form, headers={"DPoP": proof})
            return answer.status_code, answer.json().get("error", answer.json().get("token_type"))

        answers = [redeem(codes[0]), redeem(codes[1]), redeem(codes[0])]
    assert answers == [(200, "DPoP"), (200, "DPoP"), (400, "invalid_grant")]


def test_the_measured_guard_refuses_replays(peers: Peers, tmp_path: Path) -> None:
    """bench_guard.mjs verifies every pre-signed request once and shows that it refuses what it should."""
    key, dpop_key, url = (
        ECKey.generate_key("P-256", auto_kid=True),
        ECKey.generate_key("P-256"),
        f"{AUDIENCE}/1",
    )
    token = signed(
        key,
        {"typ": "at+jwt", "kid": key.kid},
        iss="https://as.example",
        aud=AUDIENCE,
        sub="u-1",
        client_id="moneyview",
        exp=4_000_000_000,
        cnf={"jkt": dpop_key.thumbprint()},
    )
    requests = [
        {
            "method": "GET",
            "url": url,
            "authorization": f"DPoP {token}",
            "dpop": dpop_proof(dpop_key, htm="GET", htu=url, ath=digest(token)),
        }
        for _ in range(20)
    ]
    settings = {"issuer": "https://as.example", "audience": AUDIENCE, "warm_up": 4}
    keys = {"jwks": {"keys": [jwk_of(key, "ES256", private=False)]}}
    out, _ = peers.run("bench_guard.mjs", {**settings, **keys, "requests": requests}).communicate(timeout=60)
    report = json.loads(out)
    assert (report["verified"], report["replay_refused"], report["wrong_method_refused"]) == (16, True, True)
