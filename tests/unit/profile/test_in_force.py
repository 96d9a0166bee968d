"""The profile in force: another one takes its place whole, or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from support.profile_files import changed_profile
from trustweft.profile import ProfileError, load_profile
from trustweft.profile.implemented import HONOURED
from trustweft.profile.in_force import ProfileInForce, digest_of_profile
from trustweft.profile.live import (
    ACTS_AT_ONCE,
    WAITS_FOR_START,
    changes_between,
    check_live,
    check_same_bounds,
    in_one_line,
)

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.profile import Profile

BASE = "fapi2-security"


def test_every_value_that_is_honoured_says_when_it_acts() -> None:
    """Each in one of the two tables, so that no change is a surprise."""
    assert set(ACTS_AT_ONCE) | set(WAITS_FOR_START) == HONOURED
    assert set(ACTS_AT_ONCE).isdisjoint(WAITS_FOR_START)


def test_where_nothing_was_applied_the_settings_count(tmp_path: Path) -> None:
    """Whether they name a place for it or not."""
    for profiles in (ProfileInForce(BASE), ProfileInForce(BASE, tmp_path / "applied.toml")):
        assert (profiles.current, profiles.digest) == (load_profile(BASE), digest_of_profile(BASE))
        assert profiles.read_again() is None


def test_an_applied_profile_takes_its_place_and_says_what_changes(tmp_path: Path) -> None:
    """Once; with both digests, which are those of the files."""
    path = tmp_path / "applied.toml"
    profiles = ProfileInForce(BASE, path)
    before = profiles.digest
    changed_profile(path, authorization_code_lifetime=30, client_assertion_lifetime=50)
    replaced = profiles.read_again()
    assert replaced is not None
    assert (replaced.name, replaced.before) == ("applied", before)
    assert replaced.after == profiles.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(str(change), change.at_once) for change in replaced.changes] == [
        ("authorization_code_lifetime from 60 to 30", True),
        ("client_assertion_lifetime from 60 to 50", False),
    ]
    assert profiles.current.limits.authorization_code_lifetime == 30
    assert profiles.read_again() is None
    assert ProfileInForce(BASE, path).digest == profiles.digest


@pytest.mark.parametrize(
    ("said", "instead", "problem"),
    [
        (
            "authorization_code_lifetime = { value = 60",
            "authorization_code_lifetime = { value = 61",
            "at most 60",
        ),
        ('specifications = ["FAPI2-SP"]', "specifications = []", "specifications"),
        ("credential_entropy_bits = { value = 256", "credential_entropy_bits = { value = 512", "cannot do"),
        (
            "client_assertion_max_lifetime = { value = 300",
            "client_assertion_max_lifetime = { value = 50",
            "contradicts",
        ),
        ("[limits]", "[limit", "applied.toml"),
        ("dpop_proof_max_age = { value = 60", "dpop_proof_max_age = { value = 61", "while participants run"),
    ],
    ids=[
        "too weak",
        "bound to nothing",
        "not implemented",
        "contradiction",
        "malformed",
        "longer memory needed",
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, said: str, instead: str, problem: str
) -> None:
    """It is refused once, until it changes again; what was in force stays, and a good file is followed as before."""
    path = changed_profile(tmp_path / "applied.toml", authorization_code_lifetime=60)
    text = path.read_text(encoding="utf-8")
    profiles = ProfileInForce(BASE, path)
    before = profiles.current, profiles.digest
    assert said in text
    path.write_text(text.replace(said, instead), encoding="utf-8")
    with pytest.raises(ProfileError, match=problem):
        profiles.read_again()
    assert profiles.read_again() is None
    assert (profiles.current, profiles.digest) == before
    assert problem in str(profiles.problem)
    changed_profile(path, authorization_code_lifetime=20)
    assert profiles.read_again() is not None
    assert profiles.current.limits.authorization_code_lifetime == 20
    assert str(profiles.problem) == "None"


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """It says so; the next start goes by the settings."""
    path = changed_profile(tmp_path / "applied.toml", access_token_lifetime=60)
    profiles = ProfileInForce(BASE, path)
    path.unlink()
    with pytest.raises(ProfileError, match="No such file"):
        profiles.read_again()
    assert profiles.current.limits.access_token_lifetime == 60
    assert ProfileInForce(BASE, path).current.limits.access_token_lifetime == 300


def test_a_start_refuses_an_applied_profile_that_cannot_be_used(tmp_path: Path) -> None:
    """It does not fall back on the settings: somebody has decided otherwise."""
    path = changed_profile(tmp_path / "applied.toml", authorization_code_lifetime=61)
    with pytest.raises(ProfileError, match="at most 60"):
        ProfileInForce(BASE, path)


def test_a_specification_cannot_be_dropped() -> None:
    """A profile's bounds come from what it names: whoever relied on them would be bound by fewer."""
    default = load_profile(BASE)
    check_same_bounds(default, default)
    with pytest.raises(ProfileError, match="does not hold itself to FAPI2-SP, as fapi2-security does"):
        check_same_bounds(default, replace(default, specifications=()))


def test_a_participant_that_cannot_act_by_a_profile_keeps_the_old_one(tmp_path: Path) -> None:
    """It says so itself, at the start and later."""

    def fits(profile: Profile) -> None:
        if profile.limits.access_token_lifetime == 60:
            raise ProfileError("not with these keys")

    path = tmp_path / "applied.toml"
    profiles = ProfileInForce(BASE, path, fits=fits)
    changed_profile(path, access_token_lifetime=60)
    with pytest.raises(ProfileError, match="not with these keys"):
        profiles.read_again()
    assert profiles.current == load_profile(BASE)
    with pytest.raises(ProfileError, match="not with these keys"):
        ProfileInForce(BASE, path, fits=fits)


def test_used_proofs_stay_used() -> None:
    """A proof that is remembered for a minute would be good again if proofs became good for longer."""
    default = load_profile(BASE)
    shorter = default.with_limits(dpop_proof_max_age=30)
    check_live(default, shorter)
    with pytest.raises(ProfileError, match="dpop_proof_max_age from 30 to 60 cannot be"):
        check_live(shorter, default)


def test_profiles_with_the_same_values_say_so() -> None:
    """An empty line in a log would leave it open."""
    default = load_profile(BASE)
    assert in_one_line(changes_between(default, default)) == "the same limits and duties"
