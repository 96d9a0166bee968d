"""The contract for what has had its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.samples import (
    LATER,
    MUCH_LATER,
    NOW,
    code,
    digest,
    grant,
    interaction,
    pushed_request,
    refresh_token,
)
from trustweft.server.records import Freshness, Redemption, TokenStatus

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio

KINDS = 8


async def save_one_of_each(store: ServerStore, name: str, *, until: float) -> None:
    """Save one row of every kind that expires, all at the same time."""
    await store.remember_jti(space="a", key=name.encode(), expires_at=until)
    await store.save_pushed_request(digest(name), pushed_request(kept_until=until))
    await store.save_interaction(digest(name), interaction(expires_at=until))
    await store.save_grant(grant(name, expires_at=until))
    await store.save_code(digest(name), code(grant_id=name, expires_at=until, kept_until=until))
    await store.save_refresh_token(digest(name), refresh_token(grant_id=name, expires_at=until))
    await store.revoke_access_token(name, expires_at=until)
    await store.count_attempt(name.encode(), window_ends=until)


async def test_every_kind_that_expires_is_reaped(store: ServerStore) -> None:
    """After the reaper everything that had its time is gone, and forgotten."""
    await store.add_client("moneyview", b"{}")
    await save_one_of_each(store, "old", until=LATER)
    assert await store.backlog(now=LATER) == KINDS
    assert await store.reap(now=LATER, limit=10) == KINDS
    assert await store.backlog(now=LATER) == 0
    assert await store.remember_jti(space="a", key=b"old", expires_at=LATER) is Freshness.FRESH
    assert await store.find_pushed_request(digest("old")) is None
    assert await store.find_interaction(digest("old"), now=NOW) is None
    assert await store.find_grant("old") is None
    assert await store.find_code(digest("old")) is None
    assert await store.find_refresh_token(digest("old"), now=NOW) is None
    status = await store.access_token_status(jti="old", grant_id=None, client_id="moneyview", now=NOW)
    assert status is TokenStatus.ACTIVE
    assert await store.count_attempt(b"old", window_ends=LATER) == 1


async def test_nothing_is_reaped_before_its_time(store: ServerStore) -> None:
    """Until the instant of expiry everything stays and works."""
    await store.add_client("moneyview", b"{}")
    await save_one_of_each(store, "new", until=LATER)
    assert await store.backlog(now=LATER - 0.001) == 0
    assert await store.reap(now=LATER - 0.001, limit=10) == 0
    assert await store.remember_jti(space="a", key=b"new", expires_at=LATER) is Freshness.REPLAYED
    assert await store.find_pushed_request(digest("new")) is not None
    assert await store.find_interaction(digest("new"), now=NOW) is not None
    assert await store.redeem_code(digest("new"), now=NOW) is Redemption.REDEEMED
    assert await store.find_refresh_token(digest("new"), now=NOW) is not None
    status = await store.access_token_status(jti="new", grant_id="new", client_id="moneyview", now=NOW)
    assert status is TokenStatus.REVOKED
    assert await store.count_attempt(b"new", window_ends=LATER) == 2


async def test_a_round_of_the_reaper_is_bounded_per_kind(store: ServerStore) -> None:
    """Five of each with a limit of two take three rounds."""
    for name in "abcde":
        await store.remember_jti(space="a", key=name.encode(), expires_at=LATER)
        await store.save_interaction(digest(name), interaction(expires_at=LATER))
    assert [await store.reap(now=LATER, limit=2) for _ in range(4)] == [4, 4, 2, 0]


async def test_the_oldest_are_not_forgotten_for_the_young(store: ServerStore) -> None:
    """A bounded round takes what expired first, so that no row waits for ever."""
    await store.remember_jti(space="a", key=b"younger", expires_at=LATER)
    await store.remember_jti(space="a", key=b"older", expires_at=NOW)
    assert await store.reap(now=LATER, limit=1) == 1
    assert await store.remember_jti(space="a", key=b"younger", expires_at=LATER) is Freshness.REPLAYED


async def test_what_hangs_off_a_grant_goes_with_it(store: ServerStore) -> None:
    """A code or refresh token that would outlive its grant is removed together with it."""
    await store.save_grant(grant(expires_at=LATER))
    await store.save_code(digest("code"), code(kept_until=MUCH_LATER))
    await store.save_refresh_token(digest("refresh"), refresh_token(expires_at=MUCH_LATER))
    assert await store.reap(now=LATER, limit=10) == 1
    assert await store.find_code(digest("code")) is None
    assert await store.find_refresh_token(digest("refresh"), now=LATER) is None


async def test_parties_and_tombstones_are_never_reaped(store: ServerStore) -> None:
    """Clients, users and their removed identifiers stay for ever."""
    await store.add_client("moneyview", b"{}")
    await store.add_client("removed", b"{}")
    await store.remove_client("removed", now=NOW)
    assert await store.backlog(now=float("inf")) == 0
    assert await store.reap(now=float("inf"), limit=10) == 0
    assert await store.list_clients() == [("moneyview", b"{}")]
    assert await store.add_client("removed", b"{}") is False
