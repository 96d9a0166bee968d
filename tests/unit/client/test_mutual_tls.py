"""A client that shows a certificate: to authenticate, to bind its tokens, or because its ecosystem wants it."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from scripted_server import ALIASES, ISSUER, RESOURCE, ScriptedServer, claims_of, form_of, query_of
from trustweft.client import CertificateBound, ClientCertificate, tls_context
from trustweft.crypto.local_authority import create_self_signed
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError, write_private_file

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from trustweft.client import Client

ALIASED = ("token_endpoint", "userinfo_endpoint", "revocation_endpoint")
PUSHED = "pushed_authorization_request_endpoint"


def offer(document: dict[str, Any]) -> None:
    """Have the server do all of RFC 8705."""
    document["token_endpoint_auth_methods_supported"] += ["tls_client_auth", "self_signed_tls_client_auth"]
    document["tls_client_certificate_bound_access_tokens"] = True
    document["mtls_endpoint_aliases"] = {
        **{name: document[name].replace(ISSUER, ALIASES) for name in (*ALIASED, PUSHED)},
        "authorization_endpoint": f"{ALIASES}/authorize",
        "jwks_uri": f"{ALIASES}/jwks",
    }


def make_server(**changed: Any) -> ScriptedServer:
    """Return a server at which our client is registered with changes."""
    server = ScriptedServer(metadata=offer)
    server.configuration = replace(server.configuration, **changed)
    return server


def walk(server: ScriptedServer) -> Client:
    """Begin, finish, call, ask who it is, revoke."""
    client = server.client()
    started = client.begin()
    assert started.url.startswith(f"{ISSUER}/authorize?")
    client.finish(started.pending, server.query(started), name="alice")
    client.userinfo("alice")
    client._http.get(RESOURCE, auth=client.auth("alice"))
    client.revoke("alice")
    return client


def sent_to(server: ScriptedServer, path: str) -> httpx2.Request:
    """Return the last request to a path."""
    return [request for request in server.requests if request.url.path == path][-1]


BOTH = {"authentication": ClientCertificate(), "sender_constraint": CertificateBound()}


@pytest.mark.parametrize(
    "changed",
    [
        BOTH,
        {"authentication": ClientCertificate()},
        {"sender_constraint": CertificateBound()},
        {"use_mtls_endpoint_aliases": True},
    ],
    ids=["both", "authentication", "binding", "ecosystem"],
)
def test_whoever_shows_a_certificate_takes_the_aliases(changed: dict[str, Any]) -> None:
    """RFC 8705 section 5: for every request but the browser's and those for public documents."""
    server = make_server(**changed)
    walk(server)
    hosts = {request.url.path: f"https://{request.url.host}" for request in server.requests}
    assert {hosts[path] for path in ("/par", "/token", "/userinfo", "/revoke")} == {ALIASES}
    assert hosts["/jwks"] == hosts["/.well-known/oauth-authorization-server"] == ISSUER


def test_whoever_shows_none_takes_no_alias() -> None:
    """They are there, and not for this client."""
    server = make_server()
    walk(server)
    assert {request.url.host for request in server.requests} == {"op.example", "api.example"}


def test_an_endpoint_without_alias_is_used_as_it_is() -> None:
    """An alias is an alternative, and not every endpoint needs one."""

    def only_the_token_endpoint(document: dict[str, Any]) -> None:
        offer(document)
        document["mtls_endpoint_aliases"] = {"token_endpoint": f"{ALIASES}/token"}

    server = make_server(**BOTH)
    server.metadata = only_the_token_endpoint
    walk(server)
    assert (sent_to(server, "/token").url.host, sent_to(server, "/par").url.host) == (
        "mtls.op.example",
        "op.example",
    )


def test_a_proof_names_the_address_that_is_called() -> None:
    """RFC 9449 section 4.2: with an alias, htu is the alias."""
    server = make_server(authentication=ClientCertificate())
    walk(server)
    for path in ("/par", "/token", "/userinfo"):
        assert claims_of(sent_to(server, path).headers["dpop"])["htu"] == f"{ALIASES}{path}"


def test_a_certificate_authenticates_without_an_assertion() -> None:
    """RFC 8705 section 2: the form says who, the connection proves it."""
    server = make_server(authentication=ClientCertificate())
    walk(server)
    for path in ("/par", "/token", "/revoke"):
        form = form_of(sent_to(server, path))
        assert form["client_id"] == "moneyview"
        assert not {"client_assertion", "client_assertion_type"} & set(form)


def test_a_certificate_bound_token_is_a_bearer_token_without_proof() -> None:
    """RFC 8705 section 3: the connection is the proof; an assertion may authenticate all the same."""
    server = make_server(sender_constraint=CertificateBound())
    walk(server)
    assert [request for request in server.requests if "dpop" in request.headers] == []
    assert sent_to(server, "/accounts").headers["authorization"].startswith("Bearer access-")
    assert "client_assertion" in form_of(sent_to(server, "/token"))


@pytest.mark.parametrize("token_type", ["DPoP", "dpop", "MAC", "", "Bearer DPoP"])
def test_a_token_of_the_wrong_type_is_refused(token_type: str) -> None:
    """It is not bound to our certificate, whatever else it may be."""
    server = make_server(sender_constraint=CertificateBound())
    server.tokens = lambda members: members.update(token_type=token_type)
    client = server.client()
    started = client.begin()
    with pytest.raises(Reject, match=r"client\.token-not-bound"):
        client.finish(started.pending, server.query(started), name="alice")
    assert client.store.load("alice") is None


def test_a_call_without_the_binding_asks_for_no_nonce() -> None:
    """A challenge for DPoP is none for a client that has no proof key."""
    server = make_server(sender_constraint=CertificateBound())
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    headers = {"dpop-nonce": "n", "www-authenticate": 'DPoP error="use_dpop_nonce"'}
    import httpx2

    server.refuse = lambda _request: httpx2.Response(401, headers=headers)
    before = len(server.requests)
    assert client.call("GET", RESOURCE, name="alice").status == 401
    assert len(server.requests) == before + 1


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"authentication": ClientCertificate()}, "tls_client_auth"),
        ({"sender_constraint": CertificateBound()}, "tls_client_certificate_bound_access_tokens"),
    ],
)
def test_a_server_that_cannot_take_certificates_is_not_used(changed: dict[str, Any], missing: str) -> None:
    """The metadata say so before anything is sent."""
    server = make_server(**changed)
    server.metadata = lambda _document: None
    with pytest.raises(Reject, match=rf"metadata\.unsupported.*{missing}"):
        server.client().begin()
    assert "/par" not in server.calls


def test_what_only_other_clients_need_may_be_missing() -> None:
    """A server for certificates alone knows neither assertions nor proofs, nor keys where nobody is identified."""

    def certificates_alone(document: dict[str, Any]) -> None:
        offer(document)
        document["token_endpoint_auth_methods_supported"] = ["self_signed_tls_client_auth"]
        for name in ("token_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported"):
            del document[name]
        del document["jwks_uri"]

    server = make_server(**BOTH, scope=("accounts",))
    server.metadata = certificates_alone
    assert set(query_of(server.client().begin().url)) == {"client_id", "request_uri"}


def write_certificate(path: Path) -> Path:
    """Write a certificate and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = create_self_signed(key, common_name="MoneyView", now=time.time())
    write_private_file(path, pem + certificate.public_bytes(Encoding.PEM))
    return path


def test_the_context_of_a_client_verifies_and_is_strict(tmp_path: Path) -> None:
    """FAPI 2.0 SP section 5.2: TLS 1.3, or 1.2 with four suites; servers are verified."""
    context = tls_context(certificate=write_certificate(tmp_path / "client.pem"))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    older = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert older == {
        f"ECDHE-{kind}-{cipher}"
        for kind in ("ECDSA", "RSA")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
    }


def test_a_key_that_others_can_read_is_no_secret(tmp_path: Path) -> None:
    """Nothing is loaded."""
    path = write_certificate(tmp_path / "client.pem")
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="others can read"):
        tls_context(certificate=path)


def test_a_key_without_a_certificate_is_a_mistake(tmp_path: Path) -> None:
    """It would be left out in silence otherwise."""
    with pytest.raises(ValueError, match="goes with a certificate"):
        tls_context(private_key=write_certificate(tmp_path / "client.pem"))
