"""Refresh tokens stay as they are; where an operator has them replaced, no client is left without one."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support.authority import make_authority
from support.drafts import PROOF
from support.requests import code_request, credentials_request, refresh_request, revocation_request
from trustweft.runtime.encoding import digest_of
from trustweft.server.config import RefreshTokenRotation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from support.wire import Answer

pytestmark = pytest.mark.anyio

WINDOW = 3_600
ROTATION = RefreshTokenRotation(window_seconds=WINDOW)


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server that replaces refresh tokens."""
    made = await make_authority(tmp_path / "keys")
    made.configure(refresh_token_rotation=ROTATION)
    yield made
    made.close()


async def refresh(authority: Authority, token: str, **parameters: Any) -> Answer:
    """Refresh."""
    return await authority.send(refresh_request(authority, token, **parameters))


async def ends_at(authority: Authority, token: str) -> float | None:
    """Return until when the token is good, None where it is none."""
    found = await authority.store.find_refresh_token(digest_of(token), now=authority.clock.now())
    return None if found is None else found.expires_at


async def test_each_refresh_gives_a_new_token_that_lives_as_long_as_the_grant(authority: Authority) -> None:
    """The new one is worth what the old one was, and no longer than the permission behind it."""
    token, record = await authority.issue_refresh_token()
    authority.clock.advance(1_000)
    new = (await refresh(authority, token)).json["refresh_token"]
    assert new != token
    found = await authority.store.find_refresh_token(digest_of(new), now=authority.clock.now())
    assert found == record
    newest = (await refresh(authority, new)).json["refresh_token"]
    assert len({token, new, newest}) == 3


async def test_the_old_token_serves_until_its_window_ends(authority: Authority) -> None:
    """The answer was lost: the client tries again with what it has, as often as it must, and gets a whole new one."""
    token, record = await authority.issue_refresh_token()
    begun = authority.clock.now()
    answers = [await refresh(authority, token)]
    for later in (30, 1_800, 1_769):
        authority.clock.advance(later)
        answers.append(await refresh(authority, token))
        assert await ends_at(authority, token) == begun + WINDOW  # nobody lengthens it by using it
    tokens = [answer.json["refresh_token"] for answer in answers]
    assert [await ends_at(authority, each) for each in tokens] == [record.expires_at] * 4
    authority.clock.advance(1)
    answer = await refresh(authority, token)
    assert (answer.status, answer.json["error"], answer.reason) == (
        400,
        "invalid_grant",
        "refresh-token.unknown",
    )


async def test_a_rotated_token_that_comes_too_late_ends_nothing(authority: Authority) -> None:
    """Without the client's key nobody can use it: it shows a lost answer, not a theft, so the grant goes on."""
    token, _ = await authority.issue_refresh_token()
    new = (await refresh(authority, token)).json["refresh_token"]
    authority.clock.advance(WINDOW)
    assert (await refresh(authority, token)).reason == "refresh-token.unknown"
    assert (await refresh(authority, new)).status == 200


async def test_a_token_that_ends_sooner_is_not_lengthened(authority: Authority) -> None:
    """Neither the old one by its window, nor the new one beyond the grant."""
    token, record = await authority.issue_refresh_token()
    authority.clock.advance(record.expires_at - authority.clock.now() - 10)
    new = (await refresh(authority, token)).json["refresh_token"]
    assert [await ends_at(authority, each) for each in (token, new)] == [record.expires_at] * 2
    authority.clock.advance(10)
    assert {(await refresh(authority, each)).reason for each in (token, new)} == {"refresh-token.unknown"}


async def test_a_limit_of_the_profile_shorter_than_the_grant_holds_for_the_new_token(
    authority: Authority,
) -> None:
    """The profile's limit counts from when a token is issued."""
    limits = msgspec.structs.replace(authority.deployment.profile.limits, refresh_token_lifetime=7_200.0)
    profile = msgspec.structs.replace(authority.deployment.profile, limits=limits)
    authority.deployment = dataclasses.replace(authority.deployment, profile=profile)
    authority.configure()
    token, _ = await authority.issue_refresh_token()
    new = (await refresh(authority, token)).json["refresh_token"]
    assert await ends_at(authority, new) == authority.clock.now() + 7_200


async def test_32_refreshes_at_once_are_all_answered(authority: Authority) -> None:
    """A client with many workers: every answer is good, every new token too, and the window is that of the first."""
    token, record = await authority.issue_refresh_token()
    answers = await asyncio.gather(*(refresh(authority, token) for _ in range(32)))
    assert [answer.status for answer in answers] == [200] * 32
    new = {answer.json["refresh_token"] for answer in answers}
    assert len(new) == 32
    assert {await ends_at(authority, each) for each in new} == {record.expires_at}
    assert await ends_at(authority, token) == authority.clock.now() + WINDOW
    assert authority.hearing.failures == []


async def test_a_narrower_access_token_leaves_the_new_refresh_token_whole(authority: Authority) -> None:
    """What shrinks is the one access token (RFC 6749 section 6); wider than granted is refused, and rotates nothing."""
    token, record = await authority.issue_refresh_token(scope=("openid", "accounts"))
    wider = await refresh(authority, token, scope="openid payments")
    assert (wider.json["error"], await ends_at(authority, token)) == ("invalid_scope", record.expires_at)
    answer = await refresh(authority, token, scope="accounts")
    assert answer.json["scope"] == "accounts"
    assert (await refresh(authority, answer.json["refresh_token"])).json["scope"] == "openid accounts"


async def test_what_is_refused_rotates_nothing(authority: Authority) -> None:
    """A replayed request, another client, a proof without nonce: the token stays as it was."""
    token, record = await authority.issue_refresh_token()
    await authority.send(refresh_request(authority, token, authority.otherapp))
    await authority.send(refresh_request(authority, token).claim(PROOF, nonce=...))
    spent = credentials_request(authority).finish()
    assert (await authority.send(spent)).status == 200
    again = refresh_request(authority, token)
    again.tokens[PROOF] = spent.header_values("dpop")[0]
    assert (await authority.send(again)).reason == "dpop.replayed"
    assert await ends_at(authority, token) == record.expires_at


async def test_revoking_any_of_them_ends_all(authority: Authority) -> None:
    """Old and new hang off one grant, and die with it."""
    token, _ = await authority.issue_refresh_token()
    new = (await refresh(authority, token)).json["refresh_token"]
    assert (await authority.send(revocation_request(authority, token))).status == 200
    for each in (token, new):
        assert (await refresh(authority, each)).reason == "refresh-token.grant-ended"


async def test_a_new_token_takes_a_new_key_like_the_old_one(authority: Authority) -> None:
    """Bound to the client, not to the key of a proof."""
    token, _ = await authority.issue_refresh_token()
    draft = refresh_request(authority, token)
    new = (await authority.send(draft)).json["refresh_token"]
    other = refresh_request(authority, new)
    other.tokens[PROOF] = credentials_request(authority, authority.otherapp).tokens[PROOF]
    assert (await authority.send(other)).status == 200


async def test_switched_off_again_everything_goes_on(authority: Authority) -> None:
    """After the migration: what was given out serves on, unchanged; a code gives a token as ever."""
    issued = await authority.issue_code()
    first = (await authority.send(code_request(authority, issued))).json["refresh_token"]
    new = (await refresh(authority, first)).json["refresh_token"]
    authority.configure(refresh_token_rotation=None)
    answers = [await refresh(authority, each) for each in (first, new, new)]
    assert [(answer.status, "refresh_token" in answer.json) for answer in answers] == [(200, False)] * 3


@pytest.mark.parametrize("seconds", [-1, 0, 59, 604_801])
def test_a_window_that_is_none_is_refused(seconds: int) -> None:
    """A client must be able to try again (FAPI 2.0 SP 5.3.2.1 note 1), and a rotation that never ends is none."""
    with pytest.raises(ValueError, match="window_seconds"):
        RefreshTokenRotation(window_seconds=seconds)
