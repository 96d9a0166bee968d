"""Every registered check is tripped by something: a mutant of ours, or a flawed server that stands beside it.

Which check a test holds to find something is read from the parameters that the test runs with; and each of these tests
fails where an auditor finds nothing.
"""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from flows import test_registration_audit
from local_tls import make_local_tls
from mutants import test_plain_shop, test_transport_ports
from mutants.page import noticed
from mutants.table import all_mutants
from targets import test_offering, test_plain_oauth
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Verdict
from unit.audit.samples import result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from trustweft.audit.results import Result

# Each runs with a flaw, or with what is true of a server, and the checks that must say so.
TABLES: tuple[tuple[Callable[..., None], str, Any], ...] = (
    (test_plain_shop.test_each_flaw_of_a_plain_shop_is_found, "flaw", test_plain_shop.FLAWS),
    (test_plain_oauth.test_each_flaw_is_found, "flaw", test_plain_oauth.NOTICED),
    (
        test_plain_oauth.test_advice_is_given,
        "flaw",
        {flaw: (check,) for flaw, check in test_plain_oauth.ADVISED.items()},
    ),
    (test_offering.test_each_flaw_is_found, "flaw", test_offering.FLAWS),
)
# Each runs with the check that must say something.
TESTS: tuple[Callable[..., None], ...] = (
    test_transport_ports.test_a_port_that_speaks_what_it_should_not_is_found,
    test_transport_ports.test_a_certificate_with_a_fault_is_found,
    test_transport_ports.test_a_certificate_that_nobody_should_trust_is_found,
    test_transport_ports.test_a_port_that_answers_without_tls_as_well_is_found,
    test_transport_ports.test_a_server_that_reads_ambiguous_requests_is_advised,
    test_transport_ports.test_a_name_without_a_policy_for_browsers_is_found,
    test_registration_audit.test_a_server_that_looks_less_closely_is_found_out,
    test_registration_audit.test_a_server_that_registers_anything_is_found_out,
)

CAREFUL = test_plain_oauth.test_a_careful_server_is_blamed_for_nothing_but_what_is_true_of_it
COUNTED = [*(test for test, _, _ in TABLES), *TESTS, CAREFUL]


def parameters(test: Callable[..., None], name: str) -> list[Any]:
    """Return the values that a test runs with for one of its arguments."""
    return [row[name] for rows in marks_of(test) for row in rows if name in row]


def marks_of(test: Callable[..., None]) -> list[list[dict[str, Any]]]:
    """Return the arguments that each mark of a test gives it, row by row."""
    found = []
    for mark in getattr(test, "pytestmark", ()):
        names, rows = mark.args
        listed = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
        found.append([dict(zip(listed, row if len(listed) > 1 else (row,), strict=True)) for row in rows])
    return found


def trips() -> Iterator[tuple[str, str]]:
    """Yield each check that something trips, and what."""
    for mutant in all_mutants():
        if mutant.seen:
            yield from ((check, f"the mutant {mutant.id}") for check in mutant.trips)
    for test, name, table in TABLES:
        for flaw in parameters(test, name):
            yield from ((check, f"{test.__module__}.{test.__name__}[{flaw}]") for check in table[flaw])
    for test in TESTS:
        yield from ((check, f"{test.__module__}.{test.__name__}") for check in parameters(test, "check"))
    for true in parameters(CAREFUL, "true"):
        yield from ((check, f"{CAREFUL.__module__}.{CAREFUL.__name__}") for check in true)


def test_every_registered_check_is_tripped_by_something() -> None:
    tripped = dict(trips())
    assert [each.id for each in all_checks() if each.id not in tripped] == []


def test_what_trips_names_checks_that_are_registered() -> None:
    known = {each.id for each in all_checks()}
    assert {check: what for check, what in trips() if check not in known} == {}


@pytest.fixture
def silent_auditor(monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor that passes everything."""

    def passing(names: Sequence[str]) -> dict[str, Result]:
        return {each: result(each) for each in names}

    monkeypatch.setattr(test_plain_shop, "audited", lambda _shop, names, **_: passing(names))
    monkeypatch.setattr(test_offering, "audited", lambda _server, _tls, _keys, names: passing(names))
    monkeypatch.setattr(test_transport_ports, "audit", lambda _port, _authority, *names: passing(names))
    monkeypatch.setattr(test_plain_oauth, "plain_server", lambda *_, **__: nullcontext(None))
    monkeypatch.setattr(test_plain_oauth, "with_public_client", lambda target: target)

    def run(_target: object, checks: Sequence[Any], **_: bool) -> SimpleNamespace:
        found = list(passing([each.id for each in checks]).values())
        return SimpleNamespace(checks=found, reached=SimpleNamespace(missing=()))

    monkeypatch.setattr(test_plain_oauth, "run", run)


@pytest.mark.usefixtures("silent_auditor")
@pytest.mark.parametrize("test", COUNTED, ids=[each.__name__ for each in COUNTED])
def test_a_test_that_is_counted_on_fails_where_the_auditor_finds_nothing(
    test: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = {"audit": lambda chosen: {each.id: Verdict.PASS for each in chosen}}
    given = {
        **dict.fromkeys(("shop", "server"), SimpleNamespace()),
        **dict.fromkeys(("tmp_path", "folder", "keys"), tmp_path),
        "tls": make_local_tls(tmp_path),
        "harbour": "localhost",
        "vouching": SimpleNamespace(**audit),
        "monkeypatch": monkeypatch,
    }
    taken = {name: given[name] for name in inspect.signature(test).parameters if name in given}
    for rows in product(*marks_of(test)):
        arguments = {name: value for row in rows for name, value in row.items()}
        with pytest.raises(AssertionError):
            test(**taken, **arguments)


def test_a_mutant_is_not_noticed_by_a_check_that_passes() -> None:
    assert not noticed(result("A-1"))


def test_each_test_that_is_counted_on_runs_with_some_check() -> None:
    counted = [(test, name) for test, name, _ in TABLES] + [(test, "check") for test in TESTS]
    assert [test.__name__ for test, name in counted if not parameters(test, name)] == []
