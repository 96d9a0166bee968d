"""A client's `jwks_uri` over real TLS: what its host may send, and where the server lets itself be sent."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
from typing import TYPE_CHECKING

import msgspec
import pytest

from local_tls import LocalTls, make_local_tls, read_head, tls_server
from support.authority import make_authority, make_party
from support.client_hosts import jwk_of
from support.requests import credentials_request
from trustweft.net.fetch import Fetcher
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_keys import ClientKeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from support.authority import Authority, Party
    from support.wire import Answer

pytestmark = pytest.mark.anyio


class Host:
    """A client's host: answers every request with the same octets, if it answers at all."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[bytes] = []
        self.arrived = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    def publish(self, *keys: dict[str, object]) -> None:
        """Answer with those keys."""
        self.answer = answer_of(msgspec.json.encode({"keys": keys}))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, and answer it."""
        self.requests.append(await read_head(reader))
        self.arrived.set()
        await self.answers.wait()
        writer.write(self.answer)
        await writer.drain()


def answer_of(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an HTTP answer in octets."""
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


@pytest.fixture(scope="module")
def local_tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """One local authority for all of these hosts."""
    return make_local_tls(tmp_path_factory.mktemp("client-hosts"))


@dataclasses.dataclass
class World:
    """A server, a client by reference, and its host."""

    authority: Authority
    client: Party
    host: Host
    port: int

    def allow(self, local_tls: LocalTls, hosts: Collection[str], *, seconds: float = 10.0) -> None:
        """Fetch as a deployment does that lets these hosts have private addresses."""
        fetcher = Fetcher(trust=local_tls.client_context(), allowed_hosts=hosts, maximum_seconds=seconds)
        authority = self.authority
        keys = ClientKeys(fetch=fetcher.get, clock=authority.clock, observer=authority.hearing)
        authority.deployment = dataclasses.replace(authority.deployment, client_keys=keys)
        authority.server = AuthorizationServer(authority.deployment)

    async def call(self, client: Party | None = None) -> Answer:
        """Ask for a token."""
        return await self.authority.send(credentials_request(self.authority, client or self.client))


@pytest.fixture
async def world(tmp_path: Path, local_tls: LocalTls) -> AsyncIterator[World]:
    """The host is on this machine, and the deployment lets it be there."""
    authority, host = await make_authority(tmp_path / "keys"), Host()
    async with tls_server(host.talk, local_tls.server_context()) as port:
        client = make_party("remote", grant_types=("client_credentials",), scope=("accounts",))
        await authority.register(client, jwks=None, jwks_uri=f"https://localhost:{port}/jwks?of=remote")
        host.publish(jwk_of(client.signer))
        made = World(authority, client, host, port)
        made.allow(local_tls, {"localhost"})
        yield made
    authority.close()


async def test_a_published_key_is_fetched_and_authenticates_its_client(world: World) -> None:
    """One GET of the registered address, asking for nothing compressed, for any number of requests."""
    answers = await asyncio.gather(*(world.call() for _ in range(32)))
    assert [answer.status for answer in answers] == [200] * 32
    (request,) = world.host.requests
    assert request.startswith(b"GET /jwks?of=remote HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in request.lower()
    assert b"authorization" not in request.lower()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (answer_of(b"", b"location: https://localhost:1/", status=b"302 Found"), "client-keys.fetch-failed"),
        (answer_of(b"", b"location: http://169.254.169.254/", status=b"307 Temporary Redirect"), "client-keys.fetch-failed"),
        (answer_of(b'{"keys":[]}', status=b"404 Not Found"), "client-keys.fetch-failed"),
        (answer_of(b'{"keys":[]' + b" " * 300_000 + b"}"), "fetch.too-large"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n" + b" " * 300_000, "fetch.too-large"),
        (answer_of(gzip.compress(b" " * 10_000_000), b"content-encoding: gzip"), "fetch.encoded"),
        (answer_of(b"[" * 200_000), "json.too-deep"),
        (answer_of(b"<html>"), "json.malformed"),
        (b"", "fetch.unreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:20]),
)  # fmt: skip
async def test_an_odd_answer_is_no_answer(world: World, answer: bytes, cause: str) -> None:
    """The client is told to come back; the operator's log says what was wrong; the host is left alone meanwhile."""
    world.host.answer = answer
    answers = [await world.call() for _ in range(3)]
    assert {answer.reason for answer in answers} == {"client-keys.unavailable"}
    assert (cause in world.authority.hearing.causes, len(world.host.requests)) == (True, 1)


async def test_a_host_that_leads_inside_is_not_asked_unless_the_operator_named_it(
    world: World, local_tls: LocalTls
) -> None:
    """A registration cannot make the server look around in its own network."""
    world.allow(local_tls, {"elsewhere.example"})
    assert (await world.call()).reason == "client-keys.unavailable"
    assert ("fetch.address" in world.authority.hearing.causes, world.host.requests) == (True, [])


@pytest.mark.parametrize(
    "address",
    ["https://127.0.0.1:{port}/", "https://[::ffff:127.0.0.1]:{port}/", "https://2130706433:{port}/"],
)
async def test_no_spelling_of_an_inner_address_is_asked(world: World, address: str) -> None:
    """Only the host's name was allowed, not what it stands for."""
    await world.authority.reregister(world.client, jwks_uri=address.format(port=world.port))
    assert (await world.call()).reason == "client-keys.unavailable"
    assert world.host.requests == []


async def test_an_unencrypted_address_is_not_asked(world: World) -> None:
    """It cannot be registered; where the store holds one all the same, the client is refused."""
    await world.authority.reregister(world.client, jwks_uri=f"http://localhost:{world.port}/")
    assert (await world.call()).reason == "client-metadata.keys-by-reference"
    assert world.host.requests == []


async def test_a_host_that_never_answers_is_given_up_and_keeps_nobody_waiting(
    world: World, local_tls: LocalTls
) -> None:
    """Others are served meanwhile; whoever waited for it is told to come back."""
    world.allow(local_tls, {"localhost"}, seconds=0.3)
    world.host.answers.clear()
    waiting = [asyncio.create_task(world.call()) for _ in range(8)]
    await world.host.arrived.wait()
    assert (await world.call(world.authority.parties["machine"])).status == 200
    assert [task.done() for task in waiting] == [False] * 8
    assert {(await task).reason for task in waiting} == {"client-keys.unavailable"}
    assert ("fetch.timeout" in world.authority.hearing.causes, len(world.host.requests)) == (True, 1)
    world.host.answers.set()


async def test_a_removed_key_is_gone_with_the_next_fetch(world: World) -> None:
    """The client takes a stolen key out of its document: five minutes later nobody gets anything with it."""
    assert (await world.call()).status == 200
    successor = make_party("remote")
    world.host.publish(jwk_of(successor.signer, kid="successor"))
    world.authority.clock.advance(300)
    assert (await world.call()).reason == "client-assertion.no-key"
    assert len(world.host.requests) == 2
