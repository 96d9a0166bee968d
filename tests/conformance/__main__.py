"""Runs the tests of every module of the outside suite's plans, and says which passed: `python -m conformance`.

What is expected is the list of names; what happened is what pytest says. Nothing else decides a state: a module
passed if its test passed in every variant, and failed in every variant against its mutant.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

from conformance.names import CLIENT_MODULES, SERVER_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from conformance.catalogue import Module

__all__ = ["Collected", "Row", "judge", "main", "modules", "others"]

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parent.parent
_TABLES: Final = ("conformance.server.modules", "conformance.client.modules")
State = Literal["passed", "failed", "missing", "not_applicable"]
_GOOD: Final = frozenset({"passed", "not_applicable"})
_PHASES: Final = ("setup", "call", "teardown")


@dataclasses.dataclass(frozen=True)
class Row:
    """What is told of one module."""

    name: str
    role: str
    state: State
    reason: str | None
    test: str | None
    mutant: str | None


class Collected:
    """A pytest plugin that keeps what became of each test. What did not come to a good end did not pass."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}  # by node id: what was wrong with it, "" if nothing was
        self._passed: set[tuple[str, str | None]] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected: its tests are known to nobody."""
        if not report.passed:
            self.faults[report.nodeid] = f"not collected: {report.nodeid}"

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Keep what was left out, whoever asked for that."""
        self.faults.update({item.nodeid: f"left out: {item.nodeid}" for item in items})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Expect of each test that it comes to its end."""
        self.faults.update({item.nodeid: f"did not end: {item.nodeid}" for item in session.items})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome; what was wrong once stays wrong."""
        if not report.passed:
            self.faults[report.nodeid] = f"{report.outcome}: {report.nodeid}"
            return
        self._passed.add((report.nodeid, report.when))
        if all((report.nodeid, phase) in self._passed for phase in _PHASES):
            self.faults[report.nodeid] = ""


def modules() -> list[Module]:
    """Return the tables that there are; one that is not there yet leaves its modules missing."""
    found: list[Module] = []
    for name in _TABLES:
        package = name.rpartition(".")[0]
        if importlib.util.find_spec(package) and importlib.util.find_spec(name):
            found += importlib.import_module(name).MODULES
    return found


def judge(rows: Iterable[Module], faults: Mapping[str, str]) -> list[Row]:
    """Return the state of each module that is expected, in the order of the plans."""
    known = {module.name: module for module in rows}
    expected = [
        *((name, "server") for name in SERVER_MODULES),
        *((name, "client") for name in CLIENT_MODULES),
    ]
    return [_judge(name, role, known.get(name), faults) for name, role in expected]


def _judge(name: str, role: str, module: Module | None, faults: Mapping[str, str]) -> Row:
    if module is None:
        return Row(name, role, "missing", "no test is named for it", None, None)
    if module.not_applicable is not None:
        return Row(name, role, "not_applicable", module.not_applicable, None, None)
    ran = [fault for test, fault in faults.items() if _belongs(test, module.test)]
    wrong = [fault for fault in ran if fault]
    state: State = "missing" if not ran else "failed" if wrong else "passed"
    reason = "its test did not run" if not ran else wrong[0] if wrong else None
    return Row(name, role, state, reason, module.test, module.mutant)


def _belongs(test: str, function: str) -> bool:
    """Tell whether a test is this function, with whatever parameters."""
    return test == function or test.startswith(f"{function}[")


def others(rows: Iterable[Row], faults: Mapping[str, str]) -> dict[str, str]:
    """Return what is examined beyond the suite's modules, and what was wrong with it."""
    functions = [row.test for row in rows if row.test]
    return {
        test: fault
        for test, fault in faults.items()
        if not any(_belongs(test, function) for function in functions)
    }


def run_tests(folder: Path = FOLDER) -> Mapping[str, str]:
    """Run the tests of a folder, and return what was wrong with each; and with pytest, if it did not come to its end."""
    collected = Collected()
    code = pytest.main(
        ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), "-q", str(folder)], plugins=[collected]
    )
    told = code == pytest.ExitCode.TESTS_FAILED and any(collected.faults.values())
    if code != pytest.ExitCode.OK and not told:
        collected.faults["pytest"] = f"pytest ended with {pytest.ExitCode(code).name}"
    return collected.faults


def table(rows: Sequence[Row], beyond: Mapping[str, str]) -> str:
    """Return the rows for people."""
    lines = []
    for row in rows:
        lines.append(f"{row.state:<14} {row.name}")
        if row.reason is not None:
            lines.append(f"{'':<14}   {row.reason}")
        if row.mutant:
            lines.append(f"{'':<14}   fails against: {row.mutant}")
    counts = {state: sum(row.state == state for row in rows) for state in sorted({row.state for row in rows})}
    wrong = [fault for fault in beyond.values() if fault]
    return "\n".join(
        [
            *lines,
            "",
            f"{len(rows)} modules: " + ", ".join(f"{number} {state}" for state, number in counts.items()),
            f"Beyond the suite: {len(beyond) - len(wrong)} tests passed, {len(wrong)} did not.",
            *wrong,
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return 0 if no test of this folder failed and none is missing."""
    parser = argparse.ArgumentParser(prog="script/conformance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the states as JSON, and nothing else")
    options = parser.parse_args(arguments)
    with contextlib.redirect_stdout(sys.stderr):
        faults = run_tests()
    rows = judge(modules(), faults)
    beyond = others(rows, faults)
    as_json = [dataclasses.asdict(row) for row in rows]
    sys.stdout.write(f"{json.dumps(as_json, indent=1) if options.json else table(rows, beyond)}\n")
    return 0 if all(row.state in _GOOD for row in rows) and not any(beyond.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
