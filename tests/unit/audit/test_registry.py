"""Checks of others join ours through an entry point; two checks never share an id."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from trustweft.audit.registry import all_checks, audits

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = '''
from trustweft.audit.check import check, passed
from trustweft.audit.verdict import Role, Severity

@check("{id}", title="Theirs holds", sends="nothing", fix="Mend it.", role=Role.CLIENT,
       severity=Severity.LOW, cwe="CWE-1")
def theirs(trial):
    """A rule of their own house."""
    return passed("it holds")
'''
PROGRAM = "from trustweft.audit.registry import all_checks; print(*(each.id for each in all_checks()))"


def run_with(folder: Path, identifier: str) -> subprocess.CompletedProcess[str]:
    """List the checks in a process where another package brings one."""
    (folder / "their_checks.py").write_text(THEIRS.format(id=identifier))
    about = folder / "their_checks-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-checks\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[trustweft.checks]\ntheirs = their_checks\n")
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {PROGRAM}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_package_of_others_adds_its_checks(tmp_path: Path) -> None:
    done = run_with(tmp_path, "OURS-01")
    assert set(done.stdout.split()) - {each.id for each in all_checks()} == {"OURS-01"}


def test_an_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    done = run_with(tmp_path, "TK-01")
    assert done.returncode != 0
    assert "DuplicateCheckError: TK-01" in done.stderr


def test_each_requirement_leads_to_the_checks_that_test_it() -> None:
    found = audits()
    assert {check for checks in found.values() for check in checks} <= {each.id for each in all_checks()}
    assert all(
        name in audits()[clause] for name, clause in ((e.id, c) for e in all_checks() for c in e.requirements)
    )
