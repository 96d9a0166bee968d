"""`trustweft profile coverage`: the table for people and machines, its page, and the crosswalk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

import trustweft
from trustweft.cli import main
from trustweft.profile import load_requirements, specification_ids

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> Result:
    """Type the command on a wide screen."""
    return CliRunner().invoke(main, ["profile", "coverage", *arguments], env={"COLUMNS": "200"})


def test_the_table_says_who_enforces_what_and_sums_it_up() -> None:
    """Function by function, without the name of the package."""
    done = run()
    assert done.exit_code == 0
    line = next(line for line in done.stdout.splitlines() if line.startswith("FAPI2-SP-5.3.2.1-5.2 "))
    assert " may " in line
    assert " protocol.dpop." in line
    assert "Holes: 0 in what shall be" in done.stdout
    assert " tested by the auditor" in done.stdout


def test_json_has_every_column_and_reason() -> None:
    """One object per requirement."""
    rows = json.loads(run("--json").stdout)
    assert [row["requirement"] for row in rows] == [row.id for row in load_requirements("FAPI2-SP")]
    row = next(row for row in rows if row["requirement"] == "FAPI2-SP-5.2.1-3")
    assert row["operational"] or row["enforced_by"]
    row = next(row for row in rows if row["requirement"] == "FAPI2-SP-5.3.2.2-9")
    assert "TK-01" in row["audited_by"]


@pytest.mark.parametrize("specification", specification_ids())
def test_no_shall_has_a_hole(specification: str) -> None:
    """Each has somebody who enforces it, a check that audits it and an attack that it closes, or a reason."""
    done = run("--specification", specification)
    assert "Holes: 0 in what shall be" in done.stdout
    assert done.exit_code == 0


def test_only_holes_are_listed_on_request() -> None:
    """Where nothing has one, that is said."""
    rows = json.loads(run("--holes", "--json").stdout)
    assert all(row["holes"] for row in rows)


def test_the_page_has_every_requirement_and_no_script(tmp_path: Path) -> None:
    """One file, nothing outside it."""
    file = tmp_path / "coverage.html"
    assert run("--html", str(file)).exit_code == 0
    text = file.read_text(encoding="utf-8")
    assert [row.id for row in load_requirements("FAPI2-SP") if f">{row.id}<" not in text] == []
    assert "<script" not in text
    assert "src=" not in text


def test_the_crosswalk_counts_what_no_certificate_touches() -> None:
    """The groups by name, and a sentence per scheme."""
    done = run("--crosswalk")
    assert done.exit_code == 0
    assert "Touched by none of them" in done.stdout
    assert "PCI DSS does not touch" in done.stdout
    table = json.loads(run("--crosswalk", "--json").stdout)
    assert sum(group["requirements"] for group in table["groups"]) == len(load_requirements("FAPI2-SP"))


def test_a_specification_that_is_named_twice_counts_once() -> None:
    once = run("--specification", "RFC9207", "--json").stdout
    assert run("--specification", "RFC9207", "--specification", "RFC9207", "--json").stdout == once


def test_an_unknown_specification_is_an_error_in_a_sentence() -> None:
    """No trace of the program."""
    done = run("--specification", "FAPI3")
    assert done.exit_code == 1
    assert done.stderr == "Error: there is no table of requirements for 'FAPI3'\n"


def test_a_mark_that_is_taken_out_is_a_hole_and_the_command_fails(tmp_path: Path) -> None:
    """In a copy of the product in which nobody enforces one clause any more."""
    copy = tmp_path / "trustweft"
    shutil.copytree(trustweft.__path__[0], copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "protocol" / "access_token.py"
    source = file.read_text(encoding="utf-8")
    assert "FAPI2-SP-5.3.2.1-4" in source
    file.write_text(source.replace("FAPI2-SP-5.3.2.1-4", "FAPI2-SP-5.3.2.1-5.2"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "trustweft", "profile", "coverage", "--holes"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = [line.split()[:3] for line in done.stdout.splitlines() if line.startswith("FAPI2-SP-")]
    assert [line for line in lines if line[1] == "shall"] == [["FAPI2-SP-5.3.2.1-4", "shall", "HOLE"]]
    assert "Holes: 1 in what shall be" in done.stdout


def test_what_is_not_built_and_what_another_clause_replaces_is_said() -> None:
    """Neither is a hole, and neither is counted as done."""
    done = run("--specification", "FAPI2-HS", "--specification", "RFC9126")
    assert done.exit_code == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert "not built yet" in lines["FAPI2-HS-5.3.1.1-1"]
    assert "see FAPI2-SP-5.3.2.1-8" in lines["RFC9126-2-p5.2"]
    assert "Not built yet: " in done.stdout
    assert "clause is kept in their place: 1." in done.stdout
