"""`trustweft prove`: what it refuses, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from trustweft.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def prove(*arguments: str) -> tuple[int, str]:
    """Run the command."""
    result = CliRunner().invoke(main, ["prove", *arguments], prog_name="trustweft")
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no-such-profile",), "no-such-profile"),
        ((), "Name a profile"),
        (("fapi2-security", "--without", "magic"), "there is no mechanism 'magic'"),
        (("fapi2-security", "--attackers", "a1,a9"), "unknown: a9"),
        (("--explain", "magic"), "no known attack is called 'magic'"),
        (("fapi2-security", "--html", "/no/such/folder/proof.html"), "there is no folder"),
    ],
)
def test_what_cannot_be_examined_ends_with_two(arguments: tuple[str, ...], told: str) -> None:
    """So that nobody takes it for a verdict."""
    code, output = prove(*arguments)
    assert code == 2
    assert told in output


def test_the_page_is_written_and_the_verdict_is_the_exit_status(tmp_path: Path) -> None:
    page = tmp_path / "proof.html"
    code, output = prove("au-connectid", "--attackers", "a1", "--html", str(page))
    assert (code, "no attack with at most" in output) == (0, True)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    code, _ = prove("au-connectid", "--attackers", "a1a", "--without", "iss")
    assert code == 1
