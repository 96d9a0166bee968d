"""A server's signing keys as one process has them: up to date with files that others write, and with the clock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from trustweft.crypto.key_rotation import KeyStateError, retire, rotate
from trustweft.crypto.key_states import PUBLISHED_AFTER_USE, PUBLISHED_BEFORE_USE, KeyState
from trustweft.crypto.keyring import KeyRing
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


def published(ring: KeyRing) -> list[str]:
    """Return the key ids that others read."""
    keys = ring.public_jwks()["keys"]
    assert isinstance(keys, list)
    return [key["kid"] for key in keys]


def only_file(directory: Path) -> Path:
    """Return the file of the only key."""
    (path,) = directory.glob("*.json")
    return path


def test_the_first_start_makes_a_key_that_signs_at_once(ring: KeyRing) -> None:
    """Nobody can hold an older key set, so the very first key needs no waiting."""
    assert published(ring) == [ring.signer().key_id]
    assert (ring.signer().algorithm, ring.algorithms) == ("ES256", ("ES256",))


def test_the_published_set_has_public_members_only(directory: Path) -> None:
    """Key id, algorithm and use are named; nothing of a private key is there, and our own reader takes the set."""
    ring = KeyRing.load_or_create(directory, algorithms=("PS256", "ES256", "EdDSA"), now=NOW)
    keys = ring.public_jwks()["keys"]
    assert isinstance(keys, list)
    assert {(key["kty"], key["alg"], key["use"]) for key in keys} == {
        ("EC", "ES256", "sig"),
        ("RSA", "PS256", "sig"),
        ("OKP", "EdDSA", "sig"),
    }
    assert all(SECRET_MEMBERS.isdisjoint(key) for key in keys)
    assert [key.key_id for key in KeySet.read(ring.public_jwks()).keys] == published(ring)


def test_no_key_id_is_published_twice(ring: KeyRing) -> None:
    """Through rotations and retirements."""
    now = NOW
    for number in range(8):
        now = rotate(ring.directory, algorithm="EdDSA" if number % 3 else "ES256", now=now).active_from
        ring.reload(now)
        retire(ring.directory, str(ring.signer().key_id), compromised=True, now=now)
        now += 5
        ring.reload(now)
        assert len(published(ring)) == len(set(published(ring))) > 1


def test_each_algorithm_has_its_signer_and_the_first_is_the_default(directory: Path) -> None:
    """A client may have registered either; what nobody asked for there is not."""
    ring = KeyRing.load_or_create(directory, algorithms=("EdDSA", "ES256"), now=NOW)
    assert ring.algorithms == ("EdDSA", "ES256")
    assert [ring.signer(each).algorithm for each in (None, "ES256", "EdDSA")] == ["EdDSA", "ES256", "EdDSA"]
    with pytest.raises(KeyError):
        ring.signer("PS256")


def test_an_algorithm_that_comes_later_signs_when_its_key_is_known(ring: KeyRing, directory: Path) -> None:
    """Until then it is not offered, even as the first of the list."""
    later = KeyRing.load_or_create(directory, algorithms=("EdDSA", "ES256"), now=NOW + 5)
    assert (later.algorithms, later.signer().algorithm) == (("ES256",), "ES256")
    later.turn_to(NOW + 5 + PUBLISHED_BEFORE_USE)
    assert (later.algorithms, later.signer().algorithm) == (("EdDSA", "ES256"), "EdDSA")


def test_a_later_start_finds_the_keys_again(ring: KeyRing, directory: Path) -> None:
    """What was signed before a restart verifies after it; an algorithm off the list keeps its keys."""
    again = KeyRing.load_or_create(directory, algorithms=("EdDSA",), now=NOW + 1)
    assert again.signer().key_id == ring.signer().key_id
    assert again.key_set().find(key_id=ring.signer().key_id, algorithm="ES256").algorithm == "ES256"


def test_two_processes_agree_at_every_time(ring: KeyRing, directory: Path) -> None:
    """Whoever rotates: both sign with the same key at the same time, and each has published it long before."""
    other = KeyRing.load_or_create(directory, now=NOW)
    second = rotate(other.directory, algorithm="ES256", now=NOW + 1)
    seen = set()
    for now in range(int(NOW) + 1, int(NOW) + 6_000, 60):
        for each in (ring, other):
            each.reload(float(now))
        seen.add(ring.signer().key_id)
        assert ring.signer().key_id == other.signer().key_id
        assert ring.public_jwks() == other.public_jwks()
        assert second.key_id in published(ring)
    assert len(seen) == 2
    assert published(ring) == [second.key_id]


def test_each_change_is_reported_once(ring: KeyRing) -> None:
    """With the key, its algorithm, and what it was before."""
    first = str(ring.signer().key_id)
    second = rotate(ring.directory, algorithm="ES256", now=NOW + 1)
    begins, ends = second.active_from, second.active_from + PUBLISHED_AFTER_USE
    reported = [
        {change.key_id: (change.before, change.after) for change in ring.reload(now)}
        for now in (NOW + 1, NOW + 2, begins, begins + 1, ends, ends + 1)
    ]
    assert reported == [
        {second.key_id: (None, KeyState.PENDING)},
        {},
        {first: (KeyState.ACTIVE, KeyState.RETIRING), second.key_id: (KeyState.PENDING, KeyState.ACTIVE)},
        {},
        {first: (KeyState.RETIRING, KeyState.RETIRED)},
        {},
    ]


def test_a_key_that_is_forgotten_verifies_no_more(ring: KeyRing) -> None:
    """Until then it does, to the last instant."""
    first = ring.signer().key_id
    ends = rotate(ring.directory, algorithm="ES256", now=NOW).active_from + PUBLISHED_AFTER_USE
    ring.reload(ends - 1)
    assert ring.key_set().find(key_id=first, algorithm="ES256").key_id == first
    ring.turn_to(ends)
    with pytest.raises(Reject):
        ring.key_set().find(key_id=first, algorithm="ES256")


def test_the_set_is_the_same_object_until_its_content_changes(ring: KeyRing) -> None:
    """Whoever caches by identity is told of a change, and only then: a key that begins to sign changes nothing in it."""
    first = ring.key_set(), ring.public_jwks(), ring.algorithms
    second = rotate(ring.directory, algorithm="ES256", now=NOW)
    ring.reload(NOW + 1)
    pending = ring.key_set(), ring.public_jwks()
    ring.reload(second.active_from)
    active = ring.key_set(), ring.public_jwks()
    assert (pending[0] is first[0], pending[1] is first[1]) == (False, False)
    assert (active[0] is pending[0], active[1] is pending[1], ring.algorithms is first[2]) == (
        True,
        True,
        True,
    )
    ring.turn_to(second.active_from + PUBLISHED_AFTER_USE)
    assert ring.key_set() is not active[0]


def test_a_look_at_a_directory_that_did_not_change_builds_nothing(ring: KeyRing) -> None:
    """Not even the list of states: a server looks twice a second."""
    before = ring.statuses, ring.signer()
    for second in range(100):
        ring.reload(NOW + second)
    assert (ring.statuses is before[0], ring.signer() is before[1]) == (True, True)
    assert ring.changes_at == float("inf")


def test_secrets_that_are_spent_are_erased_by_whoever_comes_first(ring: KeyRing, directory: Path) -> None:
    """From the file, and from every process."""
    first = str(ring.signer().key_id)
    begins = rotate(ring.directory, algorithm="ES256", now=NOW + 1).active_from
    other = KeyRing.load_or_create(directory, now=NOW + 1)
    ring.reload(begins)
    ring.erase_spent(begins)
    assert SECRET_MEMBERS.isdisjoint(json.loads((directory / f"{first}.json").read_bytes())["jwk"])
    other.reload(begins)
    assert [status.record.has_secret for each in (ring, other) for status in each.statuses] == [
        False,
        True,
    ] * 2


def test_a_server_waits_for_no_command_that_is_held_up(ring: KeyRing) -> None:
    """Somebody stopped it in the middle of its writing: requests go on, and secrets are erased later."""
    begins = rotate(ring.directory, algorithm="ES256", now=NOW + 1).active_from
    ring.reload(begins)
    with ring.directory.writing():
        ring.erase_spent(begins)
        assert [status.record.has_secret for status in ring.statuses] == [True, True]
    ring.erase_spent(begins + 1)
    assert [status.record.has_secret for status in ring.statuses] == [False, True]


def test_a_file_that_cannot_be_used_stops_no_server(ring: KeyRing, directory: Path) -> None:
    """What was read before goes on by the clock, and the mended file counts again."""
    second = rotate(ring.directory, algorithm="ES256", now=NOW)
    ring.reload(NOW + 1)
    path = directory / f"{second.key_id}.json"
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match=f"run: chmod 600 {path}"):
        ring.reload(NOW + 2)
    ring.turn_to(second.active_from)
    assert ring.signer().key_id == second.key_id
    path.chmod(0o600)
    assert ring.reload(second.active_from + 1) == ()


def test_where_every_key_is_lost_nothing_changes(ring: KeyRing, directory: Path) -> None:
    """A server without a signer serves nobody: it is told, and goes on with what it has."""
    before = ring.signer(), ring.public_jwks()
    only_file(directory).unlink()
    with pytest.raises(KeyFileError, match="no key that signs"):
        ring.reload(NOW + 1)
    assert (ring.signer(), ring.public_jwks()) == before


def test_keys_of_version_0_1_are_read(ring: KeyRing, directory: Path) -> None:
    """There was one state that a file could be in; the next rotation treats it like any other key."""
    path = only_file(directory)
    jwk = json.loads(path.read_bytes())["jwk"]
    old = {"state": "active", "created_at": NOW, "changed_at": NOW, "algorithm": "ES256", "key_id": path.stem}
    path.write_text(json.dumps({**old, "jwk": jwk}))
    again = KeyRing.load_or_create(directory, now=NOW + 1)
    assert again.signer().key_id == path.stem
    begins = rotate(again.directory, algorithm="ES256", now=NOW + 1).active_from
    KeyRing.load_or_create(directory, now=begins)
    assert "state" not in json.loads(path.read_bytes())


def test_an_algorithm_that_may_not_sign_makes_no_ring(directory: Path) -> None:
    """A slip in the settings shows at the start."""
    with pytest.raises(KeyStateError, match="not an algorithm that may sign"):
        KeyRing.load_or_create(directory, algorithms=("RS256",), now=NOW)


def test_keys_that_others_can_read_are_refused_with_the_command_that_mends_it(
    directory: Path, ring: KeyRing
) -> None:
    """The server does not start with an open key; the message is a command to run."""
    path = only_file(directory)
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
        lambda file: file.update(state="active"),
        lambda file: file.update(state="trusted"),
        lambda file: file.update(published_at="yesterday"),
        lambda file: file.update(active_from=None),
        lambda file: file.update(compromised="no"),
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
    path = only_file(directory)
    document = json.loads(path.read_bytes())
    mutate(document)
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError):
        KeyRing.load_or_create(directory, now=NOW)


def test_the_halves_of_an_edwards_key_must_fit(directory: Path) -> None:
    """An Ed25519 secret with another key's public half would sign what nobody can verify."""
    KeyRing.load_or_create(directory, algorithms=("EdDSA",), now=NOW)
    path = only_file(directory)
    document = json.loads(path.read_bytes())
    document["jwk"]["d"] = private_jwk(generate_private_key("EdDSA"))["d"]
    path.write_text(json.dumps(document))
    with pytest.raises(KeyFileError, match="another key"):
        KeyRing.load_or_create(directory, now=NOW)


def test_no_secret_is_in_any_representation(ring: KeyRing, directory: Path) -> None:
    """Neither a record nor a signer prints what it holds."""
    secret = json.loads(only_file(directory).read_bytes())["jwk"]["d"]
    assert all(secret not in repr(thing) for thing in (ring, ring.statuses, ring.signer(), ring.key_set()))
