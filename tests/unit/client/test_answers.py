"""What a client does with answers that a good server never gives, besides those of the conformance suite's modules.

Those are in tests/conformance/client, over a real network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from scripted_server import ISSUER, RESOURCE, ScriptedServer, claims_of, form_of, query_of
from trustweft.client.discovery import KEYS_COOL_DOWN, KEYS_LIFETIME
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client import Client


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def complete(server: ScriptedServer) -> Client:
    """Walk the whole flow, up to an API call."""
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    assert client._http.get(RESOURCE, auth=client.auth("alice")).status_code == 200
    return client


def refused(server: ScriptedServer) -> str:
    """Walk until the client stops; return the reason."""
    with pytest.raises(Reject) as stopped:
        complete(server)
    assert "/accounts" not in server.calls
    return stopped.value.reason.id


def drop(*names: str) -> Callable[[dict[str, Any]], None]:
    def edit(members: dict[str, Any]) -> None:
        for name in names:
            del members[name]

    return edit


def put(**changed: object) -> Callable[[dict[str, Any]], None]:
    def edit(members: dict[str, Any]) -> None:
        members.update(changed)

    return edit


def test_the_happy_path_is_what_the_suite_checks_on_the_way(server: ScriptedServer) -> None:
    """Every assertion and proof is its own, aud is the issuer, the browser carries two parameters."""
    server.nonces = 1
    client = server.client()
    started = client.begin()
    assert set(query_of(started.url)) == {"client_id", "request_uri"}
    client.finish(started.pending, server.query(started), name="alice")
    forms = [form_of(request) for request in server.requests if request.url.path in {"/par", "/token"}]
    assertions = [claims_of(form["client_assertion"]) for form in forms]
    assert {claims["aud"] for claims in assertions} == {ISSUER}
    assert (
        {claims["iss"] for claims in assertions} == {claims["sub"] for claims in assertions} == {"moneyview"}
    )
    proofs = [claims_of(request.headers["dpop"]) for request in server.requests if "dpop" in request.headers]
    identifiers = [claims["jti"] for claims in (*assertions, *proofs)]
    assert len(set(identifiers)) == len(identifiers) == 8
    assert [proof.get("nonce") for proof in proofs] == [None, "nonce-par-1", "nonce-par-1", "nonce-token-1"]
    assert all("ath" not in proof for proof in proofs)
    assert "request_uri" not in forms[0]
    assert (forms[0]["code_challenge_method"], forms[0]["response_type"]) == ("S256", "code")
    assert forms[0]["redirect_uri"] == forms[-1]["redirect_uri"]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(put(azp="another"), "id-token.audience", id="another-azp"),
        pytest.param(put(iat=1_800_000_000 + 31), "id-token.future", id="from-the-future"),
        pytest.param(drop("sub"), "id-token.subject", id="invalid-missing-sub"),
        pytest.param(put(at_hash="A" * 22), "id-token.at-hash", id="invalid-at-hash"),
    ],
)
def test_a_bad_id_token_ends_the_flow(
    server: ScriptedServer, edit: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """The tokens that came with it are not used."""
    server.id_token = edit
    assert refused(server) == reason


def test_an_id_token_with_another_algorithm_ends_the_flow(server: ScriptedServer) -> None:
    """Even a good signature of the server's own key is refused with another algorithm than the registered one."""
    other = LocalSigner("PS256", generate_private_key("PS256"), "op-rsa")
    server.keys.append({**public_jwk(other.public_key), "kid": "op-rsa", "alg": "PS256", "use": "sig"})
    server.sign = lambda claims: jws.sign(claims, signer=other)
    assert refused(server) == "id-token.algorithm"


def test_an_id_token_signed_by_somebody_else_ends_the_flow(server: ScriptedServer) -> None:
    """The same kid is not the same key."""
    thief = LocalSigner("ES256", generate_private_key("ES256"), "op-key")
    server.sign = lambda claims: jws.sign(claims, signer=thief)
    assert refused(server) == "id-token.bad-signature"


def test_a_key_that_the_server_retired_verifies_no_id_token(server: ScriptedServer) -> None:
    """A stolen key, after five minutes at the latest; the same client goes on with the new one at once."""
    client = complete(server)
    stolen, new = server.signer, LocalSigner("ES256", generate_private_key("ES256"), "op-key-2")
    server.keys[:] = [{**public_jwk(new.public_key), "kid": "op-key-2", "alg": "ES256", "use": "sig"}]
    server.clock.advance(KEYS_COOL_DOWN)
    server.signer = new
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    server.signer = stolen
    server.clock.advance(KEYS_LIFETIME)
    started = client.begin()
    with pytest.raises(Reject) as refusal:
        client.finish(started.pending, server.query(started), name="alice")
    assert refusal.value.reason.id == "id-token.unknown-key"


OTHER = public_jwk(generate_private_key("ES256").public_key())
DECOYS: dict[str, dict[str, object]] = {
    "another kind": {**public_jwk(generate_private_key("PS256").public_key()), "alg": "PS256", "use": "sig"},
    "another curve": {"kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA", "use": "sig"},
    "for encryption": {**OTHER, "use": "enc"},
    "says nothing of itself": {**OTHER},
}


@pytest.mark.parametrize("decoy", DECOYS.values(), ids=DECOYS)
def test_decoy_keys_with_the_same_kid_do_not_confuse(
    server: ScriptedServer, decoy: dict[str, object]
) -> None:
    """The key is picked by kid, kind, curve, use and algorithm (FAPI 2.0 SP section 5.4.3)."""
    server.keys.insert(0, {**decoy, "kid": "op-key"})
    complete(server)


def test_a_key_for_encryption_verifies_nothing(server: ScriptedServer) -> None:
    """Not even what was signed with it."""
    server.keys[0]["use"] = "enc"
    assert refused(server) == "id-token.unknown-key"


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(put(code=["a", "b"]), "form.repeated-parameter", id="two-codes"),
        pytest.param(
            put(iss=[ISSUER, "https://attacker.example"]), "form.repeated-parameter", id="two-issuers"
        ),
        pytest.param(drop("code"), "client.no-code", id="no-code"),
    ],
)
def test_a_bad_authorization_response_ends_the_flow_before_the_token_call(
    server: ScriptedServer, edit: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """The code is not sent anywhere: not to whoever mixed up the servers either (RFC 9207)."""
    server.callback = edit
    assert refused(server) == reason
    assert "/token" not in server.calls


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (put(token_type="Bearer"), "client.token-not-bound"),
        (drop("token_type"), "client.bad-token-response"),
        (drop("access_token"), "client.bad-token-response"),
        (put(access_token=7), "client.bad-token-response"),
        (put(expires_in=-1), "client.bad-token-response"),
        (put(expires_in=True), "client.bad-token-response"),
        (put(scope=7), "client.bad-token-response"),
        (put(scope="a  b"), "client.bad-token-response"),
        (put(refresh_token=""), "client.bad-token-response"),
        (drop("id_token"), "client.no-id-token"),
    ],
)
def test_a_bad_token_response_ends_the_flow(
    server: ScriptedServer, edit: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """A token that is not bound would be worth stealing; whoever asked who it was wants an answer."""
    server.tokens = edit
    assert refused(server) == reason


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (drop("pushed_authorization_request_endpoint"), "metadata.endpoint"),
        (drop("jwks_uri"), "metadata.endpoint"),
        (put(token_endpoint="http://op.example/token"), "metadata.endpoint"),
        (put(token_endpoint_auth_methods_supported=["client_secret_basic"]), "metadata.unsupported"),
        (put(code_challenge_methods_supported=["plain"]), "metadata.unsupported"),
    ],
)
def test_a_server_that_cannot_do_what_the_profile_asks_is_not_used(
    server: ScriptedServer, edit: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """Nothing is pushed to it."""
    server.metadata = edit
    assert refused(server) == reason
    assert "/par" not in server.calls


@pytest.mark.parametrize(
    "edit",
    [
        drop("request_uri"),
        put(expires_in=0),
        put(expires_in="x"),
    ],
)
def test_a_bad_pushed_response_sends_no_browser_anywhere(
    server: ScriptedServer, edit: Callable[[dict[str, Any]], None]
) -> None:
    """What comes back is put into an address that a browser opens."""
    server.pushed = edit
    assert refused(server) == "par.bad-response"


@pytest.mark.parametrize("body", [b"", b"[]", b"no JSON", b'{"access_token": 1, "access_token": 2}'])
def test_a_token_response_that_is_no_object_ends_the_flow(server: ScriptedServer, body: bytes) -> None:
    """One that says something twice is none."""
    server.refuse = lambda request: (
        httpx2.Response(200, content=body) if request.url.path == "/token" else None
    )
    assert refused(server) == "client.bad-token-response"
