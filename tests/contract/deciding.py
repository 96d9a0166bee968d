"""The operations that decide: of N callers exactly one wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.samples import (
    LATER,
    NOW,
    code,
    digest,
    grant,
    interaction,
    passkey,
    pushed_request,
    user,
)
from trustweft.server.records import Freshness, Redemption

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.server.storage import ServerStore

__all__ = ["DECIDING", "Deciding"]


async def _nothing(_store: ServerStore) -> None:
    """Some operations need nothing to be there first."""


async def _request(store: ServerStore) -> None:
    await store.save_pushed_request(digest("request"), pushed_request())


async def _interaction(store: ServerStore) -> None:
    await store.save_interaction(digest("cookie"), interaction())


async def _code(store: ServerStore) -> None:
    await store.save_grant(grant())
    await store.save_code(digest("code"), code())


async def _client(store: ServerStore) -> None:
    await store.add_client("moneyview", b"{}")
    await store.save_grant(grant())


async def _user(store: ServerStore) -> None:
    await store.add_user(user(password_hash="old"))
    await store.add_passkey(passkey())


@dataclass(frozen=True)
class Deciding:
    """One operation as caller number ``n`` calls it, what must be there first, and what the winner gets."""

    prepare: Callable[[ServerStore], Awaitable[None]]
    call: Callable[[ServerStore, int], Awaitable[object]]
    won: object
    lost: object


DECIDING: dict[str, Deciding] = {
    "remember_jti": Deciding(
        _nothing,
        lambda store, _: store.remember_jti(space="a", key=b"1", expires_at=LATER),
        won=Freshness.FRESH,
        lost=Freshness.REPLAYED,
    ),
    "spend_pushed_request": Deciding(
        _request,
        lambda store, _: store.spend_pushed_request(digest("request"), now=NOW),
        won=pushed_request(),
        lost=None,
    ),
    "end_interaction": Deciding(
        _interaction, lambda store, _: store.end_interaction(digest("cookie")), won=True, lost=False
    ),
    "revoke_grant": Deciding(
        _code, lambda store, n: store.revoke_grant("grant", now=NOW + n), won=True, lost=False
    ),
    "redeem_code": Deciding(
        _code,
        lambda store, _: store.redeem_code(digest("code"), now=NOW),
        won=Redemption.REDEEMED,
        lost=Redemption.ALREADY_USED,
    ),
    "add_client": Deciding(
        _nothing, lambda store, n: store.add_client("moneyview", b"%d" % n), won=True, lost=False
    ),
    "replace_client": Deciding(
        _client,
        lambda store, n: store.replace_client("moneyview", old=b"{}", new=b'{"n": %d}' % n),
        won=True,
        lost=False,
    ),
    "remove_client": Deciding(
        _client, lambda store, n: store.remove_client("moneyview", now=NOW + n), won=True, lost=False
    ),
    "add_user, same name": Deciding(
        _nothing, lambda store, n: store.add_user(user(subject=f"s{n}")), won=True, lost=False
    ),
    "add_user, same subject": Deciding(
        _nothing, lambda store, n: store.add_user(user(f"u{n}")), won=True, lost=False
    ),
    "remove_user": Deciding(
        _user, lambda store, n: store.remove_user("alice", now=NOW + n), won=True, lost=False
    ),
    "replace_password_hash": Deciding(
        _user,
        lambda store, n: store.replace_password_hash("alice-subject", old="old", new=f"new{n}"),
        won=True,
        lost=False,
    ),
    "add_passkey": Deciding(
        _user, lambda store, n: store.add_passkey(passkey(b"new", created_at=NOW + n)), won=True, lost=False
    ),
    "advance_passkey": Deciding(
        _user,
        lambda store, n: store.advance_passkey(b"credential", seen=7, sign_count=8 + n),
        won=True,
        lost=False,
    ),
}
