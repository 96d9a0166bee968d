"""Habits of correct servers are no flaws, and each flaw of a server that is written in another style is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from targets.foreign_server import ForeignServer
from trustweft.audit.registry import all_checks
from trustweft.audit.run import Options, audit
from trustweft.audit.verdict import Safety, Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.audit.results import Result

CHECKS: Final = {each.id: each for each in all_checks()}
FOUND: Final = {Verdict.FAIL, Verdict.SUSPECTED}
# What is true of it: it has no TLS, secrets, bearer tokens, and it knows PKCE without demanding it.
TRUE: Final = {
    "CA-02", "META-02-form", "META-04", "META-06", "PAR-12-missing", "TK-11", "TL-04",
}  # fmt: skip
ALSO_TRUE: Final = {
    "introspection": {"RV-02-cascade"},  # RFC 7009 section 2.1: an access token goes with its refresh token
    # RFC 6749 section 5.2: 400; RFC 6750 section 3.1: 401 and 403
    "errors-are-200": {"TK-23-format", "RS-02-error", "RS-08-error"},
}
HABITS: Final = ((), ("introspection", "errors-are-200", "grace"), ("name-first", "radio-consent", "signed"))
NOTICED: Final = {
    "code-of-anybody": "TK-03",
    "refresh-of-anybody": "TK-12",
    "revoke-open": "RV-01",
    "revoke-anybody": "RV-01-client",
    "client-is-ann": "RS-09",
    "silent-consent": "AZ-26",
    "agrees-by-address": "AZ-26",
    "consent-skipped-again": "AZ-26",
    "markup-at-consent": "AZ-22-consent",
    "markup-at-login": "AZ-22-address",
    "markup-after-login": "AZ-22-address",
    "writes-unscoped": "RS-08-writing",
    "follows-jku": "RS-04-key-address",
    "fetches-jku": "RS-04-key-address",
}


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignServer]:
    with ForeignServer() as running:
        yield running


def audited(
    foreign: ForeignServer, *traits: str, checks: Sequence[str] | None = None, **told: Any
) -> dict[str, Result]:
    """Audit it with these traits; at the level that the checks need where they are named."""
    foreign.traits = frozenset(traits)
    named = [CHECKS[each] for each in checks or CHECKS]
    safety = max(each.safety for each in named) if checks else Safety.WRITES
    options = Options(checks=named, safety=safety)
    run = audit(foreign.target(**told), options, clock=SystemClock(), entropy=SystemEntropy())
    return {each.id: each for each in run.checks}


def said(result: Result) -> str:
    return f"{result.verdict}: {result.reason}"


@pytest.mark.parametrize("habits", HABITS, ids=lambda habits: ", ".join(habits) or "none")
def test_habits_of_a_correct_server_are_no_findings(foreign: ForeignServer, habits: Sequence[str]) -> None:
    results = audited(foreign, *habits)
    true = TRUE.union(*(ALSO_TRUE.get(habit, set()) for habit in habits))
    found = {name: said(each) for name, each in results.items() if each.verdict in FOUND and name not in true}
    assert found == {}
    assert {name: said(each) for name, each in results.items() if "itself broke" in each.reason} == {}


@pytest.mark.parametrize("flaw", NOTICED)
def test_each_flaw_is_found(foreign: ForeignServer, flaw: str) -> None:
    result = audited(foreign, flaw, "signed", checks=[NOTICED[flaw]])[NOTICED[flaw]]
    assert result.verdict in FOUND, said(result)


@pytest.mark.parametrize("check", ["TK-03", "TK-12", "RV-01-client"])
def test_a_stranger_carries_nothing_of_the_owners(foreign: ForeignServer, check: str) -> None:
    """The owner sends its secret in a header, the stranger in the form, and this server believes the header."""
    foreign.seen.clear()
    result = audited(foreign, checks=[check])[check]
    assert result.verdict is Verdict.PASS, said(result)
    doubled = [
        form for _, headers, form in foreign.seen if form.get("client_secret") and "authorization" in headers
    ]
    assert doubled == []


@pytest.mark.parametrize("check", ["TK-03", "TK-12", "RV-01-client"])
def test_a_stranger_that_is_refused_everywhere_proves_nothing(foreign: ForeignServer, check: str) -> None:
    foreign.traits = frozenset()
    target = foreign.target()
    wrong = msgspec.structs.replace(target.clients[1], secret="not-its-secret")  # which is the point
    target = msgspec.structs.replace(target, clients=(target.clients[0], wrong))
    options = Options(checks=[CHECKS[check]], safety=Safety.WRITES)
    result = audit(target, options, clock=SystemClock(), entropy=SystemEntropy()).checks[0]
    assert result.verdict is Verdict.INCONCLUSIVE, said(result)


def test_refresh_tokens_that_never_work_show_no_revocation(foreign: ForeignServer) -> None:
    results = audited(foreign, "refreshing-is-off", checks=["RV-01", "RV-01-client", "RV-02"])
    assert {each.verdict for each in results.values()} == {Verdict.INCONCLUSIVE}


def test_users_who_log_in_by_the_password_grant_are_audited_and_the_grant_is_a_finding(
    foreign: ForeignServer,
) -> None:
    told = {"grant_types": ("password", "refresh_token"), "others": ()}
    foreign.traits = frozenset({"password-grant", "password-only", "client-is-ann"})
    options = Options(checks=tuple(CHECKS.values()), safety=Safety.WRITES)
    run = audit(foreign.target(**told), options, clock=SystemClock(), entropy=SystemEntropy())
    results = {each.id: each for each in run.checks}
    assert run.reached.users == ("ann", "ben")
    assert "GET /me/" in run.reached.operations
    assert results["TK-07-password"].verdict is Verdict.FAIL
    decided = (
        "RS-01",
        "RS-02",
        "RS-08",
        "API1-01",
        "CA-01",
        "CA-02-wrong-secret",
        "RV-02",
        "TK-12-unauthenticated",
    )
    assert {name: said(results[name]) for name in decided if results[name].verdict is not Verdict.PASS} == {}
    assert {name: said(each) for name, each in results.items() if "itself broke" in each.reason} == {}


def test_the_password_grant_of_a_server_that_says_it_has_nothing_else_is_used_unasked(
    foreign: ForeignServer,
) -> None:
    foreign.traits = frozenset({"password-grant", "password-only", "no-authorization-endpoint"})
    options = Options(checks=[CHECKS["TK-07-password"]])
    target = foreign.target(grant_types=("authorization_code",), others=())
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ("ann", "ben")
    assert run.checks[0].verdict is Verdict.FAIL


def test_the_new_checks_pass_where_nothing_is_wrong(foreign: ForeignServer) -> None:
    names = ("AZ-22-address", "AZ-22-consent", "AZ-26", "RS-04-key-address", "RS-08-writing")
    results = audited(foreign, "signed", checks=names)
    assert {name: said(each) for name, each in results.items() if each.verdict is not Verdict.PASS} == {}


def test_a_grant_that_a_client_may_not_use_is_no_empty_promise(foreign: ForeignServer) -> None:
    """This server says unsupported_grant_type to clients that are not registered for a grant."""
    foreign.traits = frozenset()
    target = foreign.target(others=("pocket",))
    target = msgspec.structs.replace(target, clients=tuple(reversed(target.clients)))
    options = Options(checks=[CHECKS["META-10-grants"]])
    result = audit(target, options, clock=SystemClock(), entropy=SystemEntropy()).checks[0]
    assert result.verdict is Verdict.PASS, said(result)


def test_users_log_in_with_the_client_that_they_can_log_in_with_whichever_comes_first(
    foreign: ForeignServer,
) -> None:
    foreign.traits = frozenset()
    target = foreign.target()
    service = msgspec.structs.replace(
        target.clients[0], grant_types=("client_credentials",), redirect_uri=None
    )
    target = msgspec.structs.replace(target, clients=(service, target.clients[1]))
    options = Options(checks=[CHECKS[each] for each in ("TK-01", "AZ-26")])
    run = audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    assert run.reached.users == ("ann", "ben")
    assert {each.verdict for each in run.checks} == {Verdict.PASS}
