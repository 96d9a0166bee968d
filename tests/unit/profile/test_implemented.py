"""Nothing that a profile says is ignored: it is read where it counts, or refused at the start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import trustweft
from trustweft.cli.assembly.profiles import profile_in_force
from trustweft.profile import Duties, Limits, Profile, ProfileError, check_implemented, load_profile
from trustweft.profile.implemented import HONOURED, _fulfils, not_implemented

SOURCE = Path(trustweft.__file__).parent
NAMES = (*Limits.__struct_fields__, *Duties.__struct_fields__)
PACKAGED = SOURCE / "profile" / "profiles" / "fapi2-security.toml"


@dataclass(frozen=True)
class Named:
    """Settings that name a profile."""

    profile: str
    applied_profile: str | None = None
    without_mechanisms: tuple[str, ...] = ()


def read_names() -> set[str]:
    """Return the names that the participants read from a profile."""
    found: set[str] = set()
    # Metadata policy tells others what the profile says, as documents and the tour do.
    telling = {"profile", "tour", "metadata_policy.py"}
    for path in SOURCE.rglob("*.py"):
        if telling.isdisjoint(path.relative_to(SOURCE).parts):
            found |= set(re.findall(r"\b(?:limits|duties)\.([a-z_0-9]+)", path.read_text(encoding="utf-8")))
    return found


def with_value(profile: Profile, name: str, value: object) -> Profile:
    """Return a copy of the profile that says something else."""
    part = "limits" if name in Limits.__struct_fields__ else "duties"
    changed = msgspec.structs.replace(getattr(profile, part), **{name: value})
    return msgspec.structs.replace(profile, **{part: changed})


def test_what_is_honoured_is_what_is_read() -> None:
    """A name on the list that nobody reads would be a promise that nobody keeps."""
    assert read_names() == HONOURED


@pytest.mark.parametrize("name", sorted(set(Limits.__struct_fields__) - HONOURED))
def test_what_is_fixed_cannot_be_asked_for_otherwise(name: str) -> None:
    """A stricter value, where the bounds allow one, is refused by name rather than ignored."""
    default = load_profile("fapi2-security")
    now = default.value(name)
    others: list[object] = ["1.3"]
    if isinstance(now, tuple):
        others = [now[:1], now[1:]]
    elif isinstance(now, int):
        others = [now + 1]
    for other in (value for value in others if value not in (now, ())):
        changed = with_value(default, name, other)
        with pytest.raises(ProfileError, match=f"cannot do: {name} is "):
            check_implemented(changed)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("minimum_elliptic_curve_key_bits", 224),
        ("credential_entropy_bits", 128),
        ("revoke_on_code_replay", False),
        ("refuse_replayed_dpop_proofs", False),
        ("support_openid_connect", False),
        ("require_registered_redirect_uri", False),
    ],
)
def test_a_profile_that_asks_for_less_is_served_more_strictly(name: str, asked: object) -> None:
    """What it leaves out is done all the same: no switch turns a check off."""
    check_implemented(with_value(load_profile("fapi2-security"), name, asked))


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        (
            "response_types",
            ("code", "code id_token"),
            "response_types has code id_token, which is not built yet",
        ),
        (
            "grant_types",
            ("authorization_code", "urn:openid:params:grant-type:ciba"),
            "grant_types has urn:openid",
        ),
        ("client_authentication_methods", ("private_key_jwt", "client_secret_jwt"), "has client_secret_jwt"),
        ("sender_constraint_methods", ("dpop", "none"), "sender_constraint_methods has none"),
        ("signing_algorithms", ("PS256", "RS256"), "signing_algorithms has RS256"),
        ("redirect_status", 307, "redirect_status has 307"),
    ],
)
def test_what_is_honoured_is_held_to_what_is_built(name: str, asked: object, said: str) -> None:
    """A profile that is bound by less than FAPI 2.0 may name what nobody here can do: it would be taken for something else."""
    default = load_profile("fapi2-security")
    unbound = replace(default, requirements=tuple(replace(row, bounds=()) for row in default.requirements))
    with pytest.raises(ProfileError, match=said):
        check_implemented(with_value(unbound, name, asked))


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("authorization_code_lifetime", 61, "authorization_code_lifetime must be at most 60, but is 61"),
        ("request_uri_lifetime", 600, "request_uri_lifetime must be below 600, but is 600"),
        ("future_tolerance", 61, "future_tolerance must be at most 60, but is 61"),
    ],
)
def test_a_profile_that_names_no_specification_does_not_get_a_weaker_mode(
    name: str, asked: object, said: str
) -> None:
    """Leaving the specification out takes its bounds out of the profile, and not out of the participants."""
    unbound = replace(
        load_profile("fapi2-security"),
        specifications=(),
        requirements=(),
        responsibilities=(),
        interactions=(),
    )
    check_implemented(unbound)
    with pytest.raises(ProfileError, match=said):
        check_implemented(with_value(unbound, name, asked))


def test_a_duty_that_is_not_done_is_refused() -> None:
    """As if the default profile did without one that another profile asks for."""
    assert not _fulfils("a_duty", done=False, asked=True)
    assert _fulfils("a_duty", done=True, asked=False)


def test_the_packaged_profile_is_implemented() -> None:
    """And so is one with other values where they are honoured."""
    default = load_profile("fapi2-security")
    check_implemented(default)
    check_implemented(default.with_limits(access_token_lifetime=60, grant_types=("authorization_code",)))


def test_a_profile_beside_the_settings_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is relative to the settings file, as every path in there."""
    text = PACKAGED.read_text(encoding="utf-8")
    (tmp_path / "ours.toml").write_text(
        text.replace('name = "fapi2-security"', 'name = "ours"'), encoding="utf-8"
    )
    monkeypatch.chdir("/")
    for named, name in (("ours.toml", "ours"), ("fapi2-security", "fapi2-security")):
        assert profile_in_force(Named(named), base=tmp_path).current.name == name


def test_a_participant_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    """The file loads, for it is stricter than the specification; the participant does not start with it."""
    text = PACKAGED.read_text(encoding="utf-8")
    strict = text.replace(
        "credential_entropy_bits = { value = 256", "credential_entropy_bits = { value = 512"
    )
    (tmp_path / "strict.toml").write_text(strict, encoding="utf-8")
    with pytest.raises(ProfileError, match="credential_entropy_bits is 512, and can only be 256 yet"):
        profile_in_force(Named("strict.toml"), base=tmp_path)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("fapi2-message-signing", {"jarm", "introspection_jwt"}),
        ("fapi1-advanced", {"jarm"}),
        ("uk-open-banking", set()),
        ("br-open-finance", set()),
        ("au-cdr", {"jarm"}),
        ("au-connectid", set()),
    ],
)
def test_other_profiles_run_as_far_as_their_mechanisms_are_built(name: str, missing: set[str]) -> None:
    """Their limits and duties are fulfilled; who does without a mechanism has to say so, by its name."""
    profile = load_profile(name)
    assert not_implemented(profile) == tuple(
        f"the mechanism {each} is on, which is not built yet"
        for each in profile.mechanisms.on
        if each in missing
    )
    assert missing <= set(profile.mechanisms.on)
    check_implemented(profile, without=missing)
    if missing:
        with pytest.raises(ProfileError, match="the mechanism jarm is on, which is not built yet"):
            check_implemented(profile)
