"""What a client does besides the happy path: nonces without end, replayed callbacks, refresh, revocation, userinfo."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace as configured
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from msgspec.structs import replace

from scripted_server import ISSUER, RESOURCE, ScriptedServer, claims_of, form_of
from trustweft.client import (
    AsyncClient,
    AuthorizationDeniedError,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
    driving,
)
from trustweft.client.nonces import MAXIMUM_ORIGINS, NonceCache
from trustweft.client.tokens import read_token_response
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key
from trustweft.protocol.bearer import Scheme
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.jar import ExpectedRequestObject, parse_request_object, verify_request_object
from trustweft.runtime.encoding import sha256_base64url
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client import Client
    from trustweft.crypto.keys import Signer


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def authorized(server: ScriptedServer, client: Client) -> Client:
    """Have an authorization under the name alice."""
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    return client


def answering(answer: httpx2.Response) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a server that says one thing."""
    return lambda _request: answer


@pytest.mark.parametrize("path", ["/par", "/accounts"])
def test_a_server_that_never_has_enough_nonces_is_an_error_and_no_loop(
    server: ScriptedServer, path: str
) -> None:
    """Each request is repeated once and no more."""
    client = server.client()
    if path == "/par":
        server.nonces = 1_000
        with pytest.raises(ServerRefusedError, match="use_dpop_nonce"):
            client.begin()
    else:
        authorized(server, client)
        server.nonces = 1_000
        assert client._http.get(RESOURCE, auth=client.auth("alice")).status_code == 401
    assert server.calls.count(path) == 2


@pytest.mark.parametrize(
    "url",
    ["http://bank.example/accounts", "https://user:secret@bank.example/", "https:///accounts", "ftp://x/"],
)
def test_a_token_leaves_over_tls_only(server: ScriptedServer, url: str) -> None:
    """Neither what signs requests nor a call sends it to an address that everybody on the way can read."""
    client = authorized(server, server.client())
    before = len(server.requests)
    with pytest.raises(Reject, match=r"client\.unencrypted"):
        client._http.get(url, auth=client.auth("alice"))
    with pytest.raises(Reject, match=r"client\.unencrypted"):
        client.call("GET", url, name="alice")
    assert len(server.requests) == before


def test_an_answer_that_would_grow_is_not_read(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever compresses unasked could send a thousandth of what we would have to keep."""
    bomb = httpx2.Response(
        200, headers={"content-encoding": "gzip"}, content=gzip.compress(bytes(10_000_000))
    )
    monkeypatch.setattr(server, "answer", lambda _request: bomb)
    with pytest.raises(Reject, match=r"client\.answer-encoded"):
        server.client().begin()


def test_a_call_brings_the_token_and_learns_the_nonce(server: ScriptedServer) -> None:
    """The third of begin, finish, call: signed, repeated once where a nonce is wanted, bounded."""
    client = authorized(server, server.client())
    server.nonces = 1
    answer = client.call("GET", RESOURCE, name="alice", headers=(("accept", "application/json"),))
    assert answer.status == 200
    last = server.requests[-1]
    assert last.headers["authorization"].startswith("DPoP ")
    assert (last.headers["accept"], last.headers["accept-encoding"]) == ("application/json", "identity")


def test_a_repeated_request_is_made_afresh(server: ScriptedServer) -> None:
    """With the nonce come another assertion and another proof: the first ones may have been used up."""
    server.nonces = 1
    server.client().begin()
    first, second = (request for request in server.requests if request.url.path == "/par")
    one, other = (claims_of(form_of(request)["client_assertion"])["jti"] for request in (first, second))
    assert one != other
    assert claims_of(first.headers["dpop"])["jti"] != claims_of(second.headers["dpop"])["jti"]


def test_a_proof_is_for_one_request_and_one_token(server: ScriptedServer) -> None:
    """The token is in the header alone; the proof names it, the method and the address."""
    client = authorized(server, server.client())
    client._http.get(f"{RESOURCE}?page=2", auth=client.auth("alice"))
    sent = server.requests[-1]
    claims = claims_of(sent.headers["dpop"])
    token = client.tokens("alice").access_token
    assert sent.headers["authorization"] == f"DPoP {token}"
    assert (claims["htm"], claims["htu"], claims["ath"]) == ("GET", RESOURCE, sha256_base64url(token))
    assert token not in str(sent.url)


def test_a_callback_of_another_browser_is_refused(server: ScriptedServer) -> None:
    """What is pending belongs to the browser that started: another one's state does not fit."""
    client = server.client()
    victim, attacker = client.begin(), client.begin()
    with pytest.raises(Reject, match=r"client\.state-mismatch"):
        client.finish(victim.pending, server.query(attacker), name="alice")
    assert "/token" not in server.calls


def test_the_challenge_is_another_one_each_time(server: ScriptedServer) -> None:
    """Verifier, state and nonce are made for one request."""
    client = server.client()
    pending = [client.begin().pending for _ in range(2)]
    assert pending[0].code_verifier != pending[1].code_verifier
    assert pending[0].state != pending[1].state
    assert pending[0].nonce != pending[1].nonce


def test_a_flow_that_was_begun_long_ago_is_over(server: ScriptedServer) -> None:
    """The code is not redeemed."""
    client = server.client()
    started = client.begin()
    server.clock.advance(900)
    with pytest.raises(Reject, match=r"client\.pending-expired"):
        client.finish(started.pending, server.query(started), name="alice")


def test_a_flow_with_another_server_is_not_finished_here(server: ScriptedServer) -> None:
    """Mix-up: what was begun with one server never leads to a code being sent to another (RFC 9700 section 4.4)."""
    client = server.client()
    started = client.begin()
    elsewhere = replace(started.pending, issuer="https://other.example")
    with pytest.raises(Reject, match=r"client\.other-server"):
        client.finish(elsewhere, server.query(started), name="alice")
    assert "/token" not in server.calls


def test_a_denial_is_told_as_one(server: ScriptedServer) -> None:
    """The person said no: not an error of ours, and nothing is redeemed."""

    def deny(parameters: dict[str, Any]) -> None:
        del parameters["code"]
        parameters |= {"error": "access_denied", "error_description": "The person did not agree."}

    server.callback = deny
    client = server.client()
    started = client.begin()
    with pytest.raises(AuthorizationDeniedError, match="access_denied"):
        client.finish(started.pending, server.query(started), name="alice")


def test_a_denial_is_believed_only_from_the_server_that_was_asked(server: ScriptedServer) -> None:
    """An error response is checked like a good one."""
    server.callback = lambda parameters: parameters.update(
        error="access_denied", iss="https://attacker.example"
    )
    client = server.client()
    started = client.begin()
    with pytest.raises(Reject, match=r"issuer\.mismatch"):
        client.finish(started.pending, server.query(started), name="alice")


def test_a_revoked_authorization_is_forgotten(server: ScriptedServer) -> None:
    """At the server first: what could not be revoked is not forgotten."""
    client = authorized(server, server.client())
    client.revoke("alice")
    assert form_of(server.requests[-1])["token"] == "refresh-1"
    with pytest.raises(Reject, match=r"client\.no-tokens"):
        client.tokens("alice")


def test_userinfo_about_somebody_else_is_refused(server: ScriptedServer) -> None:
    """The subject is that of the ID token (OpenID Connect Core section 5.3.4)."""
    client = authorized(server, server.client())
    assert client.userinfo("alice").subject == "u-1"
    answer = server.answer

    def another(request: httpx2.Request) -> httpx2.Response:
        return (
            httpx2.Response(200, json={"sub": "u-2"}) if request.url.path == "/userinfo" else answer(request)
        )

    client._http = httpx2.Client(transport=httpx2.MockTransport(another))
    with pytest.raises(Reject, match=r"userinfo\.subject"):
        client.userinfo("alice")


def test_redirects_are_never_followed(server: ScriptedServer) -> None:
    """A server that sends credentials elsewhere gets an error."""
    elsewhere: list[str] = []

    def redirect(request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "op.example":
            elsewhere.append(str(request.url))
        if request.url.path == "/par":
            return httpx2.Response(307, headers={"location": "https://attacker.example/par"})
        return server.answer(request)

    client = server.client()
    client._http = httpx2.Client(transport=httpx2.MockTransport(redirect), follow_redirects=True)
    with pytest.raises((ServerRefusedError, Reject)):
        client.begin()
    assert elsewhere == []


def test_an_answer_without_end_is_cut_off(server: ScriptedServer) -> None:
    """A megabyte is more than any answer needs."""

    def endless(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=b" " * 2_000_000)

    client = server.client()
    client._http = httpx2.Client(transport=httpx2.MockTransport(endless))
    with pytest.raises(Reject, match=r"client\.answer-too-large"):
        client.begin()


def test_an_answer_in_single_octets_is_not_copied_for_each(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dripped a megabyte would keep our processor busy for a quarter of a minute."""
    client = authorized(server, server.client())
    client._http = httpx2.Client(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=(b"x" for _ in range(100))))
    )
    buffers: list[bytearray] = []
    original = driving._add

    def add(body: bytearray, piece: bytes) -> None:
        buffers.append(body)
        original(body, piece)

    monkeypatch.setattr(driving, "_add", add)
    assert client.call("GET", RESOURCE, name="alice").body == b"x" * 100
    assert len(buffers) == 100
    assert all(buffer is buffers[0] for buffer in buffers)


def test_nothing_secret_is_printed(server: ScriptedServer) -> None:
    """What people log by mistake tells nothing."""
    client = server.client()
    started = client.begin()
    tokens = client.finish(started.pending, server.query(started), name="alice")
    shown = f"{started.pending!r} {tokens!r} {client.auth('alice')!r}"
    assert [
        secret for secret in (started.pending.code_verifier, tokens.access_token) if secret in shown
    ] == []
    assert ISSUER in shown


def test_one_key_serves_one_purpose(server: ScriptedServer) -> None:
    """A proof must never be taken for an assertion, nor the other way round."""
    authentication = server.configuration.authentication
    assert isinstance(authentication, PrivateKeyJwt)
    with pytest.raises(ValueError, match="keys of their own"):
        configured(server.configuration, sender_constraint=Dpop(authentication.keys.signer()))


def test_the_asynchronous_client_does_all_that_the_other_does(server: ScriptedServer) -> None:
    """Userinfo, a call, tokens for itself, revocation; bounded and unencoded like the other."""

    async def run() -> None:
        transport = httpx2.MockTransport(server.answer)
        async with httpx2.AsyncClient(transport=transport) as http:
            client = AsyncClient(server.configuration, http, clock=server.clock, entropy=SystemEntropy())
            started = await client.begin()
            await client.finish(started.pending, server.query(started), name="alice")
            assert (await client.userinfo("alice")).subject == "u-1"
            assert (await client.call("GET", RESOURCE, name="alice")).status == 200
            own = await client.client_credentials(("accounts",), name="ourselves")
            assert own == await client.tokens("ourselves")
            await client.revoke("alice")
            with pytest.raises(Reject, match=r"client\.no-tokens"):
                await client.tokens("alice")
            for answer, why in (
                (httpx2.Response(200, content=b" " * 2_000_000), r"client\.answer-too-large"),
                (httpx2.Response(200, headers={"content-encoding": "br"}), r"client\.answer-encoded"),
            ):
                server.refuse = answering(answer)
                with pytest.raises((Reject, httpx2.DecodingError), match=why):
                    await client.call("GET", RESOURCE, name="ourselves")

    asyncio.run(run())


def test_tokens_for_the_client_itself_are_kept_under_a_name(server: ScriptedServer) -> None:
    """RFC 6749 section 4.4: with the scope that was asked for, and without a person."""
    client = server.client()
    tokens = client.client_credentials(("accounts",), name="ourselves")
    assert form_of(server.requests[-1])["grant_type"] == "client_credentials"
    assert (client.tokens("ourselves"), tokens.subject) == (tokens, None)
    with pytest.raises(Reject, match=r"client\.no-subject"):
        client.userinfo("ourselves")


def test_without_a_refresh_token_there_is_nothing_to_refresh(server: ScriptedServer) -> None:
    """Nothing is sent."""
    server.tokens = lambda members: members.pop("refresh_token")
    client = authorized(server, server.client())
    before = len(server.requests)
    with pytest.raises(Reject, match=r"client\.no-refresh-token"):
        client._drive(client.core.refresh(client.tokens("alice")))
    assert len(server.requests) == before


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx2.Response(200, text="no JSON"), r"client\.bad-userinfo"),
        (httpx2.Response(403, json={"error": "insufficient_scope"}), "insufficient_scope"),
    ],
)
def test_userinfo_that_cannot_be_had_is_an_error(
    server: ScriptedServer, answer: httpx2.Response, error: str
) -> None:
    """Nobody is taken for somebody."""
    client = authorized(server, server.client())
    server.refuse = lambda _request: answer
    with pytest.raises((Reject, ServerRefusedError), match=error):
        client.userinfo("alice")


@pytest.mark.parametrize("path", ["/token", "/revoke"])
def test_a_refusal_is_told_as_the_server_says_it(server: ScriptedServer, path: str) -> None:
    """With its code; nothing is kept, and nothing forgotten."""
    client = server.client() if path == "/token" else authorized(server, server.client())
    before = client.store.load("alice")
    server.refuse = lambda request: (
        httpx2.Response(400, json={"error": "invalid_grant"}) if request.url.path == path else None
    )
    with pytest.raises(ServerRefusedError, match="invalid_grant"):
        authorized(server, client) if path == "/token" else client.revoke("alice")
    assert client.store.load("alice") == before


@pytest.mark.parametrize(
    "header",
    ["", "DPoP error=", 'DPoP error="a" error="b', "," * 100, "Basic", '"use_dpop_nonce"', "x" * 99_999],
)
def test_a_challenge_that_cannot_be_read_asks_for_nothing(server: ScriptedServer, header: str) -> None:
    """The answer is the caller's as it is."""
    client = authorized(server, server.client())
    server.refuse = lambda _request: httpx2.Response(401, headers={"www-authenticate": header})
    before = len(server.requests)
    assert client.call("GET", RESOURCE, name="alice").status == 401
    assert len(server.requests) == before + 1


def test_a_refusal_that_cannot_be_read_asks_for_nothing(server: ScriptedServer) -> None:
    """A resource may answer 400 with whatever it likes."""
    client = authorized(server, server.client())
    server.refuse = answering(httpx2.Response(400, text="no JSON"))
    before = len(server.requests)
    assert client.call("GET", RESOURCE, name="alice").status == 400
    assert len(server.requests) == before + 1


def test_nonces_are_kept_for_a_bounded_number_of_origins() -> None:
    """The one that was heard of first goes first."""
    nonces = NonceCache()
    for number in range(MAXIMUM_ORIGINS + 1):
        nonces.learn(f"https://{number}.example/a", HttpResponse(200, (("dpop-nonce", f"n-{number}"),)))
    assert nonces.current("https://0.example/a") is None
    assert nonces.current(f"https://{MAXIMUM_ORIGINS}.example/b") == f"n-{MAXIMUM_ORIGINS}"


def test_authorization_details_are_asked_for_and_kept(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9396: what was granted may be less than what was asked for, so it is kept as it was told."""
    asked = [{"type": "payment", "amount": "20.00"}]
    granted = [{"type": "payment", "amount": "10.00"}]
    answer = server.answer

    def answer_with_details(request: httpx2.Request) -> httpx2.Response:
        response = answer(request)
        if request.url.path != "/token":
            return response
        return httpx2.Response(
            200, headers=response.headers, json={**response.json(), "authorization_details": granted}
        )

    monkeypatch.setattr(server, "answer", answer_with_details)
    client = server.client()
    started = client.begin(authorization_details=asked)
    (pushed,) = [request for request in server.requests if request.url.path == "/par"]
    assert json.loads(form_of(pushed)["authorization_details"]) == asked
    tokens = client.finish(started.pending, server.query(started), name="alice")
    assert list(tokens.authorization_details) == granted
    assert "10.00" not in repr(tokens)


@pytest.mark.parametrize("value", ["[]", {}, [1], [{}], [{"type": 5}]], ids=str)
def test_authorization_details_that_are_none_are_refused(value: object) -> None:
    """An answer that cannot be read is not half read."""
    members = {"access_token": "x", "token_type": "DPoP", "authorization_details": value}
    with pytest.raises(Reject, match=r"client\.bad-token-response"):
        read_token_response(
            json.dumps(members).encode(), issuer=ISSUER, token_type=Scheme.DPOP, requested=(), now=0.0
        )


# Signed requests.


def signing(server: ScriptedServer) -> KeySet:
    """Have our client sign its requests, and return the keys that verify them."""
    signer = LocalSigner("ES256", generate_private_key("ES256"), "request-key")
    server.configuration = configured(server.configuration, request_keys=PublishedKeys(signer))
    return KeySet([VerificationKey(signer.public_key, "ES256", "request-key")])


def test_a_signed_request_has_everything_in_it(server: ScriptedServer) -> None:
    """Beside it stand who asks and the proof of that; what a server must believe is signed (RFC 9126 section 3)."""
    keys = signing(server)
    started = server.client().begin(authorization_details=[{"type": "payment_initiation"}])
    (pushed,) = (form_of(request) for request in server.requests if request.url.path == "/par")
    assert set(pushed) == {"client_id", "client_assertion_type", "client_assertion", "request"}
    signed = verify_request_object(
        parse_request_object(pushed["request"]),
        expected=ExpectedRequestObject(
            client_id="moneyview",
            issuer=ISSUER,
            algorithms=("ES256",),
            algorithm="ES256",
            require_not_before=True,
            require_identifier=True,
        ),
        keys=keys,
        now=server.clock.now(),
        future_tolerance=0,
    )
    parameters = dict(signed.parameters)
    assert parameters["state"] == started.pending.state
    assert parameters["nonce"] == started.pending.nonce
    assert parameters["authorization_details"] == '[{"type":"payment_initiation"}]'
    assert {"response_type", "redirect_uri", "scope", "code_challenge", "code_challenge_method"} < set(
        parameters
    )


def test_a_request_that_is_sent_again_is_signed_again(server: ScriptedServer) -> None:
    """The server may have remembered the first one, and its time may have been wrong."""
    signing(server)
    server.nonces = 1
    server.client().begin()
    objects = [form_of(request)["request"] for request in server.requests if request.url.path == "/par"]
    assert len({claims_of(each)["jti"] for each in objects}) == len(objects) == 2


def test_the_key_of_proofs_signs_no_requests(server: ScriptedServer) -> None:
    """One key, one purpose."""
    constraint = server.configuration.sender_constraint
    assert isinstance(constraint, Dpop)
    signer = replace_key_id(constraint.proof_signer)
    with pytest.raises(ValueError, match="keys of their own"):
        configured(server.configuration, request_keys=PublishedKeys(signer))


def replace_key_id(signer: Signer) -> LocalSigner:
    """Return the same key under a name."""
    assert isinstance(signer, LocalSigner)
    return LocalSigner(signer.algorithm, signer.private_key, "named")
