"""Every registered check is tripped by something: a mutant of ours, or a flawed server that stands beside it.

Which check a test holds to find something is read from the parameters that the test runs with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows import test_registration_audit
from mutants import test_plain_shop, test_transport_ports
from mutants.table import all_mutants
from targets import test_offering, test_plain_oauth
from trustweft.audit.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def parameters(test: Callable[..., None], name: str) -> list[Any]:
    """Return the values that a test runs with for one of its arguments."""
    found: list[Any] = []
    for mark in getattr(test, "pytestmark", ()):
        if mark.name != "parametrize":
            continue
        names, rows = mark.args
        listed = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
        if name in listed:
            found += [row if len(listed) == 1 else row[listed.index(name)] for row in rows]
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
    careful = test_plain_oauth.test_a_careful_server_is_blamed_for_nothing_but_what_is_true_of_it
    for true in parameters(careful, "true"):
        yield from ((check, f"{careful.__module__}.{careful.__name__}") for check in true)


def test_every_registered_check_is_tripped_by_something() -> None:
    tripped = dict(trips())
    assert [each.id for each in all_checks() if each.id not in tripped] == []


def test_what_trips_names_checks_that_are_registered() -> None:
    known = {each.id for each in all_checks()}
    assert {check: what for check, what in trips() if check not in known} == {}


def test_each_test_that_is_counted_on_runs_with_some_check() -> None:
    counted = [(test, name) for test, name, _ in TABLES] + [(test, "check") for test in TESTS]
    assert [test.__name__ for test, name in counted if not parameters(test, name)] == []
