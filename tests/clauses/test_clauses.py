"""Every clause that software can satisfy is in a table, with a positive and a negative test that exist and run."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import trustweft
from clauses.row import node_id
from clauses.tables import NOT_FOR, OWN_CHANGES, TABLES, changes_for
from trustweft.profile import load_requirements
from trustweft.runtime.enforces import enforcements

if TYPE_CHECKING:
    from clauses.row import Row

ROOT: Final = Path(__file__).parent.parent.parent
SOURCE: Final = Path(trustweft.__path__[0])
REQUIREMENTS: Final = {row.id.partition("SP-")[2]: row for row in load_requirements("FAPI2-SP")}
ASKED: Final = frozenset({"shall", "shall not", "should", "should not"})
ROWS: Final = [
    pytest.param(participant, row, id=f"{participant} {row.clause}")
    for participant, rows in TABLES.items()
    for row in rows
]


@pytest.fixture(scope="module")
def marked() -> frozenset[str]:
    """The clauses that a function of the product is marked with."""
    for module in pkgutil.walk_packages(trustweft.__path__, prefix="trustweft."):
        if not module.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(module.name)
    marks = (mark for mark in enforcements() if mark.module.startswith("trustweft."))
    return frozenset(mark.requirement.partition("SP-")[2] for mark in marks)


def clauses_of(participant: str) -> list[str]:
    """Return the clauses that ask something of a participant, or allow it something."""
    return [
        clause
        for clause, row in REQUIREMENTS.items()
        if {participant, "all"} & set(row.participants) and (participant, clause) not in NOT_FOR
    ]


@pytest.mark.parametrize("participant", TABLES)
def test_what_is_asked_is_enforced_or_is_for_people(participant: str, marked: frozenset[str]) -> None:
    """A `shall` or `should` has a mark where it is enforced, or a reason why no software can satisfy it."""
    asked = [clause for clause in clauses_of(participant) if REQUIREMENTS[clause].level in ASKED]
    assert [clause for clause in asked if clause not in marked and not REQUIREMENTS[clause].operational] == []
    assert [clause for clause in asked if clause in marked and REQUIREMENTS[clause].operational] == []


@pytest.mark.parametrize("participant", TABLES)
def test_every_clause_that_software_satisfies_has_its_row(participant: str, marked: frozenset[str]) -> None:
    """Also what is allowed or advised, where we do it; and nothing has a row that is somebody else's."""
    expected = {clause for clause in clauses_of(participant) if clause in marked}
    named = [row.clause for row in TABLES[participant]]
    assert {clause for clause, count in Counter(named).items() if count > 1} == set()
    assert set(named) == expected


def test_what_concerns_nobody_is_for_all() -> None:
    """A participant is let off only what is asked of everybody."""
    assert {clause: REQUIREMENTS[clause].participants for _, clause in NOT_FOR} == {
        clause: ("all",) for _, clause in NOT_FOR
    }


def test_the_two_tests_are_two() -> None:
    """What works and what is refused are not shown by the same test."""
    alike = [row.clause for rows in TABLES.values() for row in rows if row.works == row.refused]
    assert alike == []


def test_every_test_exists_and_is_never_skipped() -> None:
    """Pytest finds each of them by its name, its case included; none is marked, and none skips itself."""
    rows = [row for rows in TABLES.values() for row in rows]
    named = sorted({node_id(name) for row in rows for name in (row.works, row.refused)})
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "clauses.collecting", *named],
        cwd=ROOT,
        env={"PYTHONPATH": f"{SOURCE.parent}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-4_000:] + found.stderr[-4_000:]
    assert [line for line in found.stdout.splitlines() if line.startswith("may be skipped")] == []


@pytest.mark.parametrize(("participant", "row"), ROWS)
def test_the_enforcement_can_be_taken_out(participant: str, row: Row) -> None:
    """What `python -m clauses` changes stands in the source, once: otherwise it would change nothing, or too much."""
    for change in changes_for(participant, row):
        source = (SOURCE / change.file).read_text()
        assert (change.old != change.new, source.count(change.old)) == (True, 1), change


def test_no_change_is_left_over() -> None:
    """Each belongs to a row of its participant."""
    left = {
        (participant, clause)
        for participant, changes in OWN_CHANGES.items()
        for clause in changes
        if clause not in {row.clause for row in TABLES[participant]}
    }
    assert left == set()
