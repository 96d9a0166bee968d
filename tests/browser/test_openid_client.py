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
    "refresh_token",
    "resource_after_refresh",
    "resource_after_end_refused",
}


def register(ecosystem: Ecosystem, *, client_id: str, algorithm: str, redirect_uri: str) -> dict[str, str]:
    """Register the client as an operator does, and return its private key."""
    key = generate_private_key(algorithm)
    named = {"kid": f"{client_id}-key", "alg": algorithm}
    metadata = {
        "client_id": client_id,
        "client_name": "OpenID client",
        "organization_name": "Somebody else",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile accounts",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": algorithm,
        "jwks": {"keys": [{**public_jwk(key.public_key()), **named, "use": "sig"}]},
    }
    added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=json.dumps(metadata))
    assert added.returncode == 0, added.stderr
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
        key = register(ecosystem, client_id=client_id, algorithm=algorithm, redirect_uri=callbacks.url)
        config = {
            "issuer": ecosystem.issuer,
            "client_id": client_id,
            "private_jwk": key,
            "redirect_uri": callbacks.url,
            "scope": "openid profile accounts",
            "resource": f"{ecosystem.bank}/accounts",
            "par_dpop": par_dpop,
            "end": end,
            "revoked_resource_status": 401,
        }
        with running_client(node, config, ecosystem=ecosystem, folder=tmp_path) as client:
            page = open_page()
            page.goto(client.authorization_url())
            page.fill("#username", "alice")
            page.fill("#password", ecosystem.passwords["alice"])
            page.click("#login")
            page.click("#approve")
            expect(page.locator("#back")).to_be_visible()
            status = client.finish(page.url)
    steps = {line["step"]: line["ok"] for line in client.lines if "step" in line}
    assert [line for line in client.lines if line.get("ok") is False] == []
    assert set(steps) >= ALWAYS | STEPS[end]
    assert status == 0
