"""The report: every expected module has a row, and its state is what pytest saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.__main__ import judge, modules, others
from conformance.catalogue import Module
from conformance.examiner.variants import Variant
from conformance.names import CLIENT_MODULES, SERVER_MODULES
from conformance.server.modules import BEYOND, EXAMINED, MODULES, Examined
from conformance.server.named_mutants import MUTANTS

NAME = SERVER_MODULES[0]
TEST = "tests/conformance/server/test_flows.py::test_it"
ROW = Module(name=NAME, role="server", test=TEST, mutant="a mutant")


def state_of(rows: list[Module], faults: dict[str, str]) -> str:
    """Return the state of the first module."""
    return judge(rows, faults)[0].state


def test_every_expected_module_has_a_row() -> None:
    """62 modules of the server and 24 of the client, each once, whatever there is of tests."""
    rows = judge([], {})
    assert len(SERVER_MODULES) == 62
    assert len(CLIENT_MODULES) == 24
    assert [row.name for row in rows] == [*SERVER_MODULES, *CLIENT_MODULES]
    assert len({row.name for row in rows}) == 86
    assert {row.state for row in rows} == {"missing"}


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({f"{TEST}[openid]": "", f"{TEST}[oauth]": ""}, "passed"),
        ({TEST: ""}, "passed"),
        ({f"{TEST}[openid]": "", f"{TEST}[oauth]": "failed: it"}, "failed"),
        ({f"{TEST}[openid]": "skipped: it"}, "failed"),
        ({f"{TEST}_too[openid]": ""}, "missing"),
        ({}, "missing"),
    ],
)
def test_a_state_is_what_pytest_saw(faults: dict[str, str], expected: str) -> None:
    """One variant that failed or was skipped fails the module; a test that did not run is missing."""
    assert state_of([ROW], faults) == expected


def test_what_belongs_to_no_module_counts_too() -> None:
    """A fault beyond the suite's modules is not lost."""
    faults = {f"{TEST}[openid]": "", f"{TEST}_too": "failed: it"}
    assert others(judge([ROW], faults), faults) == {f"{TEST}_too": "failed: it"}


TWO = "def test_one(): pass\ndef test_two(): pass\n"
FIXTURE = "import pytest\n@pytest.fixture(autouse=True)\ndef around():\n    yield\n    assert not 'clean'\n"


def faults_of(folder: Path, source: str, options: str = "") -> dict[str, str]:
    """Run a file of tests as the report does; return what was wrong, by the test's name."""
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    run = "import json, sys, pathlib; from conformance.__main__ import run_tests; out, sys.stdout = sys.stdout, sys.stderr"
    ended = subprocess.run(
        [sys.executable, "-c", f"{run}; json.dump(run_tests(pathlib.Path(sys.argv[1])), out)", str(folder)],
        env={**os.environ, "PYTEST_ADDOPTS": options, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    )
    faults: dict[str, str] = json.loads(ended.stdout)
    return {test.rpartition("::")[2]: fault.partition(":")[0] for test, fault in faults.items()}


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        (TWO, "", {"test_one": "", "test_two": ""}),
        (TWO, "-k one", {"test_one": "", "test_two": "left out"}),
        (TWO, "--setup-only", {"test_one": "did not end", "test_two": "did not end"}),
        (f"{FIXTURE}{TWO}", "-x", {"test_one": "failed", "test_two": "did not end"}),
        (
            f"{TWO}def test_three(): raise KeyboardInterrupt\n",
            "",
            {
                "test_one": "",
                "test_two": "",
                "test_three": "did not end",
                "pytest": "pytest ended with INTERRUPTED",
            },
        ),
        (
            "import pytest\npytestmark = pytest.mark.xfail\ndef test_one(): assert False\n",
            "",
            {"test_one": "skipped"},
        ),
    ],
    ids=["all is well", "left out", "only prepared", "broken off", "interrupted", "expected to fail"],
)
def test_only_what_ran_to_a_good_end_has_no_fault(
    tmp_path: Path, source: str, options: str, expected: dict[str, str]
) -> None:
    """A test that was left out, broken off, or only prepared did not pass, and nobody takes it for one that did."""
    assert faults_of(tmp_path, source, options) == expected


@pytest.mark.parametrize(
    "source",
    ["import nothing_of_the_kind\n", "import pytest\npytest.skip('no', allow_module_level=True)\n"],
    ids=["broken", "skipped"],
)
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, source: str) -> None:
    """Nobody knows what would have been in there."""
    assert "not collected" in faults_of(tmp_path, source).values()


def test_a_national_module_is_not_applicable() -> None:
    """What belongs to another ecosystem needs no test, and says why."""
    elsewhere = Module(name=NAME, role="server", test="", mutant="", not_applicable="only elsewhere")
    row = judge([elsewhere], {})[0]
    assert (row.state, row.reason) == ("not_applicable", "only elsewhere")


def test_every_module_of_the_server_is_in_the_table() -> None:
    """The table names the suite's modules and no others, each once."""
    assert sorted(module.name for module in MODULES) == sorted(SERVER_MODULES)
    assert [module for module in modules() if module.role == "server"] == list(MODULES)


def test_only_national_modules_are_not_applicable() -> None:
    """Each reason names the profile of another ecosystem."""
    reasons = [module.not_applicable for module in MODULES if module.not_applicable is not None]
    assert len(reasons) == 5
    assert all(reason.startswith("only for fapi_profile=") for reason in reasons)


@pytest.mark.parametrize("row", [*EXAMINED, *BEYOND], ids=lambda row: row.name)
def test_every_row_names_a_test_and_a_mutant(row: Examined) -> None:
    """The test is there, and so is the mutant."""
    path, _, function = row.test.partition("::")
    root = Path(__file__).parents[2]
    assert f"def {function}(" in (root / path).read_text(encoding="utf-8")
    assert row.mutant in MUTANTS


@pytest.mark.parametrize(
    ("variant", "modules_of_the_suite"),
    [
        (Variant("private_key_jwt", "dpop", openid=True), 56),
        (Variant("private_key_jwt", "mtls", openid=True), 47),
        (Variant("mtls", "dpop", openid=True), 46),
        (Variant("mtls", "mtls", openid=True), 37),
        (Variant("private_key_jwt", "dpop", openid=False), 50),
        (Variant("private_key_jwt", "mtls", openid=False), 41),
        (Variant("mtls", "dpop", openid=False), 40),
        (Variant("mtls", "mtls", openid=False), 31),
        (Variant("private_key_jwt", "dpop", openid=False, client_credentials=True), 14),
    ],
    ids=str,
)
def test_each_variant_runs_what_the_suite_runs(variant: Variant, modules_of_the_suite: int) -> None:
    """As many modules as the suite's plan has in this variant, and registered redirect URIs as one more."""
    more = 0 if variant.client_credentials else 1
    assert sum(variant in row.variants for row in EXAMINED) == modules_of_the_suite + more


def test_every_mutant_is_noticed_somewhere() -> None:
    """No mutant stands there for nothing."""
    assert set(MUTANTS) == {row.mutant for row in (*EXAMINED, *BEYOND)}
