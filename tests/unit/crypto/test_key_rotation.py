"""What is done to signing keys: rotated, retired, erased; by commands and servers over one directory."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.key_rotation import (
    HANDOVER,
    MINIMUM_NOTICE,
    KeyStateError,
    erase_spent,
    make_missing,
    retire,
    rotate,
)
from trustweft.crypto.key_states import PUBLISHED_AFTER_USE, PUBLISHED_BEFORE_USE, KeyState, states_at
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
SECRET_MEMBERS = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    """Keys after a first start."""
    directory = KeyDirectory(tmp_path / "server" / "keys")
    make_missing(directory, algorithms=("ES256",), now=NOW)
    return directory


def states(keys: KeyDirectory, now: float) -> dict[str, KeyState]:
    """Return what each key is."""
    return {status.record.key_id: status.state for status in states_at(keys.read(), now)}


def active(keys: KeyDirectory, now: float, algorithm: str = "ES256") -> str:
    """Return the key that signs."""
    (found,) = (
        status.record.key_id
        for status in states_at(keys.read(), now)
        if status.state is KeyState.ACTIVE and status.record.algorithm == algorithm
    )
    return found


def stored(keys: KeyDirectory) -> dict[str, dict[str, Any]]:
    """Return what the files hold, by key id."""
    return {path.stem: json.loads(path.read_bytes()) for path in keys.path.glob("*.json")}


def secrets(keys: KeyDirectory) -> set[str]:
    """Return the keys whose secrets are on disk."""
    return {key_id for key_id, file in stored(keys).items() if SECRET_MEMBERS & set(file["jwk"])}


def refusal(keys: KeyDirectory, key_id: str, *, compromised: bool = False, now: float) -> str:
    """Return why a key is not retired; nothing may have changed."""
    before = stored(keys)
    with pytest.raises(KeyStateError) as refused:
        retire(keys, key_id, compromised=compromised, now=now)
    assert stored(keys) == before
    return refused.value.reason


def test_the_keys_of_a_new_directory_sign_at_once(tmp_path: Path) -> None:
    """One for each algorithm, in files for the owner alone."""
    keys = KeyDirectory(tmp_path / "keys")
    make_missing(keys, algorithms=("ES256", "PS256", "EdDSA"), now=NOW)
    assert list(states(keys, NOW).values()) == [KeyState.ACTIVE] * 3
    assert {file["algorithm"] for file in stored(keys).values()} == {"ES256", "PS256", "EdDSA"}
    modes = {path.stat().st_mode & 0o777 for path in keys.path.iterdir()}
    assert (keys.path.stat().st_mode & 0o777, modes) == (0o700, {0o600})


def test_an_algorithm_that_comes_later_waits_like_every_key(keys: KeyDirectory) -> None:
    """Others hold a key set that does not have it; a later start makes no second one."""
    for now in (NOW + 5, NOW + 6, NOW + PUBLISHED_BEFORE_USE + 5):
        make_missing(keys, algorithms=("ES256", "EdDSA"), now=now)
        assert len(stored(keys)) == 2
    assert list(states(keys, NOW + 5).values()) == [KeyState.ACTIVE, KeyState.PENDING]
    assert list(states(keys, NOW + 5 + PUBLISHED_BEFORE_USE).values()) == [KeyState.ACTIVE] * 2


def test_a_rotation_runs_by_itself(keys: KeyDirectory) -> None:
    """Published, then signing, and the key before it retiring and forgotten: one command, no second step."""
    first = active(keys, NOW)
    second = rotate(keys, algorithm="ES256", now=NOW + 1)
    begins = NOW + 1 + PUBLISHED_BEFORE_USE
    assert states(keys, begins - 1) == {first: KeyState.ACTIVE, second.key_id: KeyState.PENDING}
    assert states(keys, begins) == {first: KeyState.RETIRING, second.key_id: KeyState.ACTIVE}
    assert states(keys, begins + PUBLISHED_AFTER_USE)[first] is KeyState.RETIRED


def test_a_second_rotation_waits_for_the_first(keys: KeyDirectory) -> None:
    """The refusal names the key that waits; a key of another algorithm does not stand in the way."""
    second = rotate(keys, algorithm="ES256", now=NOW)
    before = stored(keys)
    with pytest.raises(KeyStateError) as refused:
        rotate(keys, algorithm="ES256", now=NOW + PUBLISHED_BEFORE_USE - 1)
    assert (refused.value.reason, refused.value.key_id) == ("keys.pending", second.key_id)
    assert stored(keys) == before
    rotate(keys, algorithm="EdDSA", now=NOW)
    rotate(keys, algorithm="ES256", now=NOW + PUBLISHED_BEFORE_USE)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", "Ed25519", ""])
def test_an_algorithm_that_may_not_sign_makes_no_key(keys: KeyDirectory, algorithm: str) -> None:
    """Neither as first nor as next key."""
    before = stored(keys)
    with pytest.raises(KeyStateError, match="not an algorithm that may sign"):
        rotate(keys, algorithm=algorithm, now=NOW)
    with pytest.raises(KeyStateError, match="not an algorithm that may sign"):
        make_missing(keys, algorithms=("ES256", algorithm), now=NOW)
    assert stored(keys) == before


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_the_secret_of_a_key_that_signs_no_more_is_erased(tmp_path: Path, algorithm: str) -> None:
    """Not a moment before; every private member is gone then, and what verifies is left."""
    keys = KeyDirectory(tmp_path / "keys")
    make_missing(keys, algorithms=(algorithm,), now=NOW)
    first = active(keys, NOW, algorithm)
    second = rotate(keys, algorithm=algorithm, now=NOW)
    public = next(record for record in keys.read() if record.key_id == first).public_key
    erase_spent(keys, now=second.active_from - 1)
    assert secrets(keys) == {first, second.key_id}
    erase_spent(keys, now=second.active_from)
    assert secrets(keys) == {second.key_id}
    assert next(record for record in keys.read() if record.key_id == first).public_key == public


def test_a_pending_key_is_given_up(keys: KeyDirectory) -> None:
    """It is gone at once with its secret, the one before it goes on, and the next rotation is free."""
    first, second = active(keys, NOW), rotate(keys, algorithm="ES256", now=NOW).key_id
    done = retire(keys, second, now=NOW + 60)
    assert (done.was, done.successor) == (KeyState.PENDING, None)
    assert states(keys, NOW + 10_000) == {first: KeyState.ACTIVE, second: KeyState.RETIRED}
    assert secrets(keys) == {first}
    rotate(keys, algorithm="ES256", now=NOW + 61)


def test_a_retiring_key_goes_at_once(keys: KeyDirectory) -> None:
    """Sooner than the clock would have it."""
    first, second = active(keys, NOW), rotate(keys, algorithm="ES256", now=NOW)
    done = retire(keys, first, now=second.active_from + 5)
    assert (done.was, done.successor, done.retired.compromised) == (KeyState.RETIRING, None, False)
    assert states(keys, second.active_from + 5)[first] is KeyState.RETIRED
    assert secrets(keys) == {second.key_id}


def test_the_key_that_signs_stays_unless_it_is_compromised(keys: KeyDirectory) -> None:
    """A slip of the hand stops no server; a compromised key is followed by a new one within seconds."""
    first = active(keys, NOW)
    assert refusal(keys, first, now=NOW + 5) == "keys.signs"
    done = retire(keys, first, compromised=True, now=NOW + 5)
    assert done.successor is not None
    assert (done.was, done.retired.compromised) == (KeyState.ACTIVE, True)
    takes_over = NOW + 5 + HANDOVER
    # Published by every process before any of them signs with it.
    assert states(keys, takes_over - 0.1) == {first: KeyState.ACTIVE, done.successor.key_id: KeyState.PENDING}
    assert states(keys, takes_over) == {first: KeyState.RETIRED, done.successor.key_id: KeyState.ACTIVE}
    erase_spent(keys, now=takes_over)
    assert secrets(keys) == {done.successor.key_id}


def test_a_compromised_key_does_not_take_the_next_one_along(keys: KeyDirectory) -> None:
    """What waited signs when its time has come."""
    pending = rotate(keys, algorithm="ES256", now=NOW)
    done = retire(keys, active(keys, NOW), compromised=True, now=NOW + 60)
    assert done.successor is not None
    assert active(keys, NOW + 60 + HANDOVER) == done.successor.key_id
    assert active(keys, pending.active_from) == pending.key_id


def test_what_cannot_be_retired_is_told(keys: KeyDirectory) -> None:
    """Unknown, retired before, or about to sign: nothing changes."""
    first, second = active(keys, NOW), rotate(keys, algorithm="ES256", now=NOW)
    assert refusal(keys, "nobody", now=NOW) == "keys.unknown"
    too_late = second.active_from - MINIMUM_NOTICE + 0.1
    assert refusal(keys, second.key_id, compromised=True, now=too_late) == "keys.about-to-sign"
    retire(keys, first, compromised=True, now=NOW + 1)
    for now in (NOW + 1, NOW + 1 + HANDOVER, NOW + 10_000):
        assert refusal(keys, first, compromised=True, now=now) == "keys.retired"
    forgotten = second.active_from + PUBLISHED_AFTER_USE
    third = rotate(keys, algorithm="ES256", now=forgotten)
    long_after = third.active_from + PUBLISHED_AFTER_USE
    assert refusal(keys, second.key_id, now=long_after) == "keys.retired"


def test_lost_keys_are_told_not_replaced(keys: KeyDirectory) -> None:
    """What they signed would silently cease to verify."""
    pending = rotate(keys, algorithm="ES256", now=NOW)
    (keys.path / f"{active(keys, NOW)}.json").unlink()
    before = stored(keys)
    with pytest.raises(KeyFileError, match="none of them signs"):
        make_missing(keys, algorithms=("ES256",), now=NOW + 1)
    assert stored(keys) == before
    make_missing(keys, algorithms=("ES256",), now=pending.active_from)


def test_what_a_killed_writer_left_is_removed(keys: KeyDirectory) -> None:
    """Half a file with a secret in it does not lie around for ever."""
    (keys.path / ".half.json-abc").write_text("{")
    (keys.path / ".gitignore").write_text("*")
    (keys.path / ".snapshots").mkdir()
    before = set(stored(keys))
    added = rotate(keys, algorithm="ES256", now=NOW).key_id
    assert set(stored(keys)) == {*before, added}
    assert {path.name for path in keys.path.iterdir()} == {
        *(".lock", ".gitignore", ".snapshots"),  # ours, and what is not ours to remove
        *(f"{key}.json" for key in stored(keys)),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser writes where another user's server reads")
def test_what_the_superuser_writes_belongs_to_the_server(tmp_path: Path) -> None:
    """Else the server could not read it, and would go on to sign with the key that was just retired as compromised."""
    keys = KeyDirectory(tmp_path / "keys")
    keys.path.mkdir(mode=0o700)
    os.chown(keys.path, 4_321, 4_322)
    make_missing(keys, algorithms=("ES256",), now=NOW)
    retire(keys, active(keys, NOW), compromised=True, now=NOW)
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in keys.path.iterdir()}
    assert (len(stored(keys)), owners) == (2, {(4_321, 4_322)})


def test_no_key_id_looks_like_an_option(tmp_path: Path) -> None:
    """It is typed on command lines; one in 64 thumbprints begins with a hyphen."""
    keys = KeyDirectory(tmp_path / "keys")
    now = NOW
    for _ in range(100):
        now = rotate(keys, algorithm="EdDSA", now=now).active_from
    assert [key_id for key_id in stored(keys) if key_id.startswith("-")] == []
