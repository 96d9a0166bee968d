"""Takes out what enforces each clause, one at a time, and says whether its negative test notices: `python -m clauses`.

A change is made in a copy of the source. With it the positive test has to pass, so that it was the enforcement that
was taken out and nothing else; and the negative test has to fail.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from clauses.row import node_id
from clauses.tables import TABLES, changes_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clauses.row import Row

ROOT: Final = Path(__file__).parent.parent.parent


class Verdict(NamedTuple):
    """What became of one row.

    Attributes:
        problem: empty where the positive test passed and the negative one failed.
        seen: what the negative test said.
    """

    participant: str
    row: Row
    problem: str
    seen: str = ""


class Outcomes:
    """A pytest plugin that keeps the outcomes of each function's cases."""

    def __init__(self) -> None:
        self.of: dict[str, set[str]] = defaultdict(set)
        self.said: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of the test itself; a fixture that breaks is no test that fails."""
        function = report.nodeid.partition("[")[0]
        if report.when == "call" or not report.passed:
            self.of[function].add(report.outcome if report.when == "call" else "error")
        if report.when == "call" and report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.said.setdefault(function, getattr(crash, "message", "").partition("\n")[0])


def judge(work: tuple[str, Row]) -> Verdict:
    """Run the two tests of one row, without what enforces it. Runs in a process of its own."""
    participant, row = work
    changes = changes_for(participant, row)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "src"
        shutil.copytree(ROOT / "src", copy)
        for change in changes:
            path = copy / "trustweft" / change.file
            path.write_text(path.read_text().replace(change.old, change.new))
        sys.path.insert(0, str(copy))
        os.environ["PYTHONPATH"] = str(copy)
        outcomes = _run(row)
        import trustweft

        if Path(trustweft.__path__[0]) != copy / "trustweft":
            return Verdict(participant, row, "the change was not looked at")
    positive, negative = (node_id(name).partition("[")[0] for name in (row.works, row.refused))
    works, refused = outcomes.of[positive], outcomes.of[negative]
    if works != {"passed"}:
        return Verdict(participant, row, f"what works does not any more: {sorted(works)}")
    if "failed" not in refused:
        return Verdict(participant, row, f"nobody notices: {sorted(refused)}")
    return Verdict(participant, row, "", outcomes.said[negative])


def _run(row: Row) -> Outcomes:
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    outcomes = Outcomes()
    # The examiner's tests run against mutants of their own as well; here the change is the mutant. What the second run
    # of pytest in this process finds left over by the first is no fault of a test.
    arguments = ["-q", "-k", "not mutant", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
    for name in (row.works, row.refused):
        pytest.main(
            [
                *arguments,
                "--rootdir",
                str(ROOT),
                "-c",
                str(ROOT / "pyproject.toml"),
                str(ROOT / node_id(name)),
            ],
            plugins=[outcomes],
        )
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Take out the enforcement of each clause, print what was noticed, and return 0 if everything was."""
    parser = argparse.ArgumentParser(prog="python -m clauses", description=__doc__)
    parser.add_argument("clauses", nargs="*", help="such as 5.3.2.2-5; all where none is named")
    parser.add_argument("--participant", choices=TABLES, help="one table only")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    work = [
        (participant, row)
        for participant, rows in TABLES.items()
        for row in rows
        if options.participant in {None, participant}
        and (not options.clauses or row.clause in options.clauses)
    ]
    unnoticed = 0
    # Forked, so that nothing but this program's own imports is shared, and each has its own source.
    with multiprocessing.get_context("fork").Pool(options.processes, maxtasksperchild=1) as pool:
        for verdict in pool.imap(judge, work, chunksize=1):
            unnoticed += bool(verdict.problem)
            line = f"{verdict.participant:<21}{verdict.row.clause:<15}{verdict.row.words:<28}"
            told = f"NOT NOTICED: {verdict.problem}" if verdict.problem else f"noticed: {verdict.seen[:100]}"
            print(line + told, flush=True)  # noqa: T201  # a program for the terminal
    print(f"{len(work)} clauses, {len(work) - unnoticed} noticed, {unnoticed} not")  # noqa: T201
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
