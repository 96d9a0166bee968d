"""Where a signing key is in its life: a function of the records and the clock."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.crypto.key_states import (
    PUBLISHED,
    PUBLISHED_AFTER_USE,
    PUBLISHED_BEFORE_USE,
    TRANSITIONS,
    KeyRecord,
    KeyState,
    KeyStatus,
    states_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_800_000_000.0
SECRET, PUBLIC = {"kty": "EC", "d": "…"}, {"kty": "EC"}


def record(
    key_id: str,
    *,
    published_at: float = NOW,
    wait: float = PUBLISHED_BEFORE_USE,
    retired_at: float | None = None,
    secret: bool = True,
    algorithm: str = "ES256",
) -> KeyRecord:
    """Return a key that waits before it signs."""
    return KeyRecord(
        key_id=key_id,
        algorithm=algorithm,
        published_at=published_at,
        active_from=published_at + wait,
        retired_at=retired_at,
        jwk=SECRET if secret else PUBLIC,
    )


FIRST = record("first", wait=0)
SECOND = record("second", published_at=NOW + 1_000)
BEGINS = SECOND.active_from
ENDS = BEGINS + PUBLISHED_AFTER_USE


def shown(records: Sequence[KeyRecord], now: float) -> dict[str, tuple[str, float, float | None]]:
    """Return state, since when and until when, by key."""
    return {
        status.record.key_id: (status.state.value, status.since, status.until)
        for status in states_at(records, now)
    }


@pytest.mark.parametrize(
    ("now", "first", "second"),
    [
        (SECOND.published_at, ("active", NOW, BEGINS), ("pending", NOW + 1_000, BEGINS)),
        (BEGINS - 0.001, ("active", NOW, BEGINS), ("pending", NOW + 1_000, BEGINS)),
        (BEGINS, ("retiring", BEGINS, ENDS), ("active", BEGINS, None)),
        (ENDS - 0.001, ("retiring", BEGINS, ENDS), ("active", BEGINS, None)),
        (ENDS, ("retired", ENDS, None), ("active", BEGINS, None)),
    ],
)
def test_a_rotation_takes_its_course_by_the_clock_alone(
    now: float, first: tuple[str, float, float | None], second: tuple[str, float, float | None]
) -> None:
    """To the instant: when the next key begins to sign, the one before it begins to retire."""
    assert shown([SECOND, FIRST], now) == {"first": first, "second": second}


def test_a_lone_key_signs_without_end() -> None:
    """Nothing but a successor ends it."""
    assert shown([FIRST], NOW + 10**9) == {"first": ("active", NOW, None)}


def test_each_algorithm_has_a_chain_of_its_own() -> None:
    """A new elliptic key does not retire an RSA key."""
    rsa = record("rsa", wait=0, algorithm="PS256")
    states = {key_id: state for key_id, (state, _, _) in shown([FIRST, SECOND, rsa], BEGINS).items()}
    assert states == {"first": "retiring", "second": "active", "rsa": "active"}


def test_a_pending_key_that_was_given_up_retires_nobody() -> None:
    """It never signed, so the key before it goes on."""
    given_up = msgspec.structs.replace(SECOND, retired_at=BEGINS - 100)
    assert shown([FIRST, given_up], ENDS) == {
        "first": ("active", NOW, None),
        "second": ("retired", BEGINS - 100, None),
    }


def test_a_retiring_key_can_go_sooner() -> None:
    """An operator's word counts before the clock's."""
    gone = msgspec.structs.replace(FIRST, retired_at=BEGINS + 100)
    assert shown([gone, SECOND], BEGINS + 99)["first"] == ("retiring", BEGINS, BEGINS + 100)
    assert shown([gone, SECOND], BEGINS + 100)["first"] == ("retired", BEGINS + 100, None)
    assert shown([gone, SECOND], ENDS)["first"][0] == "retired"


def test_a_compromised_key_signs_until_its_successor_does_and_is_gone_then() -> None:
    """Never two that sign, never none, and no time in which it is merely retiring."""
    successor = record("next", published_at=NOW + 100, wait=2)
    gone = msgspec.structs.replace(FIRST, retired_at=successor.active_from, compromised=True)
    assert shown([gone, successor], NOW + 101) == {
        "first": ("active", NOW, NOW + 102),
        "next": ("pending", NOW + 100, NOW + 102),
    }
    assert shown([gone, successor], NOW + 102) == {
        "first": ("retired", NOW + 102, None),
        "next": ("active", NOW + 102, None),
    }


def test_the_key_before_a_compromised_one_does_not_come_back() -> None:
    """It was superseded when the compromised key began to sign, and stays so."""
    third = record("third", published_at=BEGINS + 10, wait=2)
    gone = msgspec.structs.replace(SECOND, retired_at=third.active_from, compromised=True)
    assert shown([FIRST, gone, third], BEGINS + 12) == {
        "first": ("retiring", BEGINS, ENDS),
        "second": ("retired", BEGINS + 12, None),
        "third": ("active", BEGINS + 12, None),
    }


def test_a_clock_that_was_set_back_does_not_silence_the_server() -> None:
    """The first key never waited; and where a secret is gone already, its successor goes on."""
    assert shown([FIRST], NOW - 1_000)["first"][0] == "active"
    spent = msgspec.structs.replace(FIRST, jwk=PUBLIC)
    states = shown([spent, SECOND], BEGINS - 60)
    assert (states["first"][0], states["second"][0]) == ("retiring", "active")


@pytest.mark.parametrize("now", [NOW - 1_000, NOW + 500, BEGINS + 50])
def test_a_key_whose_secret_is_erased_is_not_published_again(now: float) -> None:
    """A key that was retired is not believed because the clock was set back: somebody else may sign with it."""
    compromised = msgspec.structs.replace(FIRST, retired_at=BEGINS + 100, compromised=True, jwk=PUBLIC)
    successor = record("next", published_at=BEGINS + 98, wait=2)
    given_up = record("given up", published_at=BEGINS + 200, retired_at=BEGINS + 300, secret=False)
    states = shown([compromised, successor, given_up], now)
    assert {key_id: state for key_id, (state, _, _) in states.items()} == {
        "first": "retired",
        "next": "active",
        "given up": "retired",
    }


def test_no_record_prints_its_secret() -> None:
    """Neither alone nor in a status."""
    assert "…" not in repr(FIRST) + repr(states_at([FIRST], NOW))


times = st.integers(0, 20_000).map(lambda seconds: NOW + seconds)
waits = st.sampled_from([2.0, PUBLISHED_BEFORE_USE])
rings = st.lists(
    st.tuples(st.sampled_from(["ES256", "PS256"]), times, waits, st.none() | st.integers(0, 9_000)),
    max_size=6,
).map(
    lambda made: [
        record("first", wait=0, published_at=NOW - 1),
        *(
            record(
                f"key-{number}",
                algorithm=algorithm,
                published_at=published_at,
                wait=wait,
                retired_at=None if after is None else published_at + after,
            )
            for number, (algorithm, published_at, wait, after) in enumerate(made)
        ),
    ]
)


@given(rings, st.lists(times, min_size=2, max_size=8).map(sorted))
def test_whatever_the_records_say_keys_only_go_the_ways_of_the_table(
    records: list[KeyRecord], moments: list[float]
) -> None:
    """Through any moments: at most one signs for each algorithm, nobody goes back, and ``until`` is the next change."""
    for now in moments:
        active = [each.record.algorithm for each in states_at(records, now) if each.state is KeyState.ACTIVE]
        assert len(active) == len(set(active))
    for earlier, later in itertools.pairwise(moments):
        for before, after in zip(states_at(records, earlier), states_at(records, later), strict=True):
            assert after.state is before.state or after.state in reachable(before.state)
            assert (after.state is before.state) or _was_told(before, later)


def _was_told(status: KeyStatus, now: float) -> bool:
    return status.until is not None and status.until <= now


def reachable(state: KeyState) -> set[KeyState]:
    """Return where the table leads from a state, over any number of steps."""
    found: set[KeyState] = set()
    while True:
        more = {target for (origin, target) in TRANSITIONS if origin is state or origin in found} - found
        if not more:
            return found
        found |= more


def test_the_table_ends_where_nothing_is_published() -> None:
    """From a retired key no way leads on."""
    assert reachable(KeyState.RETIRED) == set()
    assert set(KeyState) - PUBLISHED == {KeyState.RETIRED}
    assert reachable(KeyState.PENDING) == {KeyState.ACTIVE, KeyState.RETIRING, KeyState.RETIRED}
