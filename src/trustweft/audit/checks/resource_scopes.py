"""A token does what its scope says and no more (FAPI 2.0 section 5.3.4, RFC 9700 section 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.existing import order_below, reading_of, with_body, written_back
from trustweft.audit.harvest import json_of
from trustweft.audit.protected import EVERY, call_with, harmless, protected
from trustweft.audit.sacrifice import create, fresh_keys, sacrificial
from trustweft.audit.verdict import Role, Safety, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.trial import Trial

_NO_ACCESS = (401, 403)


def _without(trial: Trial, needed: str) -> Access:
    """Return a token that lacks a scope.

    Raises:
        NotApplicable: the client can ask for nothing else, or the server grants more than was asked for.
    """
    party = trial.deployment.party()
    rest = [each for each in party.entry.scope.split() if each not in needed.split()]
    narrow = party.entry.narrow_scope or ""
    if not rest or rest == ["openid"]:
        rest = narrow.split() if narrow and needed not in narrow.split() else rest
    trial.need(rest, f"the client can ask for nothing but {needed}")
    access = trial.deployment.access(scope=" ".join(rest))
    trial.need(
        not set(needed.split()) <= set(access.scope.split()),
        f"the server grants {needed} without being asked",
    )
    return access


def _scoped(trial: Trial) -> list[Operation]:
    operations = [each for each in protected(trial, EVERY, with_userinfo=False) if each.scope]
    trial.need(operations, "no reading operation is known with the scope that it needs")
    return operations


@check(
    "RS-08",
    title="An operation that needs a scope is refused without it",
    sends="each operation whose scope is known, with a token that lacks it",
    fix="Compare the scope of the token with what the operation needs, in every operation.",
    requirements=("FAPI2-SP-5.3.4-4", "RFC9700-2.3-p3.2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def scopes_are_compared(trial: Trial) -> Outcome:
    """What the user agreed to is written in the token; an API that only verifies the token gives away the rest."""
    attempts: list[tuple[Exchange, Exchange]] = []
    operations = _scoped(trial)
    for operation in operations:
        try:
            lacking = _without(trial, operation.scope or "")
        except NotApplicable:
            continue
        control = trial.control(
            f"{operation.name}, with {operation.scope}",
            call_with(trial, operation, trial.deployment.access()),
        )
        attempts.append(
            (trial.attack(f"{operation.name}, without it", call_with(trial, operation, lacking)), control)
        )
    trial.need(attempts, "no token could be obtained that lacks the scope of an operation")
    controls = {id(attack): control for attack, control in attempts}
    return trial.judge(
        [attack for attack, _ in attempts],
        accepted=lambda each: served(each, controls[id(each)]),
        failure="An operation answered to a token that lacks its scope.",
        success=f"{len(attempts)} of {len(operations)} operations refused a token that lacks their scope.",
    )


def _writing(trial: Trial) -> list[Operation]:
    operations = [
        each
        for each in trial.deployment.operations
        if not each.safe and not each.public and each.scope and (each.method == "POST" or each.places)
    ][:EVERY]
    trial.need(operations, "no writing operation is known with the scope that it needs")
    return operations


@check(
    "RS-08-writing",
    title="An operation that writes is refused without the scope that it needs",
    sends="each writing operation whose scope is known, whole where it makes something, with the scope and without; "
    "where that says nothing, without it to an object of the user's own",
    fix="Compare the scope of the token with what the operation needs, before anything is written.",
    requirements=("FAPI2-SP-5.3.4-4", "RFC9700-2.3-p3.2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.STATE,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
    needs=_writing,
)
def scopes_are_compared_before_writing(trial: Trial) -> Outcome:
    """Who may look need not be allowed to pay; and rules that name GET alone are easily written.

    What is sent to no object of its own is sent whole: it may make something, pay or close an account, with the scope
    and, where that is not looked at, without. What changes or deletes is sent for an identifier that nothing has. Where
    such a request gets the same answer with the scope and without, it says nothing; then the user's own object is
    written without the scope, as it was just read where it is changed, and whole where something is ordered below it.
    Only what is made for it is deleted. What still says nothing of an own object is suspected where other operations of
    the API refused at once.
    """
    deployment = trial.deployment
    operations = _writing(trial)
    attempts: list[Exchange] = []
    untold: list[tuple[Operation, bool]] = []
    at_once: set[str] = set()  # APIs that look at the scope before they look at what is asked for
    refusal = None
    for operation in operations:
        try:
            lacking, holding = _without(trial, operation.scope or ""), deployment.access()
        except NotApplicable as cause:
            refusal = cause
            continue
        good, answer = _with_and_without(trial, operation, holding, lacking)
        refused_alone = answer.status in _NO_ACCESS and good.status not in _NO_ACCESS
        if refused_alone and not good.ok:
            at_once.add(operation.api.url)
        # Also a deletion of what is not there may go well, before anybody looks.
        if refused_alone or (answer.ok and not (operation.places and good.ok)):
            attempts.append(answer)
            continue
        tried, proof = _own_object(trial, operation, holding, lacking)
        if proof is not None:
            attempts.append(proof)
        else:
            untold.append((operation, tried and answer.status == good.status))
    if refusal is not None and not attempts and not untold:
        raise refusal
    outcome = trial.judge(
        attempts,
        accepted=lambda each: each.ok,
        failure="A writing operation went through with a token that lacks its scope.",
        success=f"{len(attempts)} of {len(operations)} writing operations refused such a token.",
    )
    return outcome if outcome.verdict is Verdict.FAIL else _all_told(outcome, untold, at_once)


def _with_and_without(
    trial: Trial, operation: Operation, holding: Access, lacking: Access
) -> tuple[Exchange, Exchange]:
    """Send a request with the scope and without: whole, or for an identifier that nothing has."""
    deployment = trial.deployment
    request = operation.request() if not operation.places else harmless(operation)
    answers = []
    for label, access in ((f"with {operation.scope}", holding), ("without it", lacking)):
        answer = deployment.send_call(deployment.using(fresh_keys(trial, request), access), access)
        answers.append(
            trial.keep("control" if access is holding else "attack", f"{operation.name}, {label}", answer)
        )
    return answers[0], answers[1]


def _own_object(
    trial: Trial, operation: Operation, holding: Access, lacking: Access
) -> tuple[bool, Exchange | None]:
    """Write to the user's own object without the scope; return whether that was tried, and an answer that says something."""
    deployment = trial.deployment
    request = _own_request(trial, operation)
    if request is None:
        return False, None
    request = fresh_keys(trial, request)
    answer = deployment.send_call(deployment.using(request, lacking), lacking)
    trial.attack(f"{operation.name} of an own object, without {operation.scope}", answer)
    if answer.ok:
        return True, answer
    if answer.status not in _NO_ACCESS:
        return True, None
    request = fresh_keys(trial, request)
    good = deployment.send_call(deployment.using(request, holding), holding)
    trial.keep("control", f"{operation.name} of an own object, with {operation.scope}", good)
    return True, answer if good.ok else None


def _own_request(trial: Trial, operation: Operation) -> Request | None:
    """Return what may be sent to the user's own object: what was read of it, an order, or the end of one made for it."""
    if operation.method == "DELETE":
        return _end_of_a_new_one(trial, operation)
    body = order_below(operation) if operation.method == "POST" else _as_read(trial, operation)
    return with_body(operation, body) if body is not None else None


def _as_read(trial: Trial, operation: Operation) -> object:
    deployment = trial.deployment
    reading = reading_of(operation, deployment.operations)
    if reading is None:
        return None
    read = trial.observe(f"{reading.name}, as it is", call_with(trial, reading, deployment.access()))
    return written_back(operation, json_of(read.body)) if read.ok else None


def _end_of_a_new_one(trial: Trial, operation: Operation) -> Request | None:
    """Return the deletion of an object that is made for it; None where none can be made."""
    template = operation.template
    try:
        places = sacrificial(trial)
    except NotApplicable:
        return None
    place = next(
        (each for each in places if template is not None and each.items.get("DELETE") == template), None
    )
    made = create(trial, place, {}) if place is not None else None
    ending = template.fill(made.values) if template is not None and made is not None else None
    return ending.request() if ending is not None else None


def _all_told(outcome: Outcome, untold: Sequence[tuple[Operation, bool]], at_once: set[str]) -> Outcome:
    """Pass only where every operation said something; of the others it is told whether they answered an own object alike.

    Many look objects up, or read what was sent, before they look at the scope: what was sent to nothing shows no more.

    Raises:
        Inconclusive: one said nothing, and was not tried on an own object, or nothing looks at the scope at once.
    """
    if not untold:
        return outcome
    late = [operation.name for operation, alike in untold if alike and operation.api.url in at_once]
    if late:
        return suspected(
            f"Without its scope this answers as with it, where others of its API refuse at once: {', '.join(late)}."
        )
    names = ", ".join(operation.name for operation, _ in untold)
    raise Inconclusive(f"whether the scope is looked at is shown by no answer of {names}")


@check(
    "RS-08-error",
    title="A token that permits too little is refused with 403 and insufficient_scope",
    sends="an operation whose scope is known, with a token that lacks it",
    fix="Answer 403 with error=insufficient_scope in WWW-Authenticate.",
    requirements=("FAPI2-SP-5.3.4-4",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-1059",
)
def scope_errors_are_told(trial: Trial) -> Outcome:
    """A client that is told so can ask for more, or for a step-up; 401 sends it round in circles (RFC 6750 section 3.1)."""
    operation = _scoped(trial)[0]
    trial.control(
        f"{operation.name}, with {operation.scope}",
        call_with(trial, operation, trial.deployment.access()),
        good=lambda each: each.status not in _NO_ACCESS,
    )
    answer = trial.observe(
        f"{operation.name}, without {operation.scope}",
        call_with(trial, operation, _without(trial, operation.scope or "")),
    )
    if answer.ok:
        raise Inconclusive("the operation was not refused: see RS-08")
    told = " ".join(answer.all_headers("www-authenticate")) + answer.page()
    silent = "insufficient_scope" not in told and trial.deployment.claims_fapi
    if answer.status != 403 or silent:  # noqa: PLR2004
        return failed(
            f"{operation.name} answers {answer.status} to a token that lacks {operation.scope}: {told[:120]}"
        )
    return passed("The operation answers 403 and insufficient_scope.")
