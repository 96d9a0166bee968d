"""Refresh tokens: kept before they are used, tried again where an answer was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from msgspec.structs import replace

from scripted_server import ScriptedServer, form_of
from trustweft.client import AsyncClient, ServerRefusedError, TokenSet
from trustweft.client.tokens import MemoryTokenStore
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.client import Client

Renew = Callable[[], TokenSet]


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def authorized(server: ScriptedServer, client: Client) -> Client:
    """Have an authorization under the name alice."""
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    return client


@dataclass
class Rotation:
    """The refresh tokens of a server that rotates.

    Attributes:
        valid: those that it takes now.
        lose: whether the next answer never arrives.
        grace: whether the one before stays valid until its successor was used, as servers should have it.
        store: where the client keeps what it gets.
        kept_when_used: for every refresh, whether the client had kept what it shows.
    """

    server: ScriptedServer
    store: MemoryTokenStore
    valid: list[str] = field(default_factory=lambda: ["refresh-1"])
    lose: bool = False
    grace: bool = True
    rotates: bool = True
    issued: int = 1
    shown: list[str] = field(default_factory=list)
    kept_when_used: list[bool] = field(default_factory=list)

    def answer(self, request: httpx2.Request) -> httpx2.Response | None:
        """Answer a refresh; everything else is the scripted server's."""
        form = form_of(request)
        if request.url.path != "/token" or form["grant_type"] != "refresh_token":
            return None
        used = form["refresh_token"]
        self.shown.append(used)
        kept = self.store.load("alice")
        self.kept_when_used.append(
            kept is not None and used in (kept.refresh_token, kept.previous_refresh_token)
        )
        if used not in self.valid:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        answer: dict[str, Any] = {
            "access_token": f"a-{len(self.shown)}",
            "token_type": "DPoP",
            "expires_in": 300,
        }
        if self.rotates:
            self.issued += 1
            answer["refresh_token"] = f"refresh-{self.issued}"
            self.valid = [answer["refresh_token"], *([used] if self.grace else [])]
        if self.lose:
            self.lose = False
            raise httpx2.ReadError("the connection broke", request=request)
        return httpx2.Response(200, json=answer)


@dataclass
class Stage:
    """A rotating server, and one of our two drivers."""

    server: ScriptedServer
    rotation: Rotation
    store: MemoryTokenStore
    tokens: Renew

    def renew(self) -> TokenSet:
        """Let the access token end, and ask for tokens."""
        self.server.clock.advance(295)
        return self.tokens()


@pytest.fixture(params=["synchronous", "asynchronous"])
def stage(request: pytest.FixtureRequest, server: ScriptedServer) -> Stage:
    """The same stories for both drivers."""
    store = MemoryTokenStore()
    rotation = Rotation(server, store)
    client = authorized(server, server.client(store=store))
    server.refuse = rotation.answer

    def ask_asynchronously() -> TokenSet:
        async def run() -> TokenSet:
            async with httpx2.AsyncClient(transport=httpx2.MockTransport(server.answer)) as http:
                asking = AsyncClient(
                    server.configuration, http, clock=server.clock, entropy=SystemEntropy(), store=store
                )
                return await asking.tokens("alice")

        return asyncio.run(run())

    asks = (lambda: client.tokens("alice")) if request.param == "synchronous" else ask_asynchronously
    return Stage(server, rotation, store, asks)


def test_a_new_refresh_token_takes_the_old_ones_place(stage: Stage) -> None:
    """FAPI 2.0 SP section 5.3.3.1 item 6: it is used from then on, and the one before is kept until it has worked."""
    for number in (1, 2, 3):
        tokens = stage.renew()
        assert stage.rotation.shown[-1] == f"refresh-{number}"
        assert (tokens.refresh_token, tokens.previous_refresh_token) == (
            f"refresh-{number + 1}",
            f"refresh-{number}",
        )
        assert (tokens.subject, stage.store.load("alice")) == ("u-1", tokens)


def test_what_is_used_was_kept_before(stage: Stage) -> None:
    """A process that dies at any moment has lost no refresh token."""
    for _ in range(3):
        stage.renew()
    assert stage.rotation.kept_when_used == [True, True, True]


def test_a_lost_answer_costs_nothing(stage: Stage) -> None:
    """The server rotated and nobody heard of it: the old refresh token is sent again, and works."""
    stage.rotation.lose = True
    before = stage.store.load("alice")
    with pytest.raises(httpx2.ReadError):
        stage.renew()
    assert stage.store.load("alice") == before
    assert stage.tokens().refresh_token == "refresh-3"
    assert stage.rotation.shown == ["refresh-1", "refresh-1"]


def test_a_lost_answer_in_the_middle_costs_nothing_either(stage: Stage) -> None:
    """Also where the refresh token that is sent again is a new one itself."""
    stage.renew()
    stage.rotation.lose = True
    with pytest.raises(httpx2.ReadError):
        stage.renew()
    stage.tokens()
    assert stage.rotation.shown == ["refresh-1", "refresh-2", "refresh-2"]


def test_the_one_before_is_tried_where_the_new_one_is_refused(stage: Stage) -> None:
    """A server that lost the exchange, such as one that was restored, knows the old one only."""
    stage.renew()
    stage.rotation.valid = ["refresh-1"]
    tokens = stage.renew()
    assert stage.rotation.shown == ["refresh-1", "refresh-2", "refresh-1"]
    assert (tokens.refresh_token, tokens.previous_refresh_token) == ("refresh-3", "refresh-1")


def test_whichever_worked_goes_on_where_no_new_one_comes(stage: Stage) -> None:
    """The other one is of no use any more."""
    stage.renew()
    stage.rotation.rotates, stage.rotation.valid = False, ["refresh-1"]
    tokens = stage.renew()
    assert (tokens.refresh_token, tokens.previous_refresh_token) == ("refresh-1", None)
    stage.renew()
    assert stage.rotation.shown == ["refresh-1", "refresh-2", "refresh-1", "refresh-1"]


def test_a_new_one_that_has_worked_needs_no_predecessor(stage: Stage) -> None:
    """What is not kept cannot be stolen."""
    stage.renew()
    stage.rotation.rotates = False
    assert stage.renew().previous_refresh_token is None


def test_each_is_tried_once(stage: Stage) -> None:
    """An authorization that is over is over; nothing is kept of the attempt."""
    kept = stage.renew()
    stage.rotation.valid = []
    with pytest.raises(ServerRefusedError, match="invalid_grant"):
        stage.renew()
    assert stage.rotation.shown == ["refresh-1", "refresh-2", "refresh-1"]
    assert stage.store.load("alice") == kept


@pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "temporarily_unavailable"])
def test_another_refusal_says_nothing_about_the_refresh_token(stage: Stage, error: str) -> None:
    """Only invalid_grant does: the old one is not shown without need."""
    stage.renew()
    seen: list[str] = []

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path != "/token":
            return None
        seen.append(form_of(request)["refresh_token"])
        return httpx2.Response(400, json={"error": error})

    stage.server.refuse = refuse
    with pytest.raises(ServerRefusedError, match=error):
        stage.renew()
    assert seen == ["refresh-2"]


@pytest.mark.parametrize("lasts", [300, 0])
def test_what_another_process_kept_meanwhile_is_used(stage: Stage, lasts: float) -> None:
    """Two processes with one store: the one that comes second has an old refresh token, and looks again."""
    stage.rotation.grace = False
    answer = stage.rotation.answer

    def other_process_first(request: httpx2.Request) -> httpx2.Response | None:
        if stage.rotation.shown == []:
            stage.rotation.shown.append("by the other process")
            kept = stage.store.load("alice")
            assert kept is not None
            stage.rotation.valid = ["refresh-9"]
            ends = stage.server.clock.now() + lasts
            newer = replace(kept, access_token="theirs", refresh_token="refresh-9", expires_at=ends)
            stage.store.save("alice", newer)
        return answer(request)

    stage.server.refuse = other_process_first
    assert (stage.renew().access_token == "theirs") == (lasts > 0)
    assert stage.rotation.shown[:2] == ["by the other process", "refresh-1"]
    assert stage.rotation.shown[2:] == ([] if lasts else ["refresh-9"])


def test_tokens_of_another_server_are_nobodys_here(stage: Stage) -> None:
    """Clients of several servers may share a store: a refresh token is never sent to another server."""
    kept = stage.store.load("alice")
    assert kept is not None
    stage.store.save("alice", replace(kept, issuer="https://other.example"))
    with pytest.raises(Reject, match=r"client\.no-tokens"):
        stage.renew()
    assert stage.rotation.shown == []


def test_a_token_that_is_about_to_end_is_refreshed_and_kept(server: ScriptedServer) -> None:
    """The refresh token stays where the server sends no new one, and so does the person."""
    store = MemoryTokenStore()
    client = authorized(server, server.client(store=store))
    before = client.tokens("alice")
    server.clock.advance(291)
    after = client.tokens("alice")
    assert (after.access_token != before.access_token, after.refresh_token) == (True, "refresh-1")
    assert (after.subject, store.load("alice")) == ("u-1", after)
    assert client.tokens("alice") == after
    assert server.refreshed == 1


def test_both_refresh_tokens_are_revoked(server: ScriptedServer) -> None:
    """A server that lost the exchange knows the old one only: to it the new one is nothing that could be revoked."""
    store = MemoryTokenStore()
    client = authorized(server, server.client(store=store))
    server.refuse = Rotation(server, store).answer
    server.clock.advance(295)
    client.tokens("alice")
    revoked: list[str] = []

    def keep(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path != "/revoke":
            return None
        revoked.append(form_of(request)["token"])
        return httpx2.Response(200)

    server.refuse = keep
    client.revoke("alice")
    assert revoked == ["refresh-2", "refresh-1"]
