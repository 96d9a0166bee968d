"""An independent, certified FAPI 2.0 client, Node's openid-client, completes the flow against our server.

Chromium does login and consent; the client checks what it gets: iss, ID token, userinfo, API call, refresh, and that
everything ends with a revocation or a replayed code.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from client_certificates import Issuer, create_client_certificate
from ecosystem import run_trustweft
from relying_party import catching_callbacks
from tools import NODE_FOLDER
from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from ecosystem import Ecosystem

STEPS = {
    "revocation": {"revocation", "refresh_after_revocation_refused"},
    "code_replay": {"code_replay_refused", "refresh_after_code_replay_refused"},
}
ALWAYS = {
    "callback",
    "authorization_code",
    "userinfo",
    "resource",
    "token_alone_refused",
    "refresh_token",
    "resource_after_refresh",
    "resource_after_end_refused",
}


def register(ecosystem: Ecosystem, *, client_id: str, redirect_uri: str, **metadata: object) -> None:
    """Register the client as an operator does."""
    common = {
        "client_id": client_id,
        "client_name": "OpenID client",
        "organization_name": "Somebody else",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile accounts",
    }
    document = json.dumps({**common, **metadata})
    added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=document)
    assert added.returncode == 0, added.stderr


def register_key(
    ecosystem: Ecosystem, *, client_id: str, algorithm: str, redirect_uri: str
) -> dict[str, str]:
    """Register the client with a key of that algorithm, and return the private key."""
    key = generate_private_key(algorithm)
    named = {"kid": f"{client_id}-key", "alg": algorithm}
    register(
        ecosystem,
        client_id=client_id,
        redirect_uri=redirect_uri,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg=algorithm,
        jwks={"keys": [{**public_jwk(key.public_key()), **named, "use": "sig"}]},
    )
    return {**private_jwk(key), **named}


@contextmanager
def running_client(
    node: str, config: dict[str, Any], *, ecosystem: Ecosystem, folder: Path
) -> Iterator[Client]:
    """Start the client; it ends by itself, or here."""
    path = folder / f"{config['client_id']}.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    process = subprocess.Popen(
        [node, NODE_FOLDER / "client.mjs", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(ecosystem.authority)},
    )
    with process:
        try:
            yield Client(process)
        finally:
            if process.poll() is None:
                process.kill()


class Client:
    """The other end of the client's standard input and output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._output: IO[str] = process.stdout  # type: ignore[assignment] # it was asked for
        self.lines: list[dict[str, Any]] = []

    def authorization_url(self) -> str:
        """Return where it sends the browser."""
        for line in self._output:
            self.lines.append(json.loads(line))
            if "authorization_url" in self.lines[-1]:
                url: str = self.lines[-1]["authorization_url"]
                return url
        raise AssertionError(self.lines)

    def finish(self, callback_url: str) -> int:
        """Hand over the callback, collect the rest, and return the exit status."""
        rest, _ = self._process.communicate(f"{callback_url}\n", timeout=60)
        self.lines += [json.loads(line) for line in rest.splitlines() if line]
        return self._process.returncode


@pytest.mark.parametrize(
    ("algorithm", "end", "par_dpop"),
    [
        ("ES256", "revocation", True),
        ("ES256", "code_replay", False),
        ("PS256", "revocation", True),
        ("EdDSA", "revocation", False),
        ("Ed25519", "code_replay", True),
    ],
)
def test_openid_client_completes_the_flow(  # each is another fixture
    *,
    algorithm: str,
    end: str,
    par_dpop: bool,
    node: str,
    open_page: Callable[..., Page],
    ecosystem: Ecosystem,
    tmp_path: Path,
) -> None:
    """With each algorithm, with a proof or ``dpop_jkt`` at PAR, and to both ends, every step succeeds."""
    client_id = f"openid-client-{algorithm}-{end}".lower().replace("_", "-")
    with catching_callbacks(ecosystem) as callbacks:
        key = register_key(ecosystem, client_id=client_id, algorithm=algorithm, redirect_uri=callbacks.url)
        config = {
            **common_config(ecosystem, client_id=client_id, redirect_uri=callbacks.url),
            "private_jwk": key,
            "par_dpop": par_dpop,
            "end": end,
        }
        with running_client(node, config, ecosystem=ecosystem, folder=tmp_path) as client:
            status = walk(client, open_page(), password=ecosystem.passwords["alice"])
    steps = {line["step"]: line["ok"] for line in client.lines if "step" in line}
    assert [line for line in client.lines if line.get("ok") is False] == []
    assert set(steps) >= ALWAYS | STEPS[end]
    assert status == 0


def common_config(ecosystem: Ecosystem, *, client_id: str, redirect_uri: str) -> dict[str, Any]:
    """Return what every client here is told."""
    return {
        "issuer": ecosystem.issuer,
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": "openid profile accounts",
        "resource": f"{ecosystem.bank}/accounts",
        "revoked_resource_status": 401,
    }


def walk(client: Client, page: Page, *, password: str) -> int:
    """Log in and consent as alice where the client sends her, and return the client's exit status."""
    page.goto(client.authorization_url())
    page.fill("#username", "alice")
    page.fill("#password", password)
    page.click("#login")
    page.click("#approve")
    expect(page.locator("#back")).to_be_visible()
    return client.finish(page.url)


def test_openid_client_completes_the_flow_with_a_certificate(
    *, node: str, open_page: Callable[..., Page], ecosystem: Ecosystem, tmp_path: Path
) -> None:
    """It authenticates with it, its tokens are bound to it, and the person's browser is asked for none."""
    authority = ecosystem.data / "ca"
    issuer = Issuer(authority / "certificate.pem", authority / "private-key.pem")
    certificate = create_client_certificate(tmp_path, "openid-client", issuer=issuer)
    client_id = "openid-client-certificate"
    with catching_callbacks(ecosystem) as callbacks:
        register(
            ecosystem,
            client_id=client_id,
            redirect_uri=callbacks.url,
            token_endpoint_auth_method="tls_client_auth",
            tls_client_auth_subject_dn=certificate.subject,
            tls_client_certificate_bound_access_tokens=True,
        )
        config = {
            **common_config(ecosystem, client_id=client_id, redirect_uri=callbacks.url),
            "client_certificate": str(certificate.file),
            "tls_client_certificate_bound_access_tokens": True,
        }
        with running_client(node, config, ecosystem=ecosystem, folder=tmp_path) as client:
            status = walk(client, open_page(), password=ecosystem.passwords["alice"])
    assert [line for line in client.lines if line.get("ok") is False] == []
    assert {line.get("step") for line in client.lines} >= ALWAYS | STEPS["revocation"]
    assert status == 0
