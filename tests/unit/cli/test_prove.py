"""`trustweft prove`: what it refuses, and how it ends."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import clingo
import pytest
from click.testing import CliRunner

from threats.emitted_reading import read_proverif, read_tamarin
from tools import need
from trustweft.cli import main
from trustweft.cli.prove import _LANGUAGES
from trustweft.threats.emit.languages import LANGUAGES

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
        (("fapi2-security", "--attackers", ""), "nobody is named"),
        (("fapi2-security", "--attackers", ","), "nobody is named"),
        (("fapi2-security", "--attackers", "a1", "--html", "/dev/full"), "No space left on device"),
        (("--explain", "magic"), "no known attack is called 'magic'"),
        (("fapi2-security", "--html", "/no/such/folder/proof.html"), "there is no folder"),
        (("fapi2-security", "--goal", "authorization"), "--goal is for --emit"),
        (("fapi2-security", "--emit", "magic", "model.txt"), "'magic' is not one of"),
        (("fapi2-security", "--emit", "clingo", "/no/such/folder/model.lp"), "No such file or directory"),
        (
            ("fapi2-security", "--emit", "clingo", "model.lp", "--goal", "glory"),
            "'glory' is none of authorization",
        ),
        (("fapi2-security", "--emit", "clingo", "model.lp", "--html", "page.html"), "searches nothing"),
    ],
)
def test_what_cannot_be_examined_ends_with_two(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody takes it for a verdict; and nothing is written."""
    monkeypatch.chdir(tmp_path)
    code, output = prove(*arguments)
    assert list(tmp_path.iterdir()) == []
    assert code == 2
    assert told in output


def test_the_page_is_written_and_the_verdict_is_the_exit_status(tmp_path: Path) -> None:
    page = tmp_path / "proof.html"
    code, output = prove("au-connectid", "--attackers", "a1", "--html", str(page))
    assert (code, "no attack with at most" in output) == (0, True)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    code, _ = prove("au-connectid", "--attackers", "a1a", "--without", "iss")
    assert code == 1


def test_the_command_offers_the_languages_that_there_are() -> None:
    """They are named twice, as the command does not load the prover to say what it can do."""
    assert set(_LANGUAGES) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_folder_gets_a_file_for_each_goal(language: str, tmp_path: Path) -> None:
    code, output = prove("fapi2-security", "--emit", language, str(tmp_path), "--json")
    assert code == 0
    written = {each["goal"]: each["file"] for each in json.loads(output)}
    assert {str(file) for file in tmp_path.iterdir()} == set(written.values())
    assert list(written) == [
        "authorization",
        "authentication",
        "session-integrity-authentication",
        "session-integrity-authorization",
    ]
    assert all(file.endswith(LANGUAGES[language].suffix) for file in written.values())


def test_the_texts_for_provers_that_are_not_here_can_be_read_strictly(tmp_path: Path) -> None:
    for name, read in (("tamarin", read_tamarin), ("proverif", read_proverif)):
        file = tmp_path / name
        assert prove("fapi2-message-signing", "--emit", name, str(file), "--goal", "non-repudiation")[0] == 0
        assert read(file.read_text(encoding="utf-8")).problems == []


ATTACKED = ("--attackers", "a1", "--without", "ua_binding")
CLOSED = ("--attackers", "a1")


@pytest.mark.parametrize(("options", "errors"), [(ATTACKED, "errors: 1"), (CLOSED, "errors: 0")])
def test_spin_runs_what_the_command_writes_as_the_command_says(
    options: tuple[str, ...], errors: str, tmp_path: Path
) -> None:
    need("spin", package="spin")
    need("gcc", package="gcc")
    code, output = prove("fapi2-security", "--emit", "promela", str(tmp_path / "model.pml"), *options)
    assert code == 0
    line = output.splitlines()[0].removeprefix("authorization: ")
    assert line == LANGUAGES["promela"].run.format(file=tmp_path / "model.pml")
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert errors in done.stdout
    assert "too small" not in done.stdout


@pytest.mark.parametrize(("options", "attacked"), [(ATTACKED, True), (CLOSED, False)])
def test_clingo_alone_answers_what_the_command_writes(
    options: tuple[str, ...],
    attacked: bool,  # noqa: FBT001  # a case of the table
    tmp_path: Path,
) -> None:
    file = tmp_path / "model.lp"
    assert prove("fapi2-security", "--emit", "clingo", str(file), *options, "--deep")[0] == 0
    assert "4 client sessions" in file.read_text(encoding="utf-8").splitlines()[0]
    control = clingo.Control(["--warn=none"])
    control.load(str(file))
    control.ground()
    assert control.solve().satisfiable == attacked


def test_what_is_left_out_of_the_texts_is_said(tmp_path: Path) -> None:
    """The profile's alternatives, and that what it accepts is an attack there."""
    _, output = prove("fapi2-security", "--emit", "clingo", str(tmp_path / "model.lp"))
    assert "which are not in these texts: --with auth=mtls, --with sc=mtls." in output
    assert "What the profile accepts is not told apart there" in output
    _, output = prove(
        "fapi2-security",
        "--with",
        "sc=mtls",
        "--with",
        "auth=mtls",
        "--emit",
        "clingo",
        str(tmp_path / "m.lp"),
    )
    assert "not in these texts" not in output


def test_a_profile_whose_values_do_not_keep_what_its_mechanisms_promise_has_no_verdict(
    tmp_path: Path,
) -> None:
    """The prover reads mechanisms alone: it would call a profile secure by which nobody authenticates."""
    source = files("trustweft.profile").joinpath("profiles/oauth2-bcp.toml").read_text(encoding="utf-8")
    said = '["client_secret_basic", "private_key_jwt", "tls_client_auth"]'
    assert said in source
    path = tmp_path / "ours.toml"
    path.write_text(source.replace(said, '["none"]'), encoding="utf-8")
    code, output = prove(str(path))
    assert code == 2
    assert "client_authentication_methods has none" in output
