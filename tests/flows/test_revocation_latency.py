"""How long what was taken back lives on, over real TLS and with time turned by hand: not at all, or five seconds.

The guard inside a deployment asks the store, the one of a resource server on its own asks by introspection. Both
protect the same bank here, and each request goes to both.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from click.testing import CliRunner

from ecosystem import free_base_port
from local_tls import LocalTls, make_local_tls
from support.authority import BANK, ISSUER, make_authority
from support.drafts import TOKEN
from support.harbour import make_harbour
from support.requests import code_request, protected_request, refresh_request, revocation_request
from trustweft.cli import main
from trustweft.cli.data_directory import DataDirectory
from trustweft.net.fetch import Fetcher
from trustweft.net.serving import Listener, serve
from trustweft.resource.introspecting import IntrospectedRevocations, IntrospectionSettings
from trustweft.runtime.clock import SystemClock
from trustweft.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from support.authority import Authority, IssuedCode
    from support.drafts import Draft
    from support.harbour import Harbour
    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpResponse
    from trustweft.store.memory import MemoryStore

    Ending = Callable[["World", IssuedCode, dict[str, Any]], Awaitable[None]]

pytestmark = pytest.mark.anyio

CACHED = 5.0
INSIDE, ACROSS = "inside", "across"


@pytest.fixture(scope="module")
def local_tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """One local authority for all of these hosts."""
    return make_local_tls(tmp_path_factory.mktemp("revocation"))


@contextlib.asynccontextmanager
async def serving(application: Application, port: int, local_tls: LocalTls) -> AsyncIterator[None]:
    """Serve an application over TLS for as long as the block lasts."""
    stop, ready = asyncio.Event(), asyncio.Event()
    listener = Listener(
        name="test",
        application=application,
        host="localhost",
        port=port,
        certificate=local_tls.server.certificate_file,
        private_key=local_tls.server.private_key_file,
    )
    running = asyncio.create_task(serve([listener], stop=stop, on_ready=ready.set))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield
    finally:
        stop.set()
        await running


@dataclass
class World:
    """An authorization server, and one bank behind two guards: one beside it, one that has to ask it."""

    authority: Authority
    banks: dict[str, Harbour]
    ports: dict[str, int]
    data: Path
    fetcher: Fetcher
    asked: list[Mapping[str, str]] = field(default_factory=list)

    async def send(self, host: str, draft: Draft) -> HttpResponse:
        """Send a request over TLS."""
        sent = draft.finish()
        return await self.fetcher.send(
            sent.method,
            f"https://localhost:{self.ports[host]}{sent.path.decode()}",
            headers=[(name.decode(), value.decode()) for name, value in sent.headers],
            body=sent.body,
        )

    async def tokens(self, issued: IssuedCode) -> dict[str, Any]:
        """Redeem a code."""
        answer = await self.send("server", code_request(self.authority, issued))
        assert answer.status == 200
        return json_of(answer)

    async def call(self, bank: str, token: str) -> str:
        """Call a bank with the token; return its status, or the reason why it refuses."""
        draft = protected_request(
            self.authority,
            token,
            party=self.authority.moneyview,
            url=f"{BANK}/accounts",
            nonce=self.banks[bank].nonce,
        )
        draft.tokens[TOKEN] = token  # as it was issued: signed again, it would be another one
        answer = await self.send(bank, draft)
        return dict(answer.headers).get("trustweft-reason", str(answer.status))

    async def command(self, *arguments: str) -> None:
        """Run a command beside the running server, as an operator does."""
        result = await asyncio.to_thread(CliRunner().invoke, main, [*arguments, "--data", str(self.data)])
        assert result.exit_code == 0, result.output


def json_of(answer: HttpResponse) -> dict[str, Any]:
    """Return the members of an answer."""
    return msgspec.json.decode(answer.body, type=dict[str, Any])


@pytest.fixture
async def world(tmp_path: Path, local_tls: LocalTls) -> AsyncIterator[World]:
    """All of them, each at a port of its own."""
    base = free_base_port()
    DataDirectory.open_or_create(tmp_path / "data", base_port=base, clock=SystemClock())
    store = SqliteStore.open(DataDirectory.open(tmp_path / "data").database)
    authority = await make_authority(tmp_path / "keys", store=cast("MemoryStore", store))
    ports = {"server": base, INSIDE: base + 1, ACROSS: base + 2}
    fetcher = Fetcher(trust=local_tls.client_context(), allowed_hosts={"localhost"})
    made = World(authority, {INSIDE: make_harbour(authority)}, ports, tmp_path / "data", fetcher)

    async def post(url: str, form: Mapping[str, str]) -> HttpResponse:
        made.asked.append(form)
        return await fetcher.post(url, form)

    revocations = IntrospectedRevocations(
        IntrospectionSettings(
            issuer=ISSUER,
            endpoint=f"https://localhost:{base}/introspect",
            client_id="bank",
            signer=authority.bank.signer,
        ),
        post=post,
        clock=authority.clock,
        entropy=authority.deployment.entropy,
        observer=authority.hearing,
    )
    made.banks[ACROSS] = make_harbour(authority, revocations=revocations)
    async with contextlib.AsyncExitStack() as stack:
        for bank, harbour in made.banks.items():
            await stack.enter_async_context(serving(harbour.application, ports[bank], local_tls))
        yield made
    authority.close()
    await store.close()


async def _client_revokes_its_refresh_token(world: World, _: IssuedCode, tokens: dict[str, Any]) -> None:
    answer = await world.send("server", revocation_request(world.authority, tokens["refresh_token"]))
    assert answer.status == 200


async def _client_revokes_the_access_token(world: World, _: IssuedCode, tokens: dict[str, Any]) -> None:
    answer = await world.send("server", revocation_request(world.authority, tokens["access_token"]))
    assert answer.status == 200


async def _code_comes_again(world: World, issued: IssuedCode, _: dict[str, Any]) -> None:
    answer = await world.send("server", code_request(world.authority, issued))
    assert dict(answer.headers)["trustweft-reason"] == "code.replayed"


async def _operator_removes_the_client(world: World, _: IssuedCode, __: dict[str, Any]) -> None:
    await world.command("clients", "remove", "moneyview")


async def _operator_removes_the_person(world: World, _: IssuedCode, __: dict[str, Any]) -> None:
    await world.command("users", "remove", "alice")


ENDINGS: dict[str, Ending] = {
    "the client revokes its refresh token": _client_revokes_its_refresh_token,
    "the client revokes the access token": _client_revokes_the_access_token,
    "a code comes again": _code_comes_again,
    "an operator removes the client": _operator_removes_the_client,
    "an operator removes the person": _operator_removes_the_person,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_what_was_taken_back_ends_at_once_inside_and_within_five_seconds_across(
    world: World, local_tls: LocalTls, ending: Ending
) -> None:
    """However it ended; another grant of the same person and client goes on, unless all of them ended."""
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        issued, other = await world.authority.issue_code(), await world.authority.issue_code()
        tokens, others = await world.tokens(issued), await world.tokens(other)
        token = tokens["access_token"]
        assert [await world.call(bank, token) for bank in (INSIDE, ACROSS)] == ["200", "200"]
        await ending(world, issued, tokens)
        assert await world.call(INSIDE, token) == "guard.token-revoked"
        asked = len(world.asked)
        world.authority.clock.advance(CACHED - 0.1)
        assert await world.call(ACROSS, token) == "200"  # from memory: nobody was asked
        assert len(world.asked) == asked
        world.authority.clock.advance(0.1)
        assert await world.call(ACROSS, token) == "guard.token-revoked"
        lives_on = "guard.token-revoked" if "operator" in ending.__name__ else "200"
        calls = [await world.call(bank, others["access_token"]) for bank in (INSIDE, ACROSS)]
        assert calls == [lives_on, lives_on]


async def test_a_token_that_nobody_asked_about_before_is_refused_at_once(
    world: World, local_tls: LocalTls
) -> None:
    """The five seconds are those of an answer, not of a token."""
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        tokens = await world.tokens(await world.authority.issue_code())
        await _client_revokes_its_refresh_token(world, await world.authority.issue_code(), tokens)
        calls = [await world.call(bank, tokens["access_token"]) for bank in (INSIDE, ACROSS)]
    assert calls == ["guard.token-revoked", "guard.token-revoked"]


async def test_a_refreshed_token_ends_with_the_grant(world: World, local_tls: LocalTls) -> None:
    """Whichever of its tokens is presented: they hang off one permission."""
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        issued = await world.authority.issue_code()
        tokens = await world.tokens(issued)
        refreshed = json_of(
            await world.send("server", refresh_request(world.authority, tokens["refresh_token"]))
        )
        assert await world.call(INSIDE, refreshed["access_token"]) == "200"
        await _code_comes_again(world, issued, tokens)
        both = [await world.call(INSIDE, each["access_token"]) for each in (tokens, refreshed)]
    assert both == ["guard.token-revoked", "guard.token-revoked"]


async def test_an_authorization_server_that_is_away_opens_nothing(world: World, local_tls: LocalTls) -> None:
    """What was answered lately holds for its five seconds; then there is no answer, and no access."""
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        tokens = await world.tokens(await world.authority.issue_code())
        assert await world.call(ACROSS, tokens["access_token"]) == "200"
    world.authority.clock.advance(CACHED - 0.1)
    assert await world.call(ACROSS, tokens["access_token"]) == "200"
    world.authority.clock.advance(0.1)
    assert await world.call(ACROSS, tokens["access_token"]) == "revocation.unavailable"
    assert await world.call(INSIDE, tokens["access_token"]) == "200"  # the store is not away
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        world.authority.clock.advance(1)
        assert await world.call(ACROSS, tokens["access_token"]) == "200"


async def test_many_at_once_make_one_question(world: World, local_tls: LocalTls) -> None:
    """A burst of requests with one token asks the authorization server once in five seconds."""
    async with serving(world.authority.server.asgi, world.ports["server"], local_tls):
        tokens = await world.tokens(await world.authority.issue_code())
        calls = await asyncio.gather(*(world.call(ACROSS, tokens["access_token"]) for _ in range(16)))
        assert (calls, len(world.asked)) == (["200"] * 16, 1)
        world.authority.clock.advance(CACHED)
        calls = await asyncio.gather(*(world.call(ACROSS, tokens["access_token"]) for _ in range(16)))
        assert (calls, len(world.asked)) == (["200"] * 16, 2)
