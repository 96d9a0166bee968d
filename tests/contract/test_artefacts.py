"""The contract for what lives for seconds or minutes: identifiers, pushed requests, interactions, attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.samples import LATER, MUCH_LATER, NOW, digest, interaction, pushed_request
from trustweft.server.records import Freshness
from trustweft.store.errors import StoreConflictError

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


async def test_an_identifier_is_fresh_once(store: ServerStore) -> None:
    """The second sight of an identifier is a replay, whatever expiry it claims."""
    assert await store.remember_jti(space="a", key=b"1", expires_at=LATER) is Freshness.FRESH
    assert await store.remember_jti(space="a", key=b"1", expires_at=MUCH_LATER) is Freshness.REPLAYED


async def test_identifiers_of_different_spaces_do_not_meet(store: ServerStore) -> None:
    """One client's identifier says nothing about another client's."""
    outcomes = [
        await store.remember_jti(space=space, key=key, expires_at=LATER)
        for space, key in (
            ("a", b"bc"),
            ("ab", b"c"),
            ("", b"abc"),
            ("a", b"BC"),
            ("A", b"bc"),
            ("https://" + "a" * 2_000, b"bc"),
            ("https://" + "a" * 2_001, b"bc"),
        )
    ]
    assert outcomes == [Freshness.FRESH] * 7


async def test_a_pushed_request_comes_back_as_it_was_saved(store: ServerStore) -> None:
    """Every field survives, the absent ones included, and looking does not spend it."""
    saved = pushed_request(state="ünï\x00code \U0001f512")
    await store.save_pushed_request(digest("request"), saved)
    assert await store.find_pushed_request(digest("request")) == saved
    assert await store.find_pushed_request(digest("request")) == saved
    assert await store.find_pushed_request(digest("another")) is None


async def test_a_pushed_request_is_spent_once(store: ServerStore) -> None:
    """Whoever spends it gets it; afterwards there is nothing to find."""
    await store.save_pushed_request(digest("request"), pushed_request())
    assert await store.spend_pushed_request(digest("request"), now=NOW) == pushed_request()
    assert await store.spend_pushed_request(digest("request"), now=NOW) is None
    assert await store.find_pushed_request(digest("request")) is None


async def test_a_pushed_request_can_be_spent_after_its_expiry_until_it_is_let_go(store: ServerStore) -> None:
    """An interaction that began in time may finish: only ``kept_until`` ends it."""
    await store.save_pushed_request(digest("in time"), pushed_request())
    await store.save_pushed_request(digest("too late"), pushed_request())
    assert await store.spend_pushed_request(digest("in time"), now=MUCH_LATER - 1) == pushed_request()
    assert await store.spend_pushed_request(digest("too late"), now=MUCH_LATER) is None


async def test_a_pushed_request_is_never_overwritten(store: ServerStore) -> None:
    """A second request under a taken digest is a fault of the caller, and the first one stays."""
    await store.save_pushed_request(digest("request"), pushed_request())
    with pytest.raises(StoreConflictError):
        await store.save_pushed_request(digest("request"), pushed_request(state="attacker"))
    assert await store.find_pushed_request(digest("request")) == pushed_request()


async def test_an_interaction_is_replaced_as_it_proceeds(store: ServerStore) -> None:
    """The last save is what is found."""
    await store.save_interaction(digest("cookie"), interaction())
    await store.save_interaction(digest("cookie"), interaction(subject="alice-subject"))
    found = await store.find_interaction(digest("cookie"), now=NOW)
    assert found == interaction(subject="alice-subject")


async def test_an_interaction_ends_at_its_expiry(store: ServerStore) -> None:
    """The instant of expiry itself is too late."""
    await store.save_interaction(digest("cookie"), interaction(expires_at=LATER))
    assert await store.find_interaction(digest("cookie"), now=LATER - 1) is not None
    assert await store.find_interaction(digest("cookie"), now=LATER) is None


async def test_a_replaced_interaction_keeps_its_new_expiry(store: ServerStore) -> None:
    """What is replaced is the whole interaction, its expiry included."""
    await store.save_interaction(digest("cookie"), interaction(expires_at=MUCH_LATER))
    await store.save_interaction(digest("cookie"), interaction(expires_at=LATER))
    assert await store.find_interaction(digest("cookie"), now=LATER) is None


async def test_an_interaction_is_ended_once(store: ServerStore) -> None:
    """Only the first caller is told that it ended it."""
    await store.save_interaction(digest("cookie"), interaction())
    assert await store.end_interaction(digest("cookie")) is True
    assert await store.end_interaction(digest("cookie")) is False
    assert await store.find_interaction(digest("cookie"), now=NOW) is None


async def test_attempts_are_counted_by_key(store: ServerStore) -> None:
    """Each attempt raises the count of its own key only."""
    counts = [await store.count_attempt(b"alice", window_ends=LATER) for _ in range(3)]
    assert counts == [1, 2, 3]
    assert await store.count_attempt(b"bob", window_ends=LATER) == 1


async def test_a_later_attempt_does_not_prolong_or_restart_the_window(store: ServerStore) -> None:
    """An attacker who keeps trying can neither start a new count nor keep somebody out for ever."""
    await store.count_attempt(b"alice", window_ends=LATER)
    assert await store.count_attempt(b"alice", window_ends=MUCH_LATER) == 2
    await store.reap(now=LATER, limit=10)
    assert await store.count_attempt(b"alice", window_ends=MUCH_LATER) == 1


async def test_an_attempt_that_is_taken_back_leaves_the_others(store: ServerStore) -> None:
    """After ``take_back_attempt`` there is one less of this key, and never less than none."""
    for _ in range(3):
        await store.count_attempt(b"network", window_ends=LATER)
    await store.count_attempt(b"other", window_ends=LATER)
    await store.take_back_attempt(b"network")
    assert await store.count_attempt(b"network", window_ends=LATER) == 3
    for _ in range(5):
        await store.take_back_attempt(b"network")
    await store.take_back_attempt(b"never counted")
    assert await store.count_attempt(b"network", window_ends=LATER) == 1
    assert await store.count_attempt(b"other", window_ends=LATER) == 2


async def test_a_success_starts_the_count_anew(store: ServerStore) -> None:
    """After ``forget_attempts`` the next attempt is the first."""
    await store.count_attempt(b"alice", window_ends=LATER)
    await store.forget_attempts(b"alice")
    assert await store.count_attempt(b"alice", window_ends=LATER) == 1
