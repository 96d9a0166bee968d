"""What a check may say: whatever goes wrong is no PASS, and advice is never a failure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from trustweft.audit.chains import chains_of, gains, grade
from trustweft.audit.check import Check, Inconclusive, NotApplicable, check, checks_of, failed, passed
from trustweft.audit.engine import run_check, run_checks
from trustweft.audit.exchange import Request
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Reach, Role, Safety, Severity, Verdict
from trustweft.profile import load_requirements, specification_ids
from unit.audit.samples import exchange, result, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.trial import Trial


def deployment(*, fapi: bool = True) -> Deployment:
    """Return as much of a deployment as the engine looks at."""
    return cast(
        "Deployment",
        SimpleNamespace(target=SimpleNamespace(issuer="https://login.example"), claims_fapi=fapi),
    )


def made(function: Callable[[Trial], Outcome], **changes: Any) -> Check:
    """Return a check that runs a function."""
    values: dict[str, Any] = {
        "title": "It holds",
        "sends": "nothing",
        "fix": "Mend it.",
        "role": Role.CLIENT,
        "severity": Severity.HIGH,
        "cwe": "CWE-1",
    }
    check("T-01", **(values | changes))(function)
    return checks_of(SimpleNamespace(only=function))[0]


def raising(error: Exception) -> Callable[[Trial], Outcome]:
    """Return a check that cannot be carried out."""

    def run(_trial: Trial) -> Outcome:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NotApplicable("no such endpoint"), Verdict.NOT_APPLICABLE),
        (Inconclusive("nobody answered"), Verdict.INCONCLUSIVE),
        (ZeroDivisionError(), Verdict.INCONCLUSIVE),
    ],
)
def test_what_could_not_be_carried_out_is_never_passed(error: Exception, verdict: Verdict) -> None:
    assert run_check(deployment(), made(raising(error)), safety=Safety.REQUESTS).verdict is verdict


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"safety": Safety.STATE}, "--level 3"), ({"waits": True}, "--wait")],
)
def test_what_goes_too_far_is_not_tried_and_says_how_to_try_it(changes: dict[str, Any], words: str) -> None:
    found = run_check(deployment(), made(lambda _: failed("x"), **changes), safety=Safety.REQUESTS)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert words in found.reason


def test_no_level_is_asked_for_where_there_is_nothing_to_try_at_any() -> None:
    def missing(_trial: Trial) -> None:
        raise NotApplicable("no object can be made here")

    unneeded = made(lambda _: failed("x"), safety=Safety.STATE, needs=missing)
    found = run_check(deployment(), unneeded, safety=Safety.REQUESTS)
    assert (found.verdict, found.reason) == (Verdict.NOT_APPLICABLE, "no object can be made here")


def test_advice_that_is_not_followed_fails_nothing() -> None:
    found = run_check(deployment(), made(lambda _: failed("x"), reach=Reach.ADVICE), safety=Safety.REQUESTS)
    assert (found.verdict, found.advice, found.severity) == (Verdict.PASS, True, "info")


def test_a_clause_of_fapi_weighs_little_for_those_who_do_not_claim_it() -> None:
    one = made(lambda _: failed("x"), reach=Reach.FAPI)
    severities = [
        run_check(deployment(fapi=fapi), one, safety=Safety.REQUESTS).severity for fapi in (True, False)
    ]
    assert severities == ["high", "low"]


def test_an_attack_that_breaks_the_server_is_neither_refused_nor_accepted() -> None:
    def run(trial: Trial) -> Outcome:
        attack = trial.attack("x", exchange(status=500))
        return trial.access_refused([attack], failure="f", success="s")

    assert run_check(deployment(), made(run), safety=Safety.REQUESTS).verdict is Verdict.INCONCLUSIVE


def test_a_control_that_is_refused_makes_the_check_inconclusive() -> None:
    def run(trial: Trial) -> Outcome:
        trial.control("The good request", exchange(status=401))
        return passed("never reached")

    found = run_check(deployment(), made(run), safety=Safety.REQUESTS)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "The good request" in found.reason


@pytest.mark.parametrize(
    ("shared", "verdict", "runs"), [(True, Verdict.PASS, 2), (False, Verdict.INCONCLUSIVE, 1)]
)
def test_a_token_that_came_to_its_end_is_renewed_once(*, shared: bool, verdict: Verdict, runs: int) -> None:
    """Servers drop what they gave; a token that only this check had is not to be had again."""
    asked: list[str] = []
    there = deployment()
    there.renew = lambda token: shared and token == "dead"  # type: ignore[method-assign]
    request = Request(method="GET", url="https://bank.example/", headers=(("authorization", "DPoP dead"),))

    def run(trial: Trial) -> Outcome:
        asked.append("once more")
        trial.control("The good request", exchange(request, status=401 if len(asked) == 1 else 200))
        return passed("It went through.")

    assert run_check(there, made(run), safety=Safety.REQUESTS).verdict is verdict
    assert len(asked) == runs


def test_passive_checks_come_last_and_those_that_agree_after_those_that_only_look() -> None:
    order: list[str] = []

    def noting(name: str) -> Callable[[Trial], Outcome]:
        def run(_trial: Trial) -> Outcome:
            order.append(name)
            return passed("ok")

        return run

    checks = [
        made(noting("passive"), passive=True),
        made(noting("agrees"), agrees=True),
        made(noting("alone"), alone=True),
        made(noting("usual")),
    ]
    named = [_renamed(each, str(number)) for number, each in enumerate(checks)]
    run_checks(deployment(), named, safety=Safety.REQUESTS)
    assert order == ["usual", "alone", "agrees", "passive"]


def _renamed(one: Check, name: str) -> Check:
    from dataclasses import replace

    return replace(one, id=name)


def test_the_grade_follows_from_what_an_attacker_obtains() -> None:
    clean = [result(f"A-{number}") for number in range(4)]
    leak = result("B-1", Verdict.FAIL)
    theft = result("B-2", Verdict.FAIL, gives=("anonymous-access",))
    assert grade(clean, ()) == "A"
    assert grade([*clean, leak], chains_of([leak])) == "B"
    assert grade([*clean, theft], chains_of([theft])) == "F"
    assert grade([result("C", Verdict.INCONCLUSIVE), *clean[:0]], ()) == "-"


def test_where_too_little_was_tried_there_is_no_grade_but_the_worst() -> None:
    """A grade of C says that nothing worse was found; an F cannot get worse."""
    untried = [result(f"A-{number}", Verdict.INCONCLUSIVE) for number in range(4)]
    leak = result("B-1", Verdict.FAIL, gives=("page-abused",))
    theft = result("B-2", Verdict.FAIL, gives=("anonymous-access",))
    assert grade([leak], chains_of([leak])) == "C"
    assert grade([*untried, leak], chains_of([leak])) == "-"
    assert grade([*untried, theft], chains_of([theft])) == "F"


def test_every_check_is_complete() -> None:
    """Each names clauses that exist, gains that chains know, a CWE, and teaches."""
    clauses = {row.id for each in specification_ids() for row in load_requirements(each)}
    wrong = [
        each.id
        for each in all_checks()
        if not set(each.requirements) <= clauses
        or not set(each.gives) <= set(gains())
        or not each.cwe.startswith("CWE-")
        or len(each.explanation) < 60
        or not each.fix.endswith(".")
    ]
    assert wrong == []


def test_a_run_in_which_nobody_logged_in_says_nothing() -> None:
    """Else dead credentials would look green in continuous integration."""
    alive = run(result("A"))
    dead = msgspec.structs.replace(
        alive,
        reached=msgspec.structs.replace(alive.reached, clients=(), locked_out=("one",)),
    )
    untried = run(result("A", Verdict.INCONCLUSIVE), result("B", Verdict.NOT_APPLICABLE))
    assert [each.could_run for each in (alive, dead, untried)] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (302, b"", "answered with 302"),
        (404, b"<h1>Not found</h1>", "answered with 404"),
        (400, b'{"error": "invalid_grant"}', "answered with 400 invalid_grant"),
    ],
    ids=["no body", "a page", "an OAuth error"],
)
def test_a_refused_control_says_its_status_once_and_the_error_where_there_is_one(
    status: int, body: bytes, words: str
) -> None:
    def run(trial: Trial) -> Outcome:
        trial.control("It", exchange(status=status, body=body))
        return passed("never reached")

    assert run_check(deployment(), made(run), safety=Safety.REQUESTS).reason.endswith(words)
