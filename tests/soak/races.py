"""Races for what can be used once: many requests at one instant, at several workers; one wins, the others are refused.

Each function runs one round and returns who won and why the others lost; what must be true of every round is asserted
here, and nowhere can a round pass in which one worker alone took part.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

from soak.client import Bank
from soak.connections import Connection, Request, shoot
from soak.person import SEE_OTHER, Person, code_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from soak.connections import Answer
    from soak.site import Running, Site

__all__ = ["CROWD", "RACES", "Arena", "Round"]

CROWD: Final = 32
ATTEMPTS: Final = 50  # to meet two workers at least; all connections at one of four is already improbable
_GOOD: Final = frozenset({200, 201, SEE_OTHER})


@dataclass(frozen=True, slots=True)
class Round:
    """How one round ended: why the others lost, and how many requests each worker refused."""

    reasons: Counter[str]
    refused_by: Counter[int]


@dataclass(frozen=True)
class Arena:
    """Where races take place: a server and a resource server with several workers each."""

    site: Site
    server: Running
    resource: Running

    @property
    def server_port(self) -> int:
        """Where the authorization server is."""
        return self.site.directory.ports.server

    async def ask(self, request: Request) -> Answer:
        """Send one request to the server, over a connection of its own."""
        async with await Connection.open(self.server_port, self.site.trust) as connection:
            answer = await connection.send(request)
        self.site.client.learn_nonce(self.site.client.issuer, answer)
        return answer

    async def fresh_nonces(self) -> None:
        """Learn the nonces of both servers: proofs of a race must lack nothing."""
        client = self.site.client
        await self.ask(client.credentials())
        async with await Connection.open(self.site.directory.ports.resource, self.site.trust) as connection:
            granted = await self.ask(client.credentials())
            answer = await connection.send(client.accounts(granted.json["access_token"]))
            client.learn_nonce(client.bank, answer)

    @asynccontextmanager
    async def connected(self, running: Running, port: int) -> AsyncIterator[list[Connection]]:
        """Open connections for a crowd; at least two workers have two of them or more, so that one at each loses."""
        for _ in range(ATTEMPTS):
            async with AsyncExitStack() as stack:
                trust = self.site.trust
                connections = [
                    await stack.enter_async_context(await Connection.open(port, trust)) for _ in range(CROWD)
                ]
                since = running.logged
                await shoot(connections, [Request("GET", "/who-answers-here")] * CROWD)
                if sum(number > 1 for number in running.refused_by(since).values()) > 1:
                    yield connections
                    return
        raise AssertionError(f"one worker took all connections in {ATTEMPTS} attempts")

    async def race(
        self, requests: Sequence[Request], *, lost: Mapping[str, tuple[int, str]], at_resource: bool = False
    ) -> tuple[Answer, Round]:
        """Send all requests at once and return the winner's answer.

        Args:
            requests: as many as there are connections.
            lost: the reasons for which the others may be refused, each with status and error code.
            at_resource: at the resource server, instead of the authorization server.
        """
        ports = self.site.directory.ports
        running, port = (self.resource, ports.resource) if at_resource else (self.server, ports.server)
        async with self.connected(running, port) as connections:
            since = running.logged
            answers = await shoot(connections, requests)
            refused_by = running.refused_by(since)
        winners = [answer for answer in answers if answer.status in _GOOD]
        losers = [answer for answer in answers if answer.status not in _GOOD]
        outcome = Counter((answer.status, answer.error, answer.reason) for answer in losers)
        expected = {(status, error, reason) for reason, (status, error) in lost.items()}
        assert (len(winners), outcome.keys() - expected) == (1, set()), (len(winners), outcome)
        assert len(refused_by) > 1, refused_by
        assert refused_by.total() == len(losers)
        return winners[0], Round(Counter(answer.reason for answer in losers), refused_by)

    async def question(self, person: Person, request_uri: str, connection: Connection) -> None:
        """Bring a person to the question of the consent page."""
        opened = await person.open(connection, client_id=self.site.client.client_id, request_uri=request_uri)
        assert opened.status == 200, (opened.status, opened.reason)
        asked = await person.log_in(connection)
        assert (asked.status, b"approve" in asked.body) == (200, True), (asked.status, asked.reason)

    async def push(self) -> str:
        """Push a request; return its request_uri."""
        pushed = await self.ask(self.site.client.push())
        assert pushed.status == 201, (pushed.status, pushed.reason)
        return str(pushed.json["request_uri"])

    async def code(self, number: int) -> str:
        """Let a customer agree to a new request; return the code."""
        person, request_uri = Person(self.site, number), await self.push()
        async with await Connection.open(
            self.server_port, self.site.trust, source=person.source
        ) as connection:
            await self.question(person, request_uri, connection)
            return code_of(await person.decide(connection))


async def one_code(arena: Arena, number: int) -> Round:
    """A code is redeemed once; because it was tried again, what it gave is revoked."""
    client, bank = arena.site.client, Bank(arena.site.directory)
    code = await arena.code(number)
    won, round_ = await arena.race(
        [client.redeem(code) for _ in range(CROWD)], lost={"code.replayed": (400, "invalid_grant")}
    )
    refreshed = await arena.ask(client.refresh(won.json["refresh_token"]))
    assert (refreshed.status, refreshed.error, refreshed.reason) == (
        400,
        "invalid_grant",
        "refresh-token.grant-ended",
    )
    introspected = await arena.ask(bank.introspect(won.json["access_token"]))
    assert introspected.json == {"active": False}
    return round_


async def one_request_uri(arena: Arena, number: int) -> Round:
    """Two people in two browsers answer one pushed request, clicking many times: one code, redeemed once."""
    client, request_uri = arena.site.client, await arena.push()
    people = [Person(arena.site, number + each) for each in range(2)]
    for person in people:
        async with await Connection.open(
            arena.server_port, arena.site.trust, source=person.source
        ) as connection:
            await arena.question(person, request_uri, connection)
    clicks = [person.agree() for person in islice(cycle(people), CROWD)]
    lost = dict.fromkeys(("interaction.ended", "request-uri.spent"), (400, ""))
    won, round_ = await arena.race(clicks, lost=lost)
    assert (await arena.ask(client.redeem(code_of(won)))).status == 200
    again = await arena.ask(client.push())  # the client itself is as well as before
    assert again.status == 201
    return round_


async def one_assertion(arena: Arena, _number: int) -> Round:
    """One client assertion at every endpoint that takes one: it authenticates one request."""
    client = arena.site.client
    assertion = client.assertion()
    makers: tuple[Callable[[], Request], ...] = (
        lambda: client.push(assertion=assertion),
        lambda: client.credentials(assertion=assertion),
        lambda: Request("POST", "/introspect", form=client.form(assertion, token="none")),
        lambda: Request("POST", "/revoke", form=client.form(assertion, token="none")),
    )
    requests = [make() for make in islice(cycle(makers), CROWD)]
    _, round_ = await arena.race(requests, lost={"client-assertion.replayed": (401, "invalid_client")})
    return round_


async def one_proof_at_the_token_endpoint(arena: Arena, _number: int) -> Round:
    """One DPoP proof under many requests for a token: one token."""
    client = arena.site.client
    proof = client.proof("POST", f"{client.issuer}/token", base=client.issuer)
    requests = [client.credentials(proof=proof) for _ in range(CROWD)]
    _, round_ = await arena.race(requests, lost={"dpop.replayed": (400, "invalid_dpop_proof")})
    return round_


async def one_proof_at_the_guard(arena: Arena, _number: int) -> Round:
    """One DPoP proof with its token, seen on the wire and sent many times: one answer with data."""
    client = arena.site.client
    granted = await arena.ask(client.credentials())
    request = client.accounts(granted.json["access_token"])
    _, round_ = await arena.race(
        [request] * CROWD, lost={"dpop.replayed": (401, "invalid_dpop_proof")}, at_resource=True
    )
    return round_


RACES: Final[Mapping[str, Callable[[Arena, int], Awaitable[Round]]]] = {
    "one code": one_code,
    "one request_uri": one_request_uri,
    "one client assertion": one_assertion,
    "one DPoP proof at the token endpoint": one_proof_at_the_token_endpoint,
    "one DPoP proof at the guard": one_proof_at_the_guard,
}
