"""What a client knows of its server: fetched from the issuer, kept for a while, fetched anew where keys change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from scripted_server import ScriptedServer
from trustweft.client.discovery import KEYS_COOL_DOWN, KEYS_LIFETIME, METADATA_LIFETIME
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.client import Client

METADATA = "/.well-known/oauth-authorization-server"
NEW = LocalSigner("ES256", generate_private_key("ES256"), "op-new")


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def authorize(server: ScriptedServer, client: Client) -> None:
    """Have an authorization under the name alice."""
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")


def rotate(server: ScriptedServer) -> None:
    """Have the server sign with another key, which it publishes."""
    server.keys.append({**public_jwk(NEW.public_key), "kid": "op-new", "alg": "ES256", "use": "sig"})
    server.sign = lambda claims: jws.sign(claims, signer=NEW)


def test_metadata_is_kept_for_an_hour(server: ScriptedServer) -> None:
    """Then it is fetched anew."""
    client = server.client()
    for expected in (1, 1, 2):
        client.begin()
        assert server.calls.count(METADATA) == expected
        server.clock.advance(METADATA_LIFETIME / 2)


def test_a_server_for_client_credentials_alone_is_enough_for_a_client_that_asks_nobody(
    server: ScriptedServer,
) -> None:
    """It has no address to push requests to; and such a client sends nobody anywhere."""

    def leave_out(document: dict[str, Any]) -> None:
        for name in ("authorization_endpoint", "pushed_authorization_request_endpoint"):
            del document[name]

    server.metadata = leave_out
    with pytest.raises(Reject, match=r"metadata\.endpoint"):
        server.client().client_credentials(("accounts",), name="ourselves")
    server.configuration = replace(server.configuration, redirect_uri=None, scope=("accounts",))
    client = server.client()
    client.client_credentials(("accounts",), name="ourselves")
    before = len(server.requests)
    with pytest.raises(ValueError, match="redirect_uri"):
        client.begin()
    assert len(server.requests) == before


def test_keys_are_kept_for_a_while(server: ScriptedServer) -> None:
    """A key that was removed is believed for five minutes at most."""
    client = server.client()
    for expected in (1, 1, 2):
        authorize(server, client)
        assert server.calls.count("/jwks") == expected
        server.clock.advance(KEYS_LIFETIME / 2)


def test_a_clock_that_was_set_back_keeps_nothing(server: ScriptedServer) -> None:
    """What was fetched at a time that is still to come may be of any age."""
    client = server.client()
    authorize(server, client)
    rotate(server)
    server.clock.advance(-86_400)
    authorize(server, client)
    authorize(server, client)
    assert (server.calls.count(METADATA), server.calls.count("/jwks")) == (2, 2)


def test_an_unknown_key_is_looked_for(server: ScriptedServer) -> None:
    """The server may have begun to sign with a new one."""
    client = server.client()
    authorize(server, client)
    rotate(server)
    server.clock.advance(KEYS_COOL_DOWN)
    authorize(server, client)
    assert server.calls.count("/jwks") == 2


@pytest.mark.parametrize("seconds", [0, KEYS_COOL_DOWN - 1])
def test_unknown_keys_do_not_make_us_hammer_the_server(server: ScriptedServer, seconds: float) -> None:
    """Whoever shows tokens with names that were made up gets no request out of it."""
    client = server.client()
    authorize(server, client)
    rotate(server)
    server.clock.advance(seconds)
    with pytest.raises(Reject, match=r"id-token\.unknown-key"):
        authorize(server, client)
    assert server.calls.count("/jwks") == 1


def test_what_is_no_token_makes_nobody_fetch_keys(server: ScriptedServer) -> None:
    """No key could mend it."""
    client = server.client()
    authorize(server, client)
    server.sign = lambda _claims: "no-token"
    server.clock.advance(KEYS_COOL_DOWN)
    with pytest.raises(Reject, match=r"id-token\.malformed"):
        authorize(server, client)
    assert server.calls.count("/jwks") == 1


@pytest.mark.parametrize("path", [METADATA, "/jwks"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500),
        httpx2.Response(301, headers={"location": "https://attacker.example/"}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, text='{"issuer": "https://op.example", "issuer": "https://attacker.example"}'),
    ],
    ids=["error", "redirect", "no JSON", "no object", "a member twice"],
)
def test_what_cannot_be_read_is_not_believed(
    server: ScriptedServer, path: str, answer: httpx2.Response
) -> None:
    """Nothing is sent to where a redirect leads, and nothing goes on without metadata or keys."""
    server.refuse = lambda request: answer if request.url.path == path else None
    with pytest.raises(Reject, match=r"client\.discovery-failed"):
        authorize(server, server.client())


def test_a_server_that_knows_openid_alone_is_found_too(server: ScriptedServer) -> None:
    """The second address is asked where the first is not there."""
    openid = "/.well-known/openid-configuration"

    def only_openid(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path == openid:
            return httpx2.Response(200, json=server._metadata())
        return httpx2.Response(404) if request.url.path == METADATA else None

    server.refuse = only_openid
    authorize(server, server.client())
    assert server.calls[:2] == [METADATA, openid]


def test_a_server_that_is_at_neither_address_is_no_server(server: ScriptedServer) -> None:
    """There is no third guess."""
    server.refuse = lambda _request: httpx2.Response(404)
    with pytest.raises(Reject, match=r"client\.discovery-failed"):
        server.client().begin()
    assert len(server.calls) == 2


def test_an_endpoint_that_is_not_there_is_not_made_up(server: ScriptedServer) -> None:
    """Neither of the optional ones is guessed."""

    def drop(document: dict[str, object]) -> None:
        del document["userinfo_endpoint"], document["revocation_endpoint"]

    server.metadata = drop
    client = server.client()
    authorize(server, client)
    for ask in (client.userinfo, client.revoke):
        with pytest.raises(Reject, match=r"client\.no-endpoint"):
            ask("alice")
