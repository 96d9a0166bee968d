"""Threads and tasks that ask for the same tokens, replace them or revoke them at once: one at a time, nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import httpx2
import pytest

from scripted_server import ScriptedServer, form_of
from trustweft.client import AsyncClient, TokenSet
from trustweft.client.tokens import MemoryTokenStore
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from trustweft.client import Client


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()


def authorized(server: ScriptedServer, client: Client) -> Client:
    """Have an authorization under the name alice."""
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    return client


def test_threads_that_ask_at_once_refresh_once(server: ScriptedServer) -> None:
    """One of them refreshes for all: a server that rotates would see a replay otherwise."""
    client = authorized(server, server.client())
    server.clock.advance(291)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(client.tokens("alice").access_token)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (server.refreshed, len(found), len(set(found))) == (1, 8, 1)


def test_nobody_refreshes_what_is_being_revoked(server: ScriptedServer) -> None:
    """What a refresh brought would come back into the store, and look as if it were good."""
    client = authorized(server, server.client())
    locked: list[bool] = []

    def look(request: httpx2.Request) -> None:
        if request.url.path == "/revoke":
            locked.append(client._lock("alice").locked())

    server.refuse = look
    client.revoke("alice")
    assert locked == [True]


def test_a_new_authorization_waits_for_a_refresh_under_way(server: ScriptedServer) -> None:
    """Else the tokens of the one before, maybe another person's, would take the place of the new ones."""
    locked: list[bool] = []

    class Looking(MemoryTokenStore):
        def save(self, name: str, tokens: TokenSet) -> None:
            locked.append(client._lock(name).locked())
            super().save(name, tokens)

    client = server.client(store=Looking())
    authorized(server, client)
    client.client_credentials(("accounts",), name="alice")
    assert locked == [True, True]


def test_a_task_with_a_new_authorization_waits_too(server: ScriptedServer) -> None:
    """The asynchronous client does the same: what came last is what is kept."""
    refreshing = asyncio.Event()

    async def hold(request: httpx2.Request) -> httpx2.Response:
        if form_of(request).get("grant_type") == "refresh_token":
            refreshing.set()
            for _ in range(40):  # long enough for whoever does not wait
                await asyncio.sleep(0)
        return server.answer(request)

    async def run() -> tuple[TokenSet, TokenSet | None]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(hold)) as http:
            store = MemoryTokenStore()
            client = AsyncClient(
                server.configuration, http, clock=server.clock, entropy=SystemEntropy(), store=store
            )
            for _ in range(2):
                started = await client.begin()
                latest = await client.finish(started.pending, server.query(started), name="alice")
                if not refreshing.is_set():
                    server.clock.advance(291)
                    asking = asyncio.create_task(client.tokens("alice"))
                    await refreshing.wait()
            await asking
            return latest, store.load("alice")

    latest, kept = asyncio.run(run())
    assert latest == kept


def test_a_task_that_revokes_waits_for_the_one_that_refreshes(server: ScriptedServer) -> None:
    """The asynchronous client does the same."""
    store = MemoryTokenStore()
    refreshing = asyncio.Event()

    async def hold(request: httpx2.Request) -> httpx2.Response:
        if form_of(request).get("grant_type") == "refresh_token":
            refreshing.set()
            for _ in range(20):  # long enough for whoever does not wait
                await asyncio.sleep(0)
        return server.answer(request)

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(hold)) as http:
            client = AsyncClient(
                server.configuration, http, clock=server.clock, entropy=SystemEntropy(), store=store
            )
            started = await client.begin()
            await client.finish(started.pending, server.query(started), name="alice")
            server.clock.advance(291)
            asking = asyncio.create_task(client.tokens("alice"))
            await refreshing.wait()
            await client.revoke("alice")
            await asking

    asyncio.run(run())
    assert store.load("alice") is None


def test_tasks_that_ask_at_once_refresh_once(server: ScriptedServer) -> None:
    """The asynchronous client does the same."""

    async def run() -> set[str]:
        transport = httpx2.MockTransport(server.answer)
        async with httpx2.AsyncClient(transport=transport) as http:
            client = AsyncClient(server.configuration, http, clock=server.clock, entropy=SystemEntropy())
            started = await client.begin()
            await client.finish(started.pending, server.query(started), name="alice")
            server.clock.advance(291)
            found = await asyncio.gather(*[client.tokens("alice") for _ in range(8)])
            return {tokens.access_token for tokens in found}

    assert (len(asyncio.run(run())), server.refreshed) == (1, 1)


def test_whoever_waits_while_a_refresh_fails_is_still_one_at_a_time(server: ScriptedServer) -> None:
    """A lost answer must not let two send the same refresh token at once: a server that rotates would see a replay."""
    client = authorized(server, server.client())
    server.clock.advance(291)
    locked: list[bool] = []
    waiting = threading.Barrier(2, timeout=20)

    def lose(request: httpx2.Request) -> None:
        if form_of(request).get("grant_type") == "refresh_token":
            if not locked:
                waiting.wait()  # until the other one is on its way
            locked.append(client._lock("alice").locked())
            raise httpx2.ReadError("the connection broke", request=request)

    def ask() -> None:
        with contextlib.suppress(httpx2.ReadError):
            client.tokens("alice")

    def come_second() -> None:
        lock = client._lock("alice")  # as a thread has it that waits
        waiting.wait()
        with lock:
            later = client._lock("alice")
            locked.append(later is lock and later.locked())

    server.refuse = lose
    threads = [threading.Thread(target=run) for run in (ask, come_second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert locked == [True, True]
    assert len(client._locks) == 0


def test_tasks_that_wait_while_a_refresh_fails_are_still_one_at_a_time(server: ScriptedServer) -> None:
    """The asynchronous client does the same."""
    under_way, most = 0, 0

    async def lose(request: httpx2.Request) -> httpx2.Response:
        nonlocal under_way, most
        if form_of(request).get("grant_type") != "refresh_token":
            return server.answer(request)
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        raise httpx2.ReadError("the connection broke", request=request)

    async def run() -> list[TokenSet | BaseException]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(lose)) as http:
            client = AsyncClient(server.configuration, http, clock=server.clock, entropy=SystemEntropy())
            started = await client.begin()
            await client.finish(started.pending, server.query(started), name="alice")
            server.clock.advance(291)
            first = asyncio.gather(*[client.tokens("alice") for _ in range(3)], return_exceptions=True)
            for _ in range(30):  # into the second of them
                await asyncio.sleep(0)
            later = asyncio.gather(*[client.tokens("alice") for _ in range(3)], return_exceptions=True)
            return [*await first, *await later]

    outcomes = asyncio.run(run())
    assert {type(outcome) for outcome in outcomes} == {httpx2.ReadError}
    assert (len(outcomes), most) == (6, 1)
