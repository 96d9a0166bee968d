"""What a client does once the directory has spoken of an authorization server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from scripted_server import RESOURCE, ScriptedServer
from support.directory import new_signer
from support.participants import Member, make_member
from trustweft.client.discovery import METADATA_LIFETIME, SUCCESSOR_COOL_DOWN
from trustweft.client.participation import ENDED, Offboarder, Participation
from trustweft.client.tokens import MemoryTokenStore, TokenSet
from trustweft.crypto.keys import public_jwk, thumbprint
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from trustweft.protocol.ecosystem_status import Effect

pytestmark = pytest.mark.anyio
BANK, OTHER = "https://bank.example", "https://other.example"
BRAND = "brand:harbour-bank"


BRANDS = {BANK: "harbour-bank", OTHER: "other-bank"}


async def knowing() -> tuple[Member, Participation]:
    """Return a client that knows two servers of the ecosystem."""
    member = make_member(ManualClock())
    assert await member.reader.poll()
    return member, Participation(member.reader, BRANDS)


async def test_a_server_that_does_not_take_part_is_not_trusted() -> None:
    """Neither one that is suspended nor one that has ended; others are."""
    member, participation = await knowing()
    participation.check(BANK)
    for effect, reason in (("suspended", "client.server-suspended"), ("ended", "client.server-ended")):
        member.directory.say(BRAND, effect)  # type: ignore[arg-type]
        await member.hear(BRAND)
        with pytest.raises(Reject) as refused:
            participation.check(BANK)
        assert refused.value.reason.id == reason
        participation.check(OTHER)


@pytest.mark.parametrize("effect", ["suspended", "ended"])
async def test_nothing_is_sent_to_a_server_that_does_not_take_part(effect: Effect) -> None:
    """No request, no code, no token; one that is suspended hears of what a person takes back, and of nothing else."""
    member, server = make_member(ManualClock()), ScriptedServer()
    assert await member.reader.poll()
    participation = Participation(member.reader, {server.issuer: "harbour-bank"})
    server.configuration = replace(server.configuration, check_server=participation.check)
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    another = client.begin()
    callback = server.query(another)
    member.directory.say(BRAND, effect)
    await member.hear(BRAND)
    before = len(server.requests)
    attempts: tuple[Callable[[], object], ...] = (
        client.begin,
        lambda: client.finish(another.pending, callback, name="bob"),
        lambda: client.client_credentials(("accounts",), name="itself"),
        lambda: client.userinfo("alice"),
        partial(client.tokens, "alice"),
    )
    for attempt in attempts:
        if attempt is attempts[-1]:
            server.clock.advance(3_600)  # so that the tokens have to be refreshed
        with pytest.raises(Reject) as refused:
            attempt()
        assert refused.value.reason.id == f"client.server-{effect}"
    assert len(server.requests) == before
    if effect == "suspended":
        client.revoke("alice")
        assert server.calls[-1] == "/revoke"
    else:
        with pytest.raises(Reject, match=r"client\.server-ended"):
            client.revoke("alice")
        assert len(server.requests) == before


async def test_a_key_of_the_server_that_has_ended_says_who_nobody_is() -> None:
    """Whoever stole it writes ID tokens for anybody: none is believed, though the server publishes the key still."""
    member, server = make_member(ManualClock()), ScriptedServer()
    assert await member.reader.poll()
    participation = Participation(member.reader, {server.issuer: "harbour-bank"})
    server.configuration = replace(
        server.configuration, check_server=participation.check, believed_keys=participation.believed
    )
    client = server.client()
    for name in ("alice", "bob"):
        started = client.begin()
        client.finish(started.pending, server.query(started), name=name)
        member.directory.say("software:somebody-else", "ended", cause="revoked")
        await member.hear("software:somebody-else")
    key = f"key:{thumbprint(server.signer.public_key)}"
    member.directory.say(key, "ended", cause="compromised")
    await member.hear(key)
    started = client.begin()
    with pytest.raises(Reject) as refused:
        client.finish(started.pending, server.query(started), name="mallory")
    assert refused.value.reason.id == "id-token.unknown-key"
    # Another one takes its place soon: it is not waited for as long as after a token that names any key.
    before = server.calls.count("/jwks")
    server.signer = new_signer("as-2")
    server.keys.append({**public_jwk(server.signer.public_key), "kid": "as-2", "alg": "ES256", "use": "sig"})
    server.clock.advance(SUCCESSOR_COOL_DOWN)
    started = client.begin()
    client.finish(started.pending, server.query(started), name="carol")
    assert server.calls.count("/jwks") == before + 1


async def test_with_a_server_ends_what_the_client_has_of_it() -> None:
    """Its tokens are forgotten and counted, those of other servers stay, and a second time finds nothing."""
    member, _ = await knowing()
    tokens = MemoryTokenStore()
    for name, issuer in (("alice at bank", BANK), ("bob at bank", BANK), ("alice elsewhere", OTHER)):
        refresh = "r" if name.startswith("alice") else None
        tokens.save(
            name,
            TokenSet(issuer=issuer, access_token="a", expires_at=0, scope=(), refresh_token=refresh),
        )
    member.directory.say(BRAND, "ended", cause="revoked")
    order = member.directory.order("organisation:harbour", "revoke", subjects=(BRAND,))
    offboarder = Offboarder(BRANDS, tokens)
    assert await offboarder(order) == {"access_tokens": 2, "refresh_tokens": 1}
    assert (tokens.load("alice at bank"), tokens.load("bob at bank")) == (None, None)
    assert tokens.load("alice elsewhere") is not None
    assert await offboarder(order) == {"access_tokens": 0, "refresh_tokens": 0}
    assert await offboarder(member.directory.order("software:x", "revoke")) == {}


async def test_with_a_key_of_a_server_access_tokens_are_fetched_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the key signed is refused everywhere; the permission stays, and nobody is asked for it again."""
    member, server = make_member(ManualClock()), ScriptedServer()
    assert await member.reader.poll()
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    assert isinstance(client.store, MemoryTokenStore)
    client.store.save("itself", TokenSet(issuer=server.issuer, access_token="a", expires_at=9e9, scope=()))
    monkeypatch.setattr("trustweft.client.participation.AGAIN", 0.0)
    participation = Participation(member.reader, {server.issuer: "harbour-bank", OTHER: "other-bank"})
    offboarder = Offboarder({server.issuer: "harbour-bank"}, client.store)
    offboarder.renew_also(client.store, issuers_of=participation.issuers_of)
    member.directory.say("key:ours", "active", parents=(BRAND,))
    member.directory.say("key:theirs", "active", parents=("brand:other-bank",))
    assert await member.reader.poll()
    assert (await offboarder(member.directory.order("key:theirs", "compromise")))["access_tokens"] == 0
    client.tokens("alice")
    assert server.calls.count("/token") == 1
    assert await offboarder(member.directory.order("key:ours", "compromise")) == {"access_tokens": 2}
    assert client.store.load("itself") is None
    client.tokens("alice")
    client.tokens("alice")
    assert server.calls.count("/token") == 2
    # The server may have heard later than we did.
    await asyncio.sleep(0.01)
    client.tokens("alice")
    assert server.calls.count("/token") == 3
    assert participation.issuers_of("key:not-heard-of") == (server.issuer, OTHER)


def leaving() -> tuple[ScriptedServer, list[str]]:
    """Return a server, and a list with which it has ended as soon as something is in it."""
    server, ended = ScriptedServer(), list[str]()

    def check(issuer: str, *, revoking: bool = False) -> None:
        if ended:
            raise ENDED.reject(f"{issuer} {revoking}")

    server.configuration = replace(server.configuration, check_server=check)
    return server, ended


@pytest.mark.parametrize(
    ("conversation", "path"),
    [
        ("begin", "/.well-known/oauth-authorization-server"),
        ("begin", "/par"),
        ("finish", "/token"),
        ("finish", "/jwks"),
        ("refresh", "/.well-known/oauth-authorization-server"),
        ("refresh", "/token"),
    ],
)
async def test_a_server_that_ends_while_it_answers_leaves_nothing(conversation: str, path: str) -> None:
    """Wherever the order arrives: nothing more is sent, and what comes after all was forgotten is not kept."""
    server, ended = leaving()
    client = server.client()
    started = client.begin()
    callback = server.query(started)
    if conversation == "refresh":
        client.finish(started.pending, callback, name="alice")
    if path.startswith("/.well-known"):
        server.clock.advance(METADATA_LIFETIME + 1)

    def end_there(request: httpx2.Request) -> None:
        if request.url.path == path:
            ended.append(path)
            client.store.forget("alice")
            client.forget_issuer(server.issuer)

    server.refuse = end_there
    server.clock.advance(600)  # so that what is kept must be refreshed
    attempts: dict[str, Callable[[], object]] = {
        "begin": client.begin,
        "finish": lambda: client.finish(started.pending, callback, name="alice"),
        "refresh": lambda: client.tokens("alice"),
    }
    with pytest.raises(Reject, match=r"client\.server-ended"):
        attempts[conversation]()
    assert server.calls[-1] == path
    assert client.store.load("alice") is None
    assert client.forget_issuer(server.issuer) == {"caches": 0}
    ended.clear()
    with pytest.raises(Reject, match=r"client\.no-tokens"):
        client.call("GET", RESOURCE, name="alice")


async def test_tokens_of_a_server_that_ended_are_shown_to_no_api() -> None:
    """Even where they were not forgotten."""
    server, ended = leaving()
    client = server.client()
    started = client.begin()
    client.finish(started.pending, server.query(started), name="alice")
    assert client.call("GET", RESOURCE, name="alice").status == 200
    ended.append("now")
    with pytest.raises(Reject, match=r"client\.server-ended"):
        client.call("GET", RESOURCE, name="alice")
