"""The contract for what ends with somebody who is off-boarded: all of it, with counts, and nothing of anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from contract.samples import (
    LATER,
    NOW,
    code,
    digest,
    grant,
    interaction,
    passkey,
    pushed_request,
    refresh_token,
    user,
)
from trustweft.server.records import Ended, Redemption

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


async def _fill(store: ServerStore) -> None:
    """Give a client and another one of everything that can be under way."""
    for client_id in ("moneyview", "moneyview-2"):
        await store.add_client(client_id, b"{}")
        name = f"grant of {client_id}"
        await store.save_grant(replace(grant(), grant_id=name, client_id=client_id, subject="sub.alice"))
        for thing in ("used", "fresh"):
            made = replace(code(), grant_id=name, client_id=client_id)
            await store.save_code(digest(f"{thing} {client_id}"), made)
        await store.redeem_code(digest(f"used {client_id}"), now=NOW)
        token = replace(refresh_token(), grant_id=name, client_id=client_id)
        await store.save_refresh_token(digest(f"token {client_id}"), token)
        await store.save_pushed_request(
            digest(f"request {client_id}"), replace(pushed_request(), client_id=client_id)
        )
        await store.save_interaction(
            digest(f"visit {client_id}"),
            replace(interaction(subject="sub.alice"), client_id=client_id),
        )


ALL = Ended(request_uris=1, interactions=1, codes=1, refresh_tokens=1, grants=1, registrations=1)


async def test_with_a_client_ends_all_that_it_has(store: ServerStore) -> None:
    """Each kind is counted and gone; another client, whose name begins alike, keeps everything."""
    await _fill(store)
    assert await store.end_client("moneyview", now=NOW) == ALL
    assert await store.find_client("moneyview") is None
    assert await store.find_pushed_request(digest("request moneyview")) is None
    assert await store.find_interaction(digest("visit moneyview"), now=NOW) is None
    assert await store.redeem_code(digest("fresh moneyview"), now=NOW) is Redemption.UNKNOWN
    assert await store.find_refresh_token(digest("token moneyview"), now=NOW) is None
    ended = await store.find_grant("grant of moneyview")
    assert ended is not None
    assert ended.revoked_at == NOW
    assert await store.end_client("moneyview-2", now=LATER) == ALL


async def test_a_second_time_finds_nothing(store: ServerStore) -> None:
    """An order that is carried out again changes nothing, and what comes late for the client is born revoked."""
    await _fill(store)
    await store.end_client("moneyview", now=NOW)
    assert await store.end_client("moneyview", now=LATER) == Ended()
    assert await store.end_client("nobody", now=LATER) == Ended()
    await store.save_grant(replace(grant(), grant_id="late", client_id="moneyview"))
    late = await store.find_grant("late")
    assert late is not None
    assert late.revoked_at == NOW


async def test_with_a_person_ends_all_that_was_granted_in_their_name(store: ServerStore) -> None:
    """Clients lose that person alone; the person can log in no more, and the subject stays taken."""
    alice = replace(user(), subject="sub.alice")
    await store.add_user(alice)
    await store.add_passkey(replace(passkey(), subject="sub.alice"))
    await _fill(store)
    await store.save_grant(replace(grant(), grant_id="of bob", client_id="moneyview", subject="sub.bob"))
    assert await store.end_user("sub.alice", now=NOW) == Ended(
        interactions=2, codes=2, refresh_tokens=2, grants=2
    )
    assert await store.find_subject("sub.alice") is None
    assert await store.passkeys_of("sub.alice") == []
    assert await store.add_user(alice) is False
    of_bob = await store.find_grant("of bob")
    assert of_bob is not None
    assert of_bob.revoked_at is None
    assert await store.find_client("moneyview") is not None
    assert await store.end_user("sub.alice", now=LATER) == Ended()


async def test_with_the_server_ends_all_that_anybody_has(store: ServerStore) -> None:
    """Clients and people are known still, and have nothing left."""
    await store.add_user(replace(user(), subject="sub.alice"))
    await _fill(store)
    everything = Ended(request_uris=2, interactions=2, codes=2, refresh_tokens=2, grants=2)
    assert await store.end_server(now=NOW) == everything
    assert await store.find_pushed_request(digest("request moneyview")) is None
    assert await store.find_refresh_token(digest("token moneyview-2"), now=NOW) is None
    ended = await store.find_grant("grant of moneyview")
    assert ended is not None
    assert ended.revoked_at == NOW
    assert await store.find_client("moneyview") is not None
    assert await store.find_subject("sub.alice") is not None
    assert await store.end_server(now=LATER) == Ended()
