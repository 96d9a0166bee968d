"""`trustweft profile list` and `show`: for people, for machines, and as a document."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner, Result

from trustweft.cli import main
from trustweft.cli.profile_words import duration, name_of, said
from trustweft.profile import load_profile, profile_names

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> Result:
    """Type the command on a wide screen."""
    return CliRunner().invoke(main, ["profile", *arguments], env={"COLUMNS": "200"})


def test_every_packaged_profile_is_listed() -> None:
    """With its title; and as JSON the names that `show` takes."""
    assert "FAPI 2.0 Security Profile" in run("list").stdout
    assert tuple(each["name"] for each in json.loads(run("list", "--json").stdout)) == profile_names()


@pytest.mark.parametrize("name", profile_names())
def test_every_packaged_profile_can_be_shown(name: str, tmp_path: Path) -> None:
    """To people at the terminal, and as a document."""
    done = run("show", name)
    assert done.exit_code == 0
    assert done.stdout.startswith(load_profile(name).title)
    assert run("show", name, "--html", str(tmp_path / "profile.html")).exit_code == 0


def test_what_is_accepted_and_who_answers_is_shown() -> None:
    """With the times that are kept."""
    shown = " ".join(run("show", "fapi2-security").stdout.split())
    assert "Ends everything that hangs off a consent as soon as the user takes it back. 5 seconds" in shown
    assert "Off-boarding: refusal by poll 1 minute Our choice: who asks, asks every minute" in shown
    assert "cuckoo Authorization A1a A5" in shown


def test_times_are_said_as_people_say_them() -> None:
    """And where they come from."""
    line = next(
        line
        for line in run("show", "fapi2-security").stdout.splitlines()
        if line.startswith("Grant lifetime")
    )
    assert line.split("  ")[0] == "Grant lifetime"
    assert " 90 days " in line
    assert "Our choice: 90 days, the usual term" in line


def test_json_is_the_whole_profile() -> None:
    """Nothing is left out or rounded."""
    shown = json.loads(run("show", "fapi2-security", "--json").stdout)
    profile = load_profile("fapi2-security")
    assert shown["limits"] == json.loads(msgspec.json.encode(profile.limits))
    assert len(shown["requirements"]) == len(profile.requirements)


def test_a_profile_of_ones_own_is_shown_by_its_file(tmp_path: Path) -> None:
    """As lint and apply take it."""
    file = tmp_path / "our-own.toml"
    packaged = files("trustweft.profile") / "profiles" / "fapi2-security.toml"
    file.write_text(packaged.read_text("utf-8").replace('name = "fapi2-security"', 'name = "our-own"'))
    assert "(our-own 1.0 " in run("show", str(file)).stdout


def test_a_profile_that_is_refused_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    """With the file and the place."""
    file = tmp_path / "our-own.toml"
    file.write_text("[profile]\n")
    done = run("show", str(file))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {file}: ")
    assert run("show", "no-such-profile").exit_code == 1


def test_the_document_has_every_requirement_and_value(tmp_path: Path) -> None:
    """One file that can be handed on: no script, nothing outside it."""
    file = tmp_path / "profile.html"
    assert run("show", "fapi2-security", "--html", str(file)).exit_code == 0
    text = file.read_text(encoding="utf-8")
    profile = load_profile("fapi2-security")
    assert [row.id for row in profile.requirements if f">{row.id}<" not in text] == []
    names = (*profile.limits.__struct_fields__, *profile.duties.__struct_fields__)
    assert [name for name in names if f">{name_of(name)}<" not in text] == []
    assert [each.duty for each in profile.responsibilities if escape(each.duty) not in text] == []
    assert [each.condition for each in profile.residuals if escape(each.condition) not in text] == []
    assert text.count("<svg") == len(profile.interactions)
    assert "<script" not in text
    assert "src=" not in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "1 minute 30 seconds"), (3600, "1 hour"), (7_776_000, "90 days"), (0, "at once")],
)
def test_a_duration_is_said_in_the_largest_units(seconds: int, words: str) -> None:
    """Nobody counts seconds by the million."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("require_pkce", True, "yes"),
        ("redirect_status", 303, "303"),
        ("access_token_lifetime", 300, "5 minutes"),
        ("grant_types", ("a", "b"), "a, b"),
        ("minimum_tls_version", "1.2", "1.2"),
    ],
)
def test_a_value_is_said_by_its_kind(name: str, value: object, words: str) -> None:
    """Seconds only where the name says that they are."""
    assert said(name, value) == words
