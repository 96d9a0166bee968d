"""`trustweft profile lint`: what is wrong with a profile, for people and for machines."""

from __future__ import annotations

import datetime as dt
import json
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from trustweft.cli import main
from trustweft.cli.profile_lint import findings
from trustweft.profile import load_profile

if TYPE_CHECKING:
    from pathlib import Path

PACKAGED = (files("trustweft.profile") / "profiles" / "fapi2-security.toml").read_text("utf-8")
PACKAGED = PACKAGED.replace("\ndate = 2026-11-25", "\ndate = 2020-11-25")  # past, whatever the day is


def run(*arguments: str) -> Result:
    """Type the command on a wide screen."""
    return CliRunner().invoke(main, ["profile", "lint", *arguments], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    ("old", "new", "kind", "problem"),
    [
        (
            "code_lifetime = { value = 60",
            "code_lifetime = { value = 61",
            "refused",
            "too weak: authorization_code_lifetime",
        ),
        ("[limits]", "[limit]", "refused", "unknown field `limit`"),
        (
            "assertion_lifetime = { value = 60",
            "assertion_lifetime = { value = 400",
            "contradiction",
            "client_assertion_lifetime",
        ),
        ("review_by = 2027-11-25", "review_by = 2020-11-25", "review", "reviewed by 2020-11-25"),
        ('final.html", date = 2025-02-22', 'final.html", date = 2024-02-22', "outdated", "of 2024-02-22"),
        ('attack = "cuckoo"', 'attack = "cukoo"', "contradiction", "no known attack is called cukoo"),
        ('id = "directory"', 'id = "operator"', "refused", "several participants have one id: operator"),
        ("require_pkce = { value = true", "require_pkce = { value = false", "refused", "require_pkce"),
        (
            '"client_credentials"]',
            '"client_credentials", "urn:openid:params:grant-type:ciba"]',
            "not-implemented",
            "ciba",
        ),
    ],
)
def test_what_is_wrong_is_named_and_the_command_fails(
    tmp_path: Path, old: str, new: str, kind: str, problem: str
) -> None:
    """By its kind and in a sentence; machines get the same."""
    file = tmp_path / "our-own.toml"
    assert old in PACKAGED
    file.write_text(PACKAGED.replace(old, new, 1))
    done = run(str(file), "--implemented", "--json")
    found = json.loads(done.stdout)
    assert {finding["kind"] for finding in found} == {kind}
    assert any(problem in finding["text"] for finding in found)
    assert done.exit_code == 1
    assert kind in run(str(file), "--implemented").stdout


def test_nothing_is_wrong_with_the_default_profile() -> None:
    """And this version can do all of it; only the day of its review will come."""
    found = tuple(findings("fapi2-security", today=load_profile("fapi2-security").date, implemented=True))
    assert found == ()


def test_a_sentence_says_that_nothing_is_wrong(tmp_path: Path) -> None:
    """And the command succeeds."""
    file = tmp_path / "our-own.toml"
    file.write_text(PACKAGED.replace("review_by = 2027-11-25", "review_by = 9999-12-31"))
    done = run(str(file), "--implemented")
    assert (done.exit_code, done.stdout) == (0, "Nothing is wrong with it.\n")


def test_what_is_not_built_is_no_fault_unless_asked(tmp_path: Path) -> None:
    """A profile may be ahead of its software."""
    file = tmp_path / "our-own.toml"
    text = PACKAGED.replace('"client_credentials"]', '"client_credentials", "something-new"]')
    file.write_text(text.replace("review_by = 2027-11-25", "review_by = 9999-12-31"))
    assert run(str(file)).exit_code == 0
    assert run(str(file), "--implemented").exit_code == 1


def test_a_document_that_is_not_built_is_named_on_request() -> None:
    """With its reason, and once for the whole document."""
    named = [
        text
        for kind, text in findings("fapi2-message-signing", today=dt.date(2026, 11, 25), implemented=True)
        if kind == "not-implemented" and text.startswith("FAPI 2.0 Message Signing is not built: ")
    ]
    assert len(named) == 1
    assert "later version" in named[0]


def test_a_decision_that_the_directory_does_not_have_is_a_contradiction(tmp_path: Path) -> None:
    """Whoever misspells it would have one person decide alone."""
    file = tmp_path / "our-own.toml"
    file.write_text(
        PACKAGED.replace("two_people = { value = []", 'two_people = { value = ["brand.revok"]', 1)
    )
    (finding,) = findings(str(file), today=load_profile("fapi2-security").date)
    assert finding == ("contradiction", "the directory cannot ask for this: brand.revok")
