"""The store as the guard of a resource server sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.samples import LATER, MUCH_LATER, NOW, all_of, grant
from trustweft.protocol.access_token import AccessToken, Confirmation
from trustweft.runtime.clock import ManualClock
from trustweft.store.guard import StoreReplayMemory, StoreRevocations

if TYPE_CHECKING:
    from trustweft.resource.storage import ReplayMemory, RevocationSource
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def token() -> AccessToken:
    """A token of a grant, as the guard has verified it."""
    return AccessToken(
        issuer="https://server.example",
        subject="alice-subject",
        audience=("https://bank.example",),
        client_id="moneyview",
        scope=("accounts",),
        issued_at=NOW,
        expires_at=MUCH_LATER,
        jti="jti",
        confirmation=Confirmation(jkt="thumbprint", certificate_thumbprint=None),
        grant_id="grant",
        auth_time=None,
        acr=None,
        claims={},
    )


async def test_a_proof_is_used_first_once(store: ServerStore) -> None:
    """Of twenty concurrent uses one is the first; a second worker shares the memory."""
    memory: ReplayMemory = StoreReplayMemory(store, space="bank")
    outcomes = await all_of(memory.first_use(key=b"1", expires_at=LATER) for _ in range(20))
    assert outcomes == [True, *[False] * 19]
    assert await StoreReplayMemory(store, space="bank").first_use(key=b"1", expires_at=LATER) is False
    assert await StoreReplayMemory(store, space="other").first_use(key=b"1", expires_at=LATER) is True


async def test_a_use_is_remembered_when_it_is_called(store: ServerStore) -> None:
    """Not only when it is awaited: whoever calls first is first."""
    memory = StoreReplayMemory(store, space="bank")
    first = memory.first_use(key=b"1", expires_at=LATER)
    assert await memory.first_use(key=b"1", expires_at=LATER) is False
    assert await first is True


@pytest.mark.parametrize("broken", ["nothing", "token", "grant", "client", "time"])
async def test_a_token_is_active_until_something_it_depends_on_ends(
    store: ServerStore, clock: ManualClock, token: AccessToken, broken: str
) -> None:
    """Revoking the token, its grant or its client, or the end of the grant, is seen by the next request."""
    await store.add_client("moneyview", b"{}")
    await store.save_grant(grant())
    source: RevocationSource = StoreRevocations(store, clock=clock)
    assert await source.is_active(token, presented="token") is True
    match broken:
        case "token":
            await store.revoke_access_token("jti", expires_at=MUCH_LATER)
        case "grant":
            await store.revoke_grant("grant", now=NOW)
        case "client":
            await store.remove_client("moneyview", now=NOW)
        case "time":
            clock.advance(MUCH_LATER - NOW)
    assert await source.is_active(token, presented="token") is (broken == "nothing")
