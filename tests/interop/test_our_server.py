"""Independent clients complete every kind of flow of FAPI 2.0 against our server.

Two libraries, each with a key and with both kinds of certificates to authenticate with, and with tokens that are bound
to a proof key and to the certificate. Login and consent by Chromium stand in tests/browser/test_openid_client.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import pytest

from client_certificates import ClientCertificate, create_client_certificate
from ecosystem import run_trustweft
from peers import REDIRECT_URI, Peers, authority_of, client_key, jwk_of, run_client
from trustweft.client import tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

Method = Literal["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
Constraint = Literal["DPoP", "certificate"]
WHOLE_FLOW = [
    "discovery",
    "pushed_authorization_request",
    "callback",
    "authorization_code",
    "userinfo",
    "resource",
    "token_alone_refused",
    "refresh_token",
    "resource_after_refresh",
    "revocation",
    "refresh_after_revocation_refused",
    "resource_after_end_refused",
]


@pytest.fixture
def clients(node: str, ecosystem: Ecosystem, tmp_path: Path) -> Iterator[Peers]:
    """Starts clients of our ecosystem, and stops them with the test."""
    started = Peers(node, authority_of(ecosystem), tmp_path)
    yield started
    started.stop()


@dataclass(frozen=True)
class Registration:
    """A client as our server knows it, and what client.mjs needs to be that client."""

    metadata: dict[str, Any]
    config: dict[str, Any]

    def with_certificate(self, certificate: ClientCertificate, *, binds: bool) -> Registration:
        """Return it with a certificate to show, that its tokens are bound to or not."""
        bound = {"tls_client_certificate_bound_access_tokens": binds}
        return Registration(
            {**self.metadata, **bound}, {**self.config, **bound, "client_certificate": str(certificate.file)}
        )


def registration(clients: Peers, directory: Path, *, method: Method, constraint: Constraint) -> Registration:
    """Return a client that authenticates and binds its tokens in the named ways."""
    key = client_key()
    jwk = {"keys": [jwk_of(key, "ES256", private=False)]}
    if (method, constraint) == ("private_key_jwt", "DPoP"):
        return Registration({"jwks": jwk}, {"private_jwk": jwk_of(key, "ES256", private=True)})
    issuer = clients.authority.issuer if method == "tls_client_auth" else None
    shown = create_client_certificate(directory, "interop", issuer=issuer)
    known = {
        "private_key_jwt": Registration({"jwks": jwk}, {"private_jwk": jwk_of(key, "ES256", private=True)}),
        "tls_client_auth": Registration({"tls_client_auth_subject_dn": shown.subject}, {}),
        "self_signed_tls_client_auth": Registration({"jwks": {"keys": [shown.jwk]}}, {}),
    }[method]
    return known.with_certificate(shown, binds=constraint == "certificate")


def register(ecosystem: Ecosystem, client_id: str, method: Method, metadata: dict[str, Any]) -> None:
    """Register the client as an operator does."""
    common = {
        "client_id": client_id,
        "client_name": client_id,
        "organization_name": "Somebody else",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile accounts",
        "token_endpoint_auth_method": method,
    }
    document = json.dumps({**common, **metadata})
    added = run_trustweft("clients", "add", "--data", str(ecosystem.data), "-", text=document)
    assert added.returncode == 0, added.stderr


def run(clients: Peers, ecosystem: Ecosystem, client_id: str, **config: Any) -> list[dict[str, Any]]:
    """Return the steps of the whole flow, with alice at the browser."""
    usual = {
        "issuer": ecosystem.issuer,
        "client_id": client_id,
        "scope": "openid profile accounts",
        "resource": f"{ecosystem.bank}/accounts",
        "revoked_resource_status": 401,
    }
    return run_client(clients, password=ecosystem.passwords["alice"], **{**usual, **config})


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
@pytest.mark.parametrize("constraint", ["DPoP", "certificate"])
@pytest.mark.parametrize("method", ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"])
def test_the_whole_flow_completes(  # each is another fixture
    *,
    clients: Peers,
    ecosystem: Ecosystem,
    tmp_path: Path,
    method: Method,
    constraint: Constraint,
    library: str,
) -> None:
    """From discovery to what is refused after the revocation; and the stolen token alone opens nothing."""
    client_id = f"{library}-{method}-{constraint}".lower().replace("_", "-")
    known = registration(clients, tmp_path, method=method, constraint=constraint)
    register(ecosystem, client_id, method, known.metadata)
    steps = run(clients, ecosystem, client_id, library=library, **known.config)
    assert [step for step in steps if not step["ok"]] == []
    assert [step["step"] for step in steps] == WHOLE_FLOW


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
def test_clients_of_others_sign_their_requests(
    clients: Peers, ecosystem: Ecosystem, tmp_path: Path, library: str
) -> None:
    """As libraries of others write request objects, our server reads them; unsigned, the request is refused."""
    client_id = f"{library}-signs"
    known = registration(clients, tmp_path, method="private_key_jwt", constraint="DPoP")
    signing = {"require_signed_request_object": True, "request_object_signing_alg": "ES256"}
    register(ecosystem, client_id, "private_key_jwt", {**known.metadata, **signing})
    steps = run(clients, ecosystem, client_id, library=library, signed_requests=True, **known.config)
    assert [step for step in steps if not step["ok"]] == []
    assert [step["step"] for step in steps] == WHOLE_FLOW
    last = run(clients, ecosystem, client_id, library=library, **known.config)[-1]
    assert (last["step"], last["ok"]) == ("pushed_authorization_request", False)
    assert (last.get("error"), last.get("status")) == ("invalid_request", 400)


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_no_certificate_is_seen_at_the_other_addresses(
    clients: Peers, ecosystem: Ecosystem, tmp_path: Path, method: Method, library: str
) -> None:
    """Who has one, and does not take the addresses that ask for it, has authenticated with nothing."""
    client_id = f"{library}-without-aliases-{method}".replace("_", "-")
    known = registration(clients, tmp_path, method=method, constraint="certificate")
    register(ecosystem, client_id, method, known.metadata)
    config = {**known.config, "use_mtls_endpoint_aliases": False}
    last = run(clients, ecosystem, client_id, library=library, **config)[-1]
    assert (last["step"], last["ok"]) == ("pushed_authorization_request", False)
    assert (last.get("error"), last.get("status")) == ("invalid_client", 401)


@pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_the_certificate_of_somebody_else_is_refused(
    clients: Peers, ecosystem: Ecosystem, tmp_path: Path, method: Method
) -> None:
    """Of another client of the authority; of a stranger who signed the name for itself."""
    client_id = f"robbed-{method}".replace("_", "-")
    known = registration(clients, tmp_path, method=method, constraint="certificate")
    register(ecosystem, client_id, method, known.metadata)
    forgery = tmp_path / "forgery"
    forgery.mkdir()
    for thief in (
        create_client_certificate(tmp_path, "thief", issuer=clients.authority.issuer),
        create_client_certificate(forgery, "interop"),
    ):
        config = {**known.config, "client_certificate": str(thief.file)}
        last = run(clients, ecosystem, client_id, **config)[-1]
        assert (last["step"], last.get("error")) == ("pushed_authorization_request", "invalid_client")


def start_guard(clients: Peers, ecosystem: Ecosystem, guard: str) -> str:
    """Start an API of the bank's audience behind a guard of somebody else, and return the address of a resource."""
    config = {
        "issuer": ecosystem.issuer,
        "audience": ecosystem.bank,
        "jwks_uri": f"{ecosystem.issuer}/jwks",
        "guard": guard,
        "client_certificates": {},
    }
    return f"{clients.serve('guard_server.mjs', config)['origin']}/accounts"


@pytest.mark.parametrize("constraint", ["DPoP", "certificate"])
def test_guards_of_others_accept_our_tokens(
    clients: Peers, ecosystem: Ecosystem, tmp_path: Path, constraint: Constraint
) -> None:
    """With what they are bound to, and not alone."""
    client_id = f"elsewhere-{constraint.lower()}"
    known = registration(clients, tmp_path, method="private_key_jwt", constraint=constraint)
    register(ecosystem, client_id, "private_key_jwt", known.metadata)
    resource = start_guard(clients, ecosystem, constraint.lower())
    # Such a guard asks nobody, so the token is good until it expires.
    steps = run(clients, ecosystem, client_id, resource=resource, revoked_resource_status=200, **known.config)
    assert [step for step in steps if not step["ok"]] == []
    assert [step["step"] for step in steps] == WHOLE_FLOW


def test_a_guard_that_knows_proofs_alone_refuses_a_token_bound_to_a_certificate(
    clients: Peers, ecosystem: Ecosystem, tmp_path: Path
) -> None:
    """oauth4webapi's does not take a token whose binding it cannot verify for one that has none."""
    shown = create_client_certificate(tmp_path, "service")
    metadata = {
        "redirect_uris": [],
        "response_types": [],
        "grant_types": ["client_credentials"],
        "scope": "accounts",
        "jwks": {"keys": [shown.jwk]},
        "tls_client_certificate_bound_access_tokens": True,
    }
    register(ecosystem, "service", "self_signed_tls_client_auth", metadata)
    trust = tls_context(authorities=clients.authority.certificate, certificate=shown.file)
    with httpx2.Client(verify=trust) as http:
        server = http.get(f"{ecosystem.issuer}/.well-known/openid-configuration").json()
        form = {"client_id": "service", "grant_type": "client_credentials", "scope": "accounts"}
        token = http.post(server["mtls_endpoint_aliases"]["token_endpoint"], data=form).json()["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        assert http.get(f"{ecosystem.bank}/accounts", headers=bearer).status_code == 200
        refused = http.get(start_guard(clients, ecosystem, "dpop"), headers=bearer)
    assert refused.status_code == 401
    assert refused.json()["error_description"] == "unsupported JWT Confirmation method"
