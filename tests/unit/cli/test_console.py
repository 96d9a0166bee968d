"""`trustweft console`: links, lists and removals beside a running directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner

from trustweft.cli import main
from trustweft.cli.data_directory import DataDirectory
from trustweft.runtime.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An ecosystem with a directory in which nothing is registered yet."""
    opened = DataDirectory.open_or_create(tmp_path / "data", base_port=None, clock=ManualClock())
    opened.file("directory/directory.toml").write_text('[directory]\nissuer = "https://localhost:8445"\n')
    return opened.path


def run(data: Path, *arguments: str) -> Result:
    """Run a command of the group."""
    return CliRunner().invoke(main, ["console", *arguments, "--data", str(data)], prog_name="trustweft")


def read(data: Path, *arguments: str) -> Any:
    """Run a command that succeeds, and return the JSON that it prints."""
    result = run(data, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_invitation_is_a_link_at_the_directory(data: Path) -> None:
    """One line on the standard output, and nobody has an account yet."""
    result = run(data, "invite", "olga", "--part", "operator")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("https://localhost:8445/console/invitation/")
    assert len(result.stdout.splitlines()) == 1
    assert read(data, "list") == []
    assert read(data, "invite", "olga", "--part", "operator")["expires_in"] == 3_600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("invite", "a b", "--part", "operator"), "console.wrong-name"),
        (("invite", "mia", "--part", "administrator"), "console.wrong-part"),
        (("invite", "mia", "--part", "administrator", "--organisation", "x"), "console.wrong-part"),
        (("invite", "olga", "--part", "operator", "--again"), "console.name-taken"),
        (("remove", "olga"), "console.unknown-person"),
    ],
)
def test_what_is_wrong_is_said_with_its_reason(data: Path, arguments: tuple[str, ...], words: str) -> None:
    """And nothing happened."""
    result = run(data, *arguments)
    assert result.exit_code == 1
    assert words in result.output


def test_an_invitation_is_taken_back(data: Path) -> None:
    """As long as nobody used it."""
    run(data, "invite", "olga", "--part", "operator")
    assert read(data, "remove", "olga") == {"removed": "olga"}


def test_an_ecosystem_without_a_directory_has_no_console(data: Path) -> None:
    """The command says what is missing."""
    settings = data / "directory" / "directory.toml"
    settings.write_text("[directory]\n")
    assert "does not say the directory's issuer" in run(data, "invite", "o", "--part", "operator").output
    settings.unlink()
    assert "has no directory" in run(data, "invite", "o", "--part", "operator").output
    (data / "ecosystem.json").write_bytes(msgspec.json.encode({}))
    assert run(data, "invite", "o", "--part", "operator").exit_code == 1
