"""Profiles and tables are read strictly: an error names the file and the place, and nothing unknown gets in."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from trustweft.profile import (
    ProfileError,
    load_profile,
    load_requirements,
    load_specification,
    loading,
    profile_names,
)
from trustweft.profile.loading import profile_octets

if TYPE_CHECKING:
    from pathlib import Path

DATA = files("trustweft.profile")
GOOD_PROFILE = (DATA / "profiles" / "fapi2-security.toml").read_text("utf-8")
GOOD_TABLE = (DATA / "requirements" / "fapi2-security.toml").read_text("utf-8")
CODE_LIFETIME = 'authorization_code_lifetime = { value = 60, why = "FAPI2-SP-5.3.2.1-11" }'


@pytest.fixture
def profile_file(tmp_path: Path) -> Path:
    return tmp_path / "our-own.toml"


def test_the_packaged_profiles_are_listed() -> None:
    """The names that `load_profile` takes can be asked for."""
    assert profile_names() == tuple(sorted(profile_names()))
    assert {"fapi2-security", "oauth2-plain", "au-connectid"} <= set(profile_names())


def test_a_profile_is_loaded_by_path(profile_file: Path) -> None:
    """A deployment's own profile, stricter than the default, loads from its file, given as text or as a path."""
    stricter = CODE_LIFETIME.replace("60", "10")
    profile_file.write_text(GOOD_PROFILE.replace(CODE_LIFETIME, stricter))
    assert load_profile(profile_file).limits.authorization_code_lifetime == 10
    assert load_profile(str(profile_file)) == load_profile(profile_file)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "fapi2-security"', 'name = "FAPI 2"', r"matching regex .* - at `\$.profile.name`"),
        ('["FAPI2-SP"]', "[]", r"'FAPI2-SP-5.4.1-1.2' is neither .* - at `\$.limits.signing_algorithms.why`"),
        ('["FAPI2-SP"]', '["FAPI3"]', r"no table of requirements for 'FAPI3' - at `\$.profile.specifications`"),
        ("[profile]", "[profile", r"Expected '\]'"),
        ("[profile]", "[[profile]]", r"Expected `object`, got `array` - at `\$.profile`"),
        ("[profile]", "extra = 1\n[profile]", r"unknown field `extra`"),
        ("[duties]", "surprise = { value = 1, why = 'our choice: x' }\n[duties]", r"unknown field `surprise` - at `\$.limits`"),
        (CODE_LIFETIME, "", r"missing required field `authorization_code_lifetime` - at `\$.limits`"),
        (CODE_LIFETIME, CODE_LIFETIME + "\n" + CODE_LIFETIME, r"Cannot overwrite a value"),
        (CODE_LIFETIME, CODE_LIFETIME.replace("60", '"60"'), r"got `str` - at `\$.limits.authorization_code_lifetime.value`"),
        (CODE_LIFETIME, CODE_LIFETIME.replace("60", "0"), r">= 1 - at `\$.limits.authorization_code_lifetime.value`"),
        ("our choice: it is read once, at login", "our choice: it is \\u001b[2Jread", r"U\+001B is a control - at `\$.limits.id_token_lifetime.why`"),
        ('title = "Directory"', 'title = "Dir\\u202ectory"', r"U\+202E is a control - at `\$.participant\[1\].title`"),
        (CODE_LIFETIME, CODE_LIFETIME.replace("60", "9" * 19), r"<= 3155760000 - at `\$.limits.authorization_code_lifetime.value`"),
        ("[profile]", f"a = {'[' * 9999}{']' * 9999}\n[profile]", "is nested too deeply"),
        (CODE_LIFETIME, "authorization_code_lifetime = 60", r"Expected `object`, got `int` - at `\$.limits.authorization_code_lifetime`"),
        (CODE_LIFETIME, "authorization_code_lifetime = { value = 60 }", r"missing required field `why` - at `\$.limits.authorization_code_lifetime`"),
        (CODE_LIFETIME, CODE_LIFETIME.replace("why", "reason"), r"unknown field `reason`"),
        ("FAPI2-SP-5.3.2.1-11", "FAPI2-SP-5.3.2.1-99", r"'FAPI2-SP-5.3.2.1-99' is neither .* - at `\$.limits.authorization_code_lifetime.why`"),
        ("our choice: it is read once, at login", "our choice: ", r"neither .* - at `\$.limits.id_token_lifetime.why`"),
        (CODE_LIFETIME, CODE_LIFETIME.replace("60", "61"), r"authorization_code_lifetime must be at most 60, but is 61 \(FAPI2-SP-5.3.2.1-11:"),
        ("require_pkce = { value = true", "require_pkce = { value = false", r"require_pkce must be equal to True"),
        ("require_pkce = { value = true", "require_pkce = { value = 1", r"Expected `bool`, got `int` - at `\$.duties.require_pkce.value`"),
    ],
)  # fmt: skip
def test_a_good_profile_changed_in_one_place_is_refused(
    *, profile_file: Path, old: str, new: str, problem: str
) -> None:
    """Each single fault is refused, and the error names the file and the exact place."""
    assert old in GOOD_PROFILE
    profile_file.write_text(GOOD_PROFILE.replace(old, new, 1))
    with pytest.raises(ProfileError, match=problem) as refused:
        load_profile(profile_file)
    assert str(refused.value).startswith(f"{profile_file}: ")


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x00", b"profile = \xc0\xaf"])
def test_a_file_that_is_not_text_is_refused(profile_file: Path, raw: bytes) -> None:
    """Octets that are no UTF-8 are a fault of the file, not of ours."""
    profile_file.write_bytes(raw)
    with pytest.raises(ProfileError, match=re.escape(str(profile_file))):
        load_profile(profile_file)


@pytest.mark.parametrize(
    "name", ["fapi3", "", "..", "FAPI2", "fapi2_security", "fapi2-security\n", "a\0.toml"]
)
def test_an_unknown_name_is_refused(name: str) -> None:
    """A name that no profile has, or that is no name, is refused."""
    with pytest.raises(ProfileError):
        load_profile(name)


@pytest.mark.parametrize("ask", [load_profile, profile_octets])
def test_a_name_that_no_profile_has_is_answered_with_those_that_there_are(ask: Any) -> None:
    with pytest.raises(ProfileError, match=r"there is no profile fapi3; there are .*fapi2-security"):
        ask("fapi3")


def test_a_folder_is_not_a_profile(tmp_path: Path) -> None:
    """A path that cannot be read as a file is refused with the path."""
    with pytest.raises(ProfileError, match=re.escape(str(tmp_path))):
        load_profile(tmp_path)


@pytest.mark.parametrize("ask", [load_requirements, load_specification])
def test_an_unknown_specification_is_refused(ask: Any) -> None:
    """There is no table for a specification that was not read."""
    with pytest.raises(ProfileError, match="no table of requirements for 'RFC6749'"):
        ask("RFC6749")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id = "FAPI2-SP"', 'id = "FAPI2-MS"', "is about FAPI2-MS, not about FAPI2-SP"),
        ('"FAPI2-SP-5.2.1-2"', '"FAPI2-SP-5.2.1-1"', r"FAPI2-SP-5.2.1-1 occurs twice - at `\$.requirement\[3\].id`"),
        ('"FAPI2-SP-5.2.1-2"', '"FAPI2-SP-5.2.2-2"', r"FAPI2-SP-5.2.2-2 is not in section 5.2.1"),
        ('"FAPI2-SP-5.2.1-2"', '"FAPI2-SP-5.2.1-x"', r"matching regex .* - at `\$.requirement\[3\].id`"),
        ('level = "shall not"', 'level = "must not"', r"Invalid enum value 'must not' - at `\$.requirement\[1\].level`"),
        ('participant = "ecosystem"', 'participant = "bank"', r"\$.requirement\[0\].participant"),
        ('mechanism = "profiling"', 'mechanism = "Profiling!"', r"\$.requirement\[0\].mechanism"),
        ('mechanism = "profiling"', 'mechanism = "profiling"\nnote = "x"', r"unknown field `note`"),
        ('must_be = "one of"', 'must_be = "about"', r"Invalid enum value 'about'"),
        ('sentence = "No TLS version before 1.2 is ever negotiated."', "", r"missing required field `sentence`"),
        ('sentence = "No TLS version before 1.2 is ever negotiated."', 'sentence = ""', r"\$.requirement\[3\].sentence"),
    ],
)  # fmt: skip
def test_a_good_table_changed_in_one_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problem: str
) -> None:
    """Each single fault in a table of requirements is found when it is read."""
    assert old in GOOD_TABLE
    (tmp_path / "fapi2-security.toml").write_text(GOOD_TABLE.replace(old, new, 1))
    monkeypatch.setattr(loading, "_packaged", lambda _folder: tmp_path)
    loading._requirements.cache_clear()
    try:
        with pytest.raises(ProfileError, match=problem) as refused:
            load_requirements("FAPI2-SP")
    finally:
        loading._requirements.cache_clear()
    assert str(refused.value).startswith(f"{tmp_path / 'fapi2-security.toml'}: ")
