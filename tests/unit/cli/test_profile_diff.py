"""`trustweft profile diff`: what two profiles do not say alike."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.profile_files import changed_profile
from trustweft.cli import main
from trustweft.profile import load_profile

PACKAGED = (files("trustweft.profile") / "profiles" / "fapi2-security.toml").read_text("utf-8")


def run(*arguments: str) -> Result:
    """Type the command on a wide screen."""
    return CliRunner().invoke(main, ["profile", "diff", *arguments], env={"COLUMNS": "200"})


@pytest.fixture
def stricter(tmp_path: Path) -> str:
    """The default profile with another name, codes that live shorter, and one duty more."""
    text = PACKAGED.replace('name = "fapi2-security"', 'name = "our-own"')
    text = text.replace(
        "authorization_code_lifetime = { value = 60", "authorization_code_lifetime = { value = 10"
    )
    text = text.replace("require_dpop_nonce = { value = false", "require_dpop_nonce = { value = true")
    file = tmp_path / "our-own.toml"
    file.write_text(text)
    return str(file)


def test_a_profile_says_the_same_as_itself() -> None:
    """In a sentence; and an empty list for machines."""
    assert run("fapi2-security", "fapi2-security").stdout == "They say the same.\n"
    assert json.loads(run("fapi2-security", "fapi2-security", "--json").stdout) == []


def test_each_difference_is_named_with_both_values(stricter: str) -> None:
    """Neither more nor less, and in the words of people."""
    found = json.loads(run("fapi2-security", stricter, "--json").stdout)
    changed = {each["name"]: (each["part"], each["before"], each["after"]) for each in found}
    assert changed["name"] == ("about", "fapi2-security", "our-own")
    assert changed["authorization_code_lifetime"] == ("limits", "1 minute", "10 seconds")
    assert {each["part"] for each in found} <= {"about", "limits", "duties"}
    assert len(found) == PACKAGED.count("require_dpop_nonce = { value = false") + 2


def test_the_order_is_that_of_the_command(stricter: str) -> None:
    """What is before and what is after changes places with the arguments."""
    forth = json.loads(run("fapi2-security", stricter, "--json").stdout)
    back = json.loads(run(stricter, "fapi2-security", "--json").stdout)
    assert [(each["before"], each["after"]) for each in forth] == [
        (each["after"], each["before"]) for each in back
    ]


def test_people_see_a_table(stricter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the two profiles as its columns."""
    monkeypatch.chdir(Path(stricter).parent)
    lines = run("fapi2-security", Path(stricter).name).stdout.splitlines()
    assert lines[0].split()[:3] == ["part", "name", "fapi2-security"]
    assert any("authorization_code_lifetime" in line and "10 seconds" in line for line in lines)
    assert lines[-1].startswith("Stricter: fapi2-security in 0, ")


def sides(*arguments: str) -> dict[tuple[str, str], str | None]:
    """Return the stricter side of each line, by part and name."""
    return {
        (each["part"], each["name"]): each["stricter"]
        for each in json.loads(run(*arguments, "--json").stdout)
    }


def test_each_line_says_which_side_is_stricter(stricter: str) -> None:
    """Whichever of the two is named first; and a name is neither stricter nor weaker."""
    assert sides("fapi2-security", stricter)["limits", "authorization_code_lifetime"] == "second"
    assert sides(stricter, "fapi2-security")["limits", "authorization_code_lifetime"] == "first"
    assert sides(stricter, "fapi2-security")["about", "name"] is None


def test_where_each_allows_what_the_other_does_not_each_is_stricter_in_part(tmp_path: Path) -> None:
    """Algorithms are a set, of which neither holds the other."""
    ours = changed_profile(tmp_path / "ours.toml", signing_algorithms=["PS256", "ES256"])
    theirs = changed_profile(tmp_path / "theirs.toml", signing_algorithms=["PS256", "EdDSA"])
    assert sides(str(ours), str(theirs)) == {
        ("about", "name"): None,
        ("limits", "signing_algorithms"): "each in part",
    }


@pytest.mark.parametrize(
    "line",
    [
        ("specifications", "FAPI2-SP"),
        ("requirements", "FAPI2-SP-5.3.2.1-4"),
        ("mechanisms", "par"),
        ("mechanisms", "sc=none"),
        ("mechanisms", "sc=dpop"),
        ("limits", "code_challenge_methods"),
        ("duties", "require_pkce"),
        ("off-boarding", "refusal_by_push"),
        ("responsibilities", "withdrawal"),
    ],
)
def test_fapi_is_stricter_than_what_it_came_from_in_every_part(line: tuple[str, str]) -> None:
    """Values, mechanisms, times, and what one of them does not have at all."""
    assert sides("oauth2-plain", "fapi2-security")[line] == "second"
    assert sides("fapi2-security", "oauth2-plain")[line] == "first"


def test_what_is_only_allowed_or_advised_makes_nobody_stricter() -> None:
    """A clause that binds nobody, and a status code."""
    found = sides("oauth2-plain", "fapi2-security")
    levels = {row.id: row.level for row in load_profile("fapi2-security").requirements}
    assert {
        levels[name] for (part, name), side in found.items() if part == "requirements" and side is None
    } == {
        "may",
        "advice",
    }
    assert found["limits", "redirect_status"] is None


def test_a_time_for_a_duty_is_told_with_it() -> None:
    """So that a later time is a difference, and seen to be weaker."""
    ours = next(each for each in load_profile("fapi2-security").responsibilities if each.deadline)
    line = ("responsibilities", ours.id)
    found = json.loads(run("oauth2-plain", "fapi2-security", "--json").stdout)
    (said,) = [each["after"] for each in found if (each["part"], each["name"]) == line]
    assert " Within " in said


def test_what_another_profile_adds_is_named() -> None:
    """Mechanisms, deadlines and risks too, and not only values."""
    found = json.loads(run("oauth2-plain", "fapi2-security", "--json").stdout)
    changed = {(each["part"], each["name"]): (each["before"], each["after"]) for each in found}
    assert changed["mechanisms", "par"] == (None, "on")
    assert changed["mechanisms", "sc=dpop"] == (None, "on")
    assert ("specifications", "FAPI2-SP") in changed


def test_a_profile_that_does_not_exist_is_an_error() -> None:
    """As everywhere."""
    assert run("fapi2-security", "no-such-profile").exit_code == 1
