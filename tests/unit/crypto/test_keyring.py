"""A server's signing keys: one table of what may happen to them, published before use, kept after it."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from trustweft.crypto.keyring import (
    PUBLISHED_AFTER_USE,
    PUBLISHED_BEFORE_USE,
    TRANSITIONS,
    KeyRing,
    KeyState,
    KeyStateError,
)
from trustweft.crypto.keys import KeySet, generate_private_key, private_jwk
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = 1_800_000_000.0
SECRET_MEMBERS = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the keys are."""
    return tmp_path / "server" / "keys"


@pytest.fixture
def ring(directory: Path) -> KeyRing:
    """A ring on its first start."""
    return KeyRing.load_or_create(directory, now=NOW)


def states(ring: KeyRing) -> list[KeyState]:
    """Return the states, oldest key first."""
    return [record.state for record in ring.records]


def published(ring: KeyRing) -> list[str]:
    """Return the key ids that others read."""
    keys = ring.public_jwks()["keys"]
    assert isinstance(keys, list)
    return [key["kid"] for key in keys]


def stored(directory: Path) -> dict[str, dict[str, Any]]:
    """Return what the files hold, by key id."""
    return {path.stem: json.loads(path.read_bytes()) for path in directory.glob("*.json")}


def with_every_state(directory: Path) -> dict[KeyState, str]:
    """Make a ring with a key in each state; return their ids."""
    ring = KeyRing.load_or_create(directory, now=NOW)
    for number in range(1, 3):
        record = ring.add_pending(algorithm="ES256", now=NOW + number)
        ring.activate(record.key_id, now=NOW + number + PUBLISHED_BEFORE_USE)
    ring.forget(ring.records[0].key_id, now=NOW + 2 * PUBLISHED_AFTER_USE)
    ring.add_pending(algorithm="ES256", now=NOW + 2 * PUBLISHED_AFTER_USE)
    return {record.state: record.key_id for record in ring.records}


def test_the_first_start_makes_a_key_that_signs_at_once(ring: KeyRing, directory: Path) -> None:
    """Nobody can hold an older key set, so the very first key needs no waiting."""
    signer = ring.signer()
    assert states(ring) == [KeyState.ACTIVE]
    assert published(ring) == [signer.key_id]
    assert signer.algorithm == "ES256"
    assert [path.stat().st_mode & 0o777 for path in (directory, *directory.iterdir())] == [0o700, 0o600]


def test_the_published_set_has_public_members_only(ring: KeyRing) -> None:
    """Key id, algorithm and use are named; nothing of a private key is there, and our own reader takes the set."""
    ring.add_pending(algorithm="PS256", now=NOW)
    ring.add_pending(algorithm="EdDSA", now=NOW)
    keys = ring.public_jwks()["keys"]
    assert isinstance(keys, list)
    assert {(key["kty"], key["alg"], key["use"]) for key in keys} == {
        ("EC", "ES256", "sig"),
        ("RSA", "PS256", "sig"),
        ("OKP", "EdDSA", "sig"),
    }
    assert all(SECRET_MEMBERS.isdisjoint(key) for key in keys)
    assert [key.key_id for key in KeySet.read(ring.public_jwks()).keys] == published(ring)


def test_a_later_start_finds_the_keys_again(ring: KeyRing, directory: Path) -> None:
    """What was signed before a restart verifies after it."""
    again = KeyRing.load_or_create(directory, now=NOW + 1)
    assert again.signer().key_id == ring.signer().key_id
    assert again.public_jwks() == ring.public_jwks()


def test_a_key_is_published_before_it_signs(ring: KeyRing, directory: Path) -> None:
    """A pending key is in the set at once and signs only when everybody can know it."""
    first = ring.signer().key_id
    pending = ring.add_pending(algorithm="ES256", now=NOW)
    assert set(published(ring)) == {first, pending.key_id}
    assert ring.signer().key_id == first
    with pytest.raises(KeyStateError, match="must be published for 1 more seconds"):
        ring.activate(pending.key_id, now=NOW + PUBLISHED_BEFORE_USE - 1)
    assert ring.signer().key_id == KeyRing.load_or_create(directory, now=NOW).signer().key_id == first
    ring.activate(pending.key_id, now=NOW + PUBLISHED_BEFORE_USE)
    assert ring.signer().key_id == pending.key_id


def test_a_key_stays_published_after_it_signed(ring: KeyRing) -> None:
    """What a retiring key signed verifies until nobody can hold it any more; then the key is gone."""
    first = ring.records[0].key_id
    second = ring.add_pending(algorithm="ES256", now=NOW)
    switched = NOW + PUBLISHED_BEFORE_USE
    ring.activate(second.key_id, now=switched)
    assert sorted(published(ring)) == sorted([first, second.key_id])
    assert ring.key_set().find(key_id=first, algorithm="ES256").key_id == first
    with pytest.raises(KeyStateError, match="around for 1 more seconds"):
        ring.forget(first, now=switched + PUBLISHED_AFTER_USE - 1)
    ring.forget(first, now=switched + PUBLISHED_AFTER_USE)
    assert published(ring) == [second.key_id]
    with pytest.raises(Reject):
        ring.key_set().find(key_id=first, algorithm="ES256")


def test_a_key_that_signs_no_more_has_no_secret(ring: KeyRing, directory: Path) -> None:
    """The private members are gone from the file as soon as the key retires, or is withdrawn."""
    first = ring.records[0].key_id
    second = ring.add_pending(algorithm="PS256", now=NOW).key_id
    third = ring.add_pending(algorithm="EdDSA", now=NOW).key_id
    ring.activate(second, now=NOW + PUBLISHED_BEFORE_USE)
    ring.withdraw(third, now=NOW + PUBLISHED_BEFORE_USE)
    secrets = {key_id: SECRET_MEMBERS & set(file["jwk"]) for key_id, file in stored(directory).items()}
    assert secrets == {first: set(), second: SECRET_MEMBERS, third: set()}


def test_the_set_is_the_same_object_until_it_changes(ring: KeyRing) -> None:
    """Whoever caches by identity is told of a change, and only then."""
    before = ring.key_set(), ring.signer()
    assert (ring.key_set(), ring.signer()) == before
    assert ring.key_set() is before[0]
    ring.add_pending(algorithm="ES256", now=NOW)
    assert ring.key_set() is not before[0]


ATTEMPTS: dict[str, Callable[[KeyRing, str, float], None]] = {
    "activate": lambda ring, key_id, now: ring.activate(key_id, now=now),
    "withdraw": lambda ring, key_id, now: ring.withdraw(key_id, now=now),
    "forget": lambda ring, key_id, now: ring.forget(key_id, now=now),
}
ALLOWED = {
    ("activate", KeyState.PENDING),
    ("withdraw", KeyState.PENDING),
    ("forget", KeyState.RETIRING),
}


def test_the_table_is_what_the_verbs_do() -> None:
    """Each step of the table has its verb; the active key retires through the one that activates its successor."""
    asked = {(verb, origin) for (origin, _), verb in TRANSITIONS.items() if origin is not KeyState.ACTIVE}
    assert asked == ALLOWED
    assert [target for (origin, target) in TRANSITIONS if origin is KeyState.ACTIVE] == [KeyState.RETIRING]
    assert not any(origin is KeyState.RETIRED for origin, _ in TRANSITIONS)


@pytest.mark.parametrize(("verb", "state"), sorted(itertools.product(ATTEMPTS, KeyState), key=str))
def test_a_step_that_is_not_in_the_table_changes_nothing(directory: Path, verb: str, state: KeyState) -> None:
    """Every verb on a key in every state, long after: what is not allowed raises and leaves ring and files alone."""
    key_id = with_every_state(directory)[state]
    ring, late = KeyRing.load_or_create(directory, now=NOW), NOW + 10 * PUBLISHED_AFTER_USE
    before = ring.records, ring.public_jwks(), ring.signer().key_id, stored(directory)
    if (verb, state) in ALLOWED:
        ATTEMPTS[verb](ring, key_id, late)
        assert ring.records != before[0]
        assert [record.key_id for record in ring.records if record.state is KeyState.ACTIVE] == [
            ring.signer().key_id
        ]
    else:
        with pytest.raises(KeyStateError):
            ATTEMPTS[verb](ring, key_id, late)
        assert (ring.records, ring.public_jwks(), ring.signer().key_id, stored(directory)) == before


def test_an_unknown_key_is_told(ring: KeyRing) -> None:
    """No verb makes a key up."""
    for attempt in ATTEMPTS.values():
        with pytest.raises(KeyStateError, match="there is no key nobody"):
            attempt(ring, "nobody", NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384", ""])
def test_an_algorithm_that_may_not_sign_makes_no_key(ring: KeyRing, directory: Path, algorithm: str) -> None:
    """Neither as first nor as next key."""
    with pytest.raises(KeyStateError, match="not an algorithm that may sign"):
        ring.add_pending(algorithm=algorithm, now=NOW)
    with pytest.raises(KeyStateError, match="not an algorithm that may sign"):
        KeyRing.load_or_create(directory.with_name("other"), algorithm=algorithm, now=NOW)
    assert len(stored(directory)) == 1


def test_a_crash_between_two_steps_is_made_up_for(directory: Path, ring: KeyRing) -> None:
    """Two active keys on disk: the one that was activated last signs, the other retires."""
    first = ring.records[0].key_id
    second = ring.add_pending(algorithm="ES256", now=NOW).key_id
    path = directory / f"{first}.json"
    before = path.read_bytes()
    ring.activate(second, now=NOW + PUBLISHED_BEFORE_USE)
    path.write_bytes(before)  # as if its last step had never been written
    again = KeyRing.load_or_create(directory, now=NOW + PUBLISHED_BEFORE_USE + 1)
    assert again.signer().key_id == second
    assert {record.key_id: record.state for record in again.records} == {
        first: KeyState.RETIRING,
        second: KeyState.ACTIVE,
    }


def test_keys_that_others_can_read_are_refused_with_the_command_that_mends_it(
    directory: Path, ring: KeyRing
) -> None:
    """The server does not start with an open key; the message is a command to run."""
    path = directory / f"{ring.records[0].key_id}.json"
    for mode in (0o640, 0o604, 0o620, 0o660):
        path.chmod(mode)
        with pytest.raises(KeyFileError, match=f"run: chmod 600 {path}"):
            KeyRing.load_or_create(directory, now=NOW)
    path.chmod(0o600)
    directory.chmod(0o750)
    with pytest.raises(KeyFileError, match=f"run: chmod 700 {directory}"):
        KeyRing.load_or_create(directory, now=NOW)


def _other_key(file: dict[str, Any]) -> None:
    file["jwk"] = private_jwk(generate_private_key("ES256"))


def _other_secret(file: dict[str, Any]) -> None:
    file["jwk"]["d"] = private_jwk(generate_private_key("ES256"))["d"]


@pytest.mark.parametrize(
    "mutate",
    [
        lambda file: file.pop("key_id"),
        lambda file: file.update(key_id="other"),
        lambda file: file.update(algorithm="none"),
        lambda file: file.update(algorithm="PS256"),
        lambda file: file.update(state="trusted"),
        lambda file: file.update(created_at="yesterday"),
        lambda file: file.update(note="x"),
        lambda file: file["jwk"].pop("d"),
        lambda file: file["jwk"].pop("x"),
        lambda file: file["jwk"].update(crv="P-384"),
        lambda file: file.update(jwk={}),
        _other_key,
        _other_secret,
    ],
)
def test_a_file_that_is_not_the_key_it_says_is_refused(
    directory: Path, ring: KeyRing, mutate: Callable[[dict[str, Any]], object]
) -> None:
    """Any member missing, changed or swapped keeps the server from starting."""
    path = directory / f"{ring.records[0].key_id}.json"
    document = json.loads(path.read_bytes())
    mutate(document)
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError):
        KeyRing.load_or_create(directory, now=NOW)


def test_the_halves_of_an_edwards_key_must_fit(directory: Path) -> None:
    """An Ed25519 secret with another key's public half would sign what nobody can verify."""
    ring = KeyRing.load_or_create(directory, algorithm="EdDSA", now=NOW)
    path = directory / f"{ring.records[0].key_id}.json"
    document = json.loads(path.read_bytes())
    document["jwk"]["d"] = private_jwk(generate_private_key("EdDSA"))["d"]
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError, match="another key"):
        KeyRing.load_or_create(directory, now=NOW)


def test_a_directory_without_an_active_key_is_refused(directory: Path, ring: KeyRing) -> None:
    """Lost keys are told, not replaced: what they signed would silently stop to verify."""
    path = directory / f"{ring.records[0].key_id}.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "state": "pending"}))
    with pytest.raises(KeyFileError, match="none of them is active"):
        KeyRing.load_or_create(directory, now=NOW)


def test_no_secret_is_in_any_representation(ring: KeyRing) -> None:
    """Neither a record nor a signer prints what it holds."""
    secret = ring.records[0].jwk["d"]
    assert all(secret not in repr(thing) for thing in (ring, ring.records, ring.signer(), ring.key_set()))
