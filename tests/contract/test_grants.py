"""The contract for grants and what hangs off them: codes, refresh tokens, access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from contract.samples import LATER, MUCH_LATER, NOW, all_of, code, digest, grant, refresh_token
from trustweft.server.records import Redemption, TokenStatus
from trustweft.store.errors import StoreConflictError

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


async def test_a_grant_comes_back_as_it_was_saved(store: ServerStore) -> None:
    """Every field survives; one without end keeps having none."""
    endless = grant("endless", expires_at=float("inf"))
    await store.save_grant(grant())
    await store.save_grant(endless)
    assert await store.find_grant("grant") == grant()
    assert await store.find_grant("endless") == endless
    assert await store.find_grant("unknown") is None


async def test_a_grant_is_revoked_once_and_can_still_be_read(store: ServerStore) -> None:
    """The first caller revokes it; the time of revocation never changes."""
    await store.save_grant(grant())
    assert await store.revoke_grant("grant", now=LATER) is True
    assert await store.revoke_grant("grant", now=MUCH_LATER) is False
    assert await store.revoke_grant("unknown", now=LATER) is False
    assert await store.find_grant("grant") == replace(grant(), revoked_at=LATER)


async def test_a_grant_is_never_overwritten(store: ServerStore) -> None:
    """Saving a grant again cannot bring a revoked one back."""
    await store.save_grant(grant())
    await store.revoke_grant("grant", now=LATER)
    with pytest.raises(StoreConflictError):
        await store.save_grant(grant())
    assert await store.find_grant("grant") == replace(grant(), revoked_at=LATER)


async def test_a_code_is_redeemed_once(store: ServerStore) -> None:
    """Looking does not spend it; after the one redemption every other is recognised as a replay."""
    await store.save_grant(grant())
    await store.save_code(digest("code"), code())
    assert await store.find_code(digest("code")) == code()
    assert await store.redeem_code(digest("code"), now=NOW) is Redemption.REDEEMED
    assert await store.redeem_code(digest("code"), now=NOW) is Redemption.ALREADY_USED
    assert await store.find_code(digest("code")) == replace(code(), used=True)


async def test_an_unknown_or_expired_code_cannot_be_redeemed(store: ServerStore) -> None:
    """The instant of expiry itself is too late, and trying changes nothing."""
    await store.save_grant(grant())
    await store.save_code(digest("code"), code(expires_at=LATER))
    assert await store.redeem_code(digest("guess"), now=NOW) is Redemption.UNKNOWN
    assert await store.redeem_code(digest("code"), now=LATER) is Redemption.UNKNOWN
    assert await store.redeem_code(digest("code"), now=LATER - 1) is Redemption.REDEEMED


async def test_the_replay_of_a_used_code_is_recognised_after_its_expiry(store: ServerStore) -> None:
    """A used code is kept past its expiry so that a late replay still revokes the grant."""
    await store.save_grant(grant())
    await store.save_code(digest("code"), code(expires_at=LATER))
    await store.redeem_code(digest("code"), now=NOW)
    await store.reap(now=LATER, limit=10)
    assert await store.redeem_code(digest("code"), now=LATER) is Redemption.ALREADY_USED


async def test_a_refresh_token_is_found_until_it_expires(store: ServerStore) -> None:
    """The instant of expiry itself is too late."""
    await store.save_grant(grant())
    await store.save_refresh_token(digest("refresh"), refresh_token(expires_at=LATER))
    found = await store.find_refresh_token(digest("refresh"), now=LATER - 1)
    assert found == refresh_token(expires_at=LATER)
    assert await store.find_refresh_token(digest("refresh"), now=LATER) is None
    assert await store.find_refresh_token(digest("guess"), now=NOW) is None


async def test_a_refresh_token_can_be_made_to_end_sooner_and_never_later(store: ServerStore) -> None:
    """Whoever comes later cannot lengthen what an earlier one has shortened; the rest of it stays as it was."""
    await store.save_grant(grant())
    await store.save_refresh_token(digest("refresh"), refresh_token(expires_at=MUCH_LATER))
    for until in (LATER, LATER + 1, MUCH_LATER, MUCH_LATER + 1):
        await store.shorten_refresh_token(digest("refresh"), until=until)
    found = await store.find_refresh_token(digest("refresh"), now=LATER - 1)
    assert found == refresh_token(expires_at=LATER)
    assert await store.find_refresh_token(digest("refresh"), now=LATER) is None
    await store.shorten_refresh_token(digest("guess"), until=LATER)
    assert await store.reap(now=LATER, limit=10) == 1


async def test_of_many_who_shorten_a_refresh_token_the_soonest_counts(store: ServerStore) -> None:
    """In whichever order they come, and beside a new one that is kept in the same commit."""
    await store.save_grant(grant())
    await store.save_refresh_token(digest("refresh"), refresh_token(expires_at=MUCH_LATER))
    pending = []
    for number in (7, 3, 9, 5):
        pending.append(store.save_refresh_token(digest(f"new {number}"), refresh_token()))
        pending.append(store.shorten_refresh_token(digest("refresh"), until=LATER + number))
    await all_of(pending)
    found = await store.find_refresh_token(digest("refresh"), now=NOW)
    assert found == refresh_token(expires_at=LATER + 3)
    kept = [await store.find_refresh_token(digest(f"new {number}"), now=NOW) for number in (3, 5, 7, 9)]
    assert kept == [refresh_token()] * 4


async def test_nothing_hangs_off_a_grant_that_does_not_exist(store: ServerStore) -> None:
    """A code or refresh token without its grant could not be revoked, so it is not kept."""
    with pytest.raises(StoreConflictError):
        await store.save_code(digest("code"), code(grant_id="none"))
    with pytest.raises(StoreConflictError):
        await store.save_refresh_token(digest("refresh"), refresh_token(grant_id="none"))
    assert await store.find_code(digest("code")) is None
    assert await store.find_refresh_token(digest("refresh"), now=NOW) is None


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("nothing", TokenStatus.ACTIVE),
        ("token revoked", TokenStatus.REVOKED),
        ("grant revoked", TokenStatus.REVOKED),
        ("grant expired", TokenStatus.REVOKED),
        ("grant unknown", TokenStatus.REVOKED),
        ("client removed", TokenStatus.REVOKED),
        ("client unknown", TokenStatus.REVOKED),
        ("another token revoked", TokenStatus.ACTIVE),
        ("another grant revoked", TokenStatus.ACTIVE),
        ("another client removed", TokenStatus.ACTIVE),
    ],
)
async def test_an_access_token_is_as_good_as_everything_it_depends_on(
    store: ServerStore, broken: str, expected: TokenStatus
) -> None:
    """Token, grant and client must all be known and good; what happens to others does not matter."""
    await store.add_client("moneyview", b"{}")
    await store.add_client("other", b"{}")
    await store.save_grant(grant("grant"))
    await store.save_grant(grant("other", client_id="other"))
    match broken:
        case "token revoked":
            await store.revoke_access_token("jti", expires_at=LATER)
        case "another token revoked":
            await store.revoke_access_token("other", expires_at=LATER)
        case "grant revoked":
            await store.revoke_grant("grant", now=NOW)
        case "another grant revoked":
            await store.revoke_grant("other", now=NOW)
        case "client removed":
            await store.remove_client("moneyview", now=NOW)
        case "another client removed":
            await store.remove_client("other", now=NOW)
    status = await store.access_token_status(
        jti="jti",
        grant_id="missing" if broken == "grant unknown" else "grant",
        client_id="stranger" if broken == "client unknown" else "moneyview",
        now=MUCH_LATER if broken == "grant expired" else NOW,
    )
    assert status is expected


async def test_an_access_token_without_a_grant_depends_on_itself_and_its_client(store: ServerStore) -> None:
    """A token of the client itself is good until it or the client is taken back."""
    await store.add_client("moneyview", b"{}")

    async def status(jti: str) -> TokenStatus:
        return await store.access_token_status(jti=jti, grant_id=None, client_id="moneyview", now=NOW)

    await store.revoke_access_token("revoked", expires_at=LATER)
    assert await status("revoked") is TokenStatus.REVOKED
    assert await status("good") is TokenStatus.ACTIVE
    await store.remove_client("moneyview", now=NOW)
    assert await status("good") is TokenStatus.REVOKED


async def test_a_revocation_is_remembered_as_long_as_the_longest_claim(store: ServerStore) -> None:
    """Revoking twice is no error, and a shorter claim does not let the token come back."""
    await store.add_client("moneyview", b"{}")
    await store.revoke_access_token("jti", expires_at=LATER)
    await store.revoke_access_token("jti", expires_at=MUCH_LATER)
    await store.revoke_access_token("jti", expires_at=LATER)
    await store.reap(now=LATER, limit=10)
    status = await store.access_token_status(jti="jti", grant_id=None, client_id="moneyview", now=LATER)
    assert status is TokenStatus.REVOKED
