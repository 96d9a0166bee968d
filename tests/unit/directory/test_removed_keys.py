"""A key that the directory takes out verifies nothing any more, wherever its word is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.anchor import ISSUER, Anchor, make_anchor
from support.anchor_members import MONEYVIEW, join, publish
from trustweft.crypto.key_rotation import retire
from trustweft.net.federation import ChainResolver
from trustweft.net.status_reader import StatusReader
from trustweft.net.status_state import MemoryState
from trustweft.protocol.offboarding import verify_order
from trustweft.protocol.security_event import StatusChange
from trustweft.protocol.software_statement import (
    SoftwareStatement,
    create_software_statement,
    parse_software_statement,
    verify_software_statement,
)
from trustweft.runtime.errors import Reject
from trustweft.runtime.observability import SilentObserver
from trustweft.server.directory_keys import PublishedDirectoryKeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from trustweft.protocol.http import HttpResponse

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anchor(tmp_path: Path) -> AsyncIterator[Anchor]:
    """A directory with a member."""
    made = await make_anchor(tmp_path)
    await join(made)
    publish(made)
    yield made
    await made.stop()


class Wire:
    """How others reach the directory, and what answers once in its place."""

    def __init__(self, anchor: Anchor) -> None:
        self.anchor = anchor
        self.instead: dict[str, HttpResponse] = {}

    async def send(
        self, method: str, url: str, /, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpResponse:
        """Ask the directory, or a member."""
        path = url.removeprefix(ISSUER)
        if path in self.instead:
            return self.instead[path]
        if path != url:
            return await self.anchor.ask(path, method=method, headers=list(headers), body=body)
        return self.anchor.web[url]

    async def get(self, url: str) -> HttpResponse:
        """Get a document."""
        return await self.send("GET", url)


def take_key_out(anchor: Anchor) -> None:
    """Say that others may have the key that signs, and go on with the next."""
    ring = anchor.directory.keys
    retire(ring.directory, ring.signer().key_id or "", compromised=True, now=anchor.clock.now())
    anchor.clock.advance(60)
    ring.reload(anchor.clock.now())


async def test_a_software_statement_of_a_removed_key_is_refused(anchor: Anchor) -> None:
    """By a server that looked for keys since."""
    keys = PublishedDirectoryKeys(
        f"{ISSUER}/jwks", fetch=Wire(anchor).get, clock=anchor.clock, observer=SilentObserver()
    )
    old = anchor.directory.keys.signer()

    async def verify() -> SoftwareStatement:
        statement = SoftwareStatement(
            issuer=ISSUER,
            jti="s-1",
            issued_at=anchor.clock.now(),
            software_id="moneyview",
            client_name="MoneyView",
            organisation_id="moneyview",
            organization_name="MoneyView",
            jwks={"keys": []},
        )
        parsed = parse_software_statement(create_software_statement(statement, signer=old))
        return verify_software_statement(
            parsed,
            keys=await keys.key_set(parsed.token),
            issuer=ISSUER,
            algorithms=("ES256",),
            now=anchor.clock.now(),
            future_tolerance=0,
            maximum_age=300,
        )

    assert (await verify()).software_id == "moneyview"
    take_key_out(anchor)
    anchor.clock.advance(300)
    with pytest.raises(Reject) as refused:
        await verify()
    assert refused.value.reason.id == "software-statement.no-key"


async def test_a_list_of_a_removed_key_is_refused_within_a_minute(anchor: Anchor) -> None:
    """And what was known before stays as it is, until the next good one."""
    wire = Wire(anchor)
    heard: list[str] = []

    class Hears(SilentObserver):
        def refused(self, participant: str, endpoint: str, refusal: Reject) -> None:
            heard.append(refusal.reason.id)

    reader = StatusReader(
        issuer=ISSUER,
        feed=f"{ISSUER}/status",
        jwks_uri=f"{ISSUER}/jwks",
        send=wire.send,
        keeper=MemoryState(),
        clock=anchor.clock,
        observer=Hears(),
        participant="server",
    )
    assert await reader.poll(wait=False)
    known = reader.known
    forged = await anchor.ask("/status")
    take_key_out(anchor)
    wire.instead[f"/status?since={known.revision}&wait=0"] = forged
    assert not await reader.poll(wait=False)
    assert heard == ["status.no-key"]
    assert reader.known == known
    wire.instead.clear()
    assert await reader.poll(wait=False)


async def test_a_chain_with_a_statement_of_a_removed_key_is_refused(anchor: Anchor) -> None:
    """Whoever holds the Trust Anchor's keys in a file takes the removed one out of it."""
    wire = Wire(anchor)
    old = await anchor.ask(f"/federation/fetch?sub={MONEYVIEW}")
    take_key_out(anchor)
    wire.instead[f"/federation/fetch?sub={MONEYVIEW.replace(':', '%3A').replace('/', '%2F')}"] = old
    resolver = ChainResolver(
        anchors={ISSUER: anchor.keys()}, fetch=wire.get, clock=anchor.clock, future_tolerance=0
    )
    with pytest.raises(Reject) as refused:
        await resolver.resolve(MONEYVIEW)
    assert refused.value.reason.id == "federation.unknown-key"
    wire.instead.clear()
    anchor.clock.advance(31)
    publish(anchor)
    assert (await resolver.resolve(MONEYVIEW)).trust_anchor == ISSUER


async def test_an_order_that_waits_is_signed_anew_with_the_next_key(anchor: Anchor) -> None:
    """Else whoever was away meanwhile could never verify it; what became evidence first stays."""
    name = await anchor.move("software:moneyview", "revoke")
    take_key_out(anchor)
    anchor.start()
    await anchor.bank.heard(1)
    change = next(
        event.event
        for event in anchor.events(anchor.bank)
        if isinstance(event.event, StatusChange) and event.event.order == name
    )
    assert change.order_token is not None
    order = verify_order(
        change.order_token, keys=anchor.keys(), issuer=ISSUER, now=anchor.clock.now(), tolerance=0
    )
    assert order.jti == name
