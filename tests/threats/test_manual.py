"""The manual's commands do what the manual says, and the packaged profiles are what they are known to be."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from trustweft.cli import main

ROOT = Path(__file__).parent.parent.parent
MANUAL = (ROOT / "docs" / "proving.md").read_text(encoding="utf-8")
# What each command of the manual ends with, and words that the manual promises.
EXPECTED = {
    "trustweft prove fapi2-security": (0, "no attack with at most 4 client sessions"),
    "trustweft prove docs/examples/harbour-payments.toml": (1, "mix-up-chosen-challenge, proof-replay."),
    "trustweft prove docs/examples/harbour-payments.toml --with distinct_ruri --with rs_replay": (
        1,
        "cuckoo",
    ),
    "trustweft prove docs/examples/harbour-payments-mended.toml": (0, "request-leak"),
    "trustweft prove fapi2-security --with second_client": (0, "no attack with at most 4 client sessions"),
    "trustweft prove fapi2-security --without init_csrf --attackers a1,a1a,initiator": (
        1,
        "Missing: FAPI2-SP-5.3.3.1-12",
    ),
    "trustweft prove fapi2-security --without iss": (1, "Missing: FAPI2-SP-5.3.2.2-7"),
    "trustweft prove fapi2-security --emit promela model.pml --goal authentication --attackers a1,a4": (
        0,
        "spin -a -o3 model.pml",
    ),
    "trustweft prove --explain mix-up": (0, "RFC 9700 section 4.4"),
}


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where the repository's documents are, and where what is written can be thrown away."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)


def run(command: str) -> tuple[int, str]:
    """Run a command of the manual."""
    result = CliRunner().invoke(main, shlex.split(command)[1:], prog_name="trustweft")
    return result.exit_code, result.output


def test_the_manual_has_no_command_that_is_not_tried() -> None:
    assert set(re.findall(r"^\$ (trustweft .*)$", MANUAL, re.MULTILINE)) == set(EXPECTED)


@pytest.mark.parametrize("command", EXPECTED)
def test_a_command_of_the_manual_ends_as_it_says(command: str) -> None:
    code, output = run(command)
    expected_code, words = EXPECTED[command]
    assert code == expected_code, output
    assert words in output


def test_the_fapi_profile_has_the_documented_residuals_and_nothing_else() -> None:
    """Sections 6.2, 6.3 and 6.4 with the default attackers."""
    code, output = run("trustweft prove fapi2-security --json")
    assert code == 0
    found = {
        (cell["attack"], cell["goal"]) for cell in json.loads(output)["cells"] if cell["verdict"] != "none"
    }
    assert found == {
        ("proof-replay", "authorization"),
        ("cuckoo", "authorization"),
        ("request-leak", "session-integrity-authentication"),
        ("request-leak", "session-integrity-authorization"),
    }


def test_an_accepted_cell_is_still_accepted_in_twice_as_many_sessions() -> None:
    code, output = run("trustweft prove docs/examples/harbour-payments-mended.toml --deep")
    assert code == 0, output
    assert "8 client sessions" in output
