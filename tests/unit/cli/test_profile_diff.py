"""`trustweft profile diff`: what two profiles do not say alike."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from trustweft.cli import main

if TYPE_CHECKING:
    from pathlib import Path

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


def test_people_see_a_table(stricter: str) -> None:
    """With the two profiles as its columns."""
    lines = run("fapi2-security", stricter).stdout.splitlines()
    assert lines[0].split()[:3] == ["part", "name", "fapi2-security"]
    assert any("authorization_code_lifetime" in line and "10 seconds" in line for line in lines)


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
