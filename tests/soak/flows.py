"""Flows that are interrupted at any point, each with a ledger of what the server has acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from soak.client import Bank
from soak.connections import Connection, Request
from soak.person import SEE_OTHER, Person, code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.connections import Answer
    from soak.site import Site

__all__ = ["INTERRUPTED", "Fate", "Flow", "Step", "Walk"]

# What a killed server looks like from outside.
INTERRUPTED: Final = (OSError, asyncio.IncompleteReadError)


class Step(Enum):
    """How far something has come, as the one who asked for it knows."""

    NOT_SENT = auto()
    SENT = auto()  # no answer came: it may be carried out, or not
    ACKNOWLEDGED = auto()


class Fate(Enum):
    """Where a flow stops by itself, and waits for what becomes of it."""

    PUSHED = auto()
    AGREED = auto()
    REDEEMED = auto()
    REVOKED = auto()


@dataclass
class Flow:
    """One flow, and the ledger of its answers."""

    number: int
    fate: Fate
    pushing: Step = Step.NOT_SENT
    deciding: Step = Step.NOT_SENT
    redeeming: Step = Step.NOT_SENT
    revoking: Step = Step.NOT_SENT
    request_uri: str = ""
    code: str = ""
    access_token: str = ""
    refresh_token: str = ""


class Walk:
    """The way of one flow through a server; each method is one exchange that may be interrupted.

    Args:
        site: where.
        flow: whose ledger is kept.
        on_send: is called before each request whose answer the ledger keeps.
    """

    def __init__(self, site: Site, flow: Flow, *, on_send: Callable[[], None] = lambda: None) -> None:
        self.flow = flow
        self._site = site
        self._client = site.client
        self._person = Person(site, flow.number)
        self._on_send = on_send

    async def go(self) -> None:
        """Go as far as the flow's fate is.

        Raises:
            OSError: the server was killed; or asyncio.IncompleteReadError.
        """
        await self.push()
        if self.flow.fate is Fate.PUSHED:
            return
        opened = await self.decide()
        assert self.flow.code, (opened.status, opened.reason)
        if self.flow.fate is Fate.AGREED:
            return
        redeemed = await self.redeem()
        assert redeemed.status == 200, redeemed.reason
        if self.flow.fate is Fate.REVOKED:
            await self.revoke()

    async def push(self) -> None:
        """Push the request."""
        async with await self._connect() as connection:
            self._on_send()
            self.flow.pushing = Step.SENT
            answer = await self._ask(connection, self._client.push)
        assert answer.status == 201, answer.reason
        self.flow.request_uri, self.flow.pushing = answer.json["request_uri"], Step.ACKNOWLEDGED

    async def decide(self) -> Answer:
        """Let the person log in and agree; the answer is the last one: where it is not a redirect, there is no code."""
        async with await self._connect() as connection:
            opened = await self.open(connection)
            if opened.status != 200:
                return opened
            asked = await self._person.log_in(connection)
            assert asked.status == 200, (asked.status, asked.reason)
            self._on_send()
            self.flow.deciding = Step.SENT
            answer = await self._person.decide(connection)
        if answer.status == SEE_OTHER and code_of(answer):
            self.flow.code, self.flow.deciding = code_of(answer), Step.ACKNOWLEDGED
        return answer

    async def open(self, connection: Connection) -> Answer:
        """Come to the authorization endpoint with the request."""
        return await self._person.open(
            connection, client_id=self._client.client_id, request_uri=self.flow.request_uri
        )

    async def reopen(self) -> Answer:
        """Try whether the request can be opened once more."""
        async with await self._connect() as connection:
            return await self.open(connection)

    async def redeem(self) -> Answer:
        """Redeem the code."""
        async with await self._connect() as connection:
            self._on_send()
            if self.flow.redeeming is Step.NOT_SENT:
                self.flow.redeeming = Step.SENT
            answer = await self._ask(connection, lambda: self._client.redeem(self.flow.code))
        if answer.status == 200:
            self.flow.access_token = answer.json["access_token"]
            self.flow.refresh_token = answer.json["refresh_token"]
            self.flow.redeeming = Step.ACKNOWLEDGED
        return answer

    async def refresh(self) -> Answer:
        """Refresh the access token."""
        async with await self._connect() as connection:
            return await self._ask(connection, lambda: self._client.refresh(self.flow.refresh_token))

    async def introspect(self) -> bool:
        """Ask as the bank whether the access token is good."""
        bank = Bank(self._site.directory)
        async with await self._connect() as connection:
            answer = await self._ask(connection, lambda: bank.introspect(self.flow.access_token))
        return bool(answer.json["active"])

    async def revoke(self) -> None:
        """Revoke what was granted."""
        async with await self._connect() as connection:
            self._on_send()
            self.flow.revoking = Step.SENT
            answer = await self._ask(connection, lambda: self._client.revoke(self.flow.refresh_token))
        assert answer.status == 200, answer.reason
        self.flow.revoking = Step.ACKNOWLEDGED

    async def _ask(self, connection: Connection, make: Callable[[], Request]) -> Answer:
        """Send what ``make`` signs; once more where the nonce has grown old."""
        answer = await connection.send(make())
        self._client.learn_nonce(self._client.issuer, answer)
        return await connection.send(make()) if answer.reason.startswith("dpop.nonce") else answer

    async def _connect(self) -> Connection:
        port = self._site.directory.ports.server
        return await Connection.open(port, self._site.trust, source=self._person.source)
