"""What one request may cost (OWASP API4:2023): small, safe questions; nothing here is a load test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.harvest import json_of
from trustweft.audit.inputs import call, inputs_of, writing_operations
from trustweft.audit.protected import protected
from trustweft.audit.verdict import Reach, Role, Safety, Severity
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from typing import Any

    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

HUGE: Final = 1_000_000
NESTED: Final = 3_500  # levels: more than a recursive reader survives, in 7 kilobytes
LARGE: Final = 1_048_576
BURST: Final = 20
MANY: Final = 1_000  # records in one answer
_NO_ACCESS: Final = frozenset({401, 403})
_LIMITS: Final = frozenset(
    {
        "limit",
        "size",
        "page_size",
        "pagesize",
        "per_page",
        "perpage",
        "count",
        "max",
        "top",
        "first",
        "take",
        "rows",
    }
    | {"max_results", "maxresults", "page[size]", "$top", "number", "length"}
)


@check(
    "API4-01-page",
    title="The size of a page has an upper bound",
    sends="lists that take a page size, with a size of a million",
    fix="Refuse a page size beyond a maximum, or cut it down.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-770",
    owasp="API4:2023",
)
def pages_have_a_bound(trial: Trial) -> Outcome:
    """One request for everything costs the server as much as thousands; and it copies a whole table at once.

    It fails where the description names a maximum and a million is taken, where the answer says that its page has that
    size, or where more than a thousand records come. Where fewer exist, a bound cannot be seen.
    """
    points = [
        each
        for operation in trial.deployment.operations
        if operation.safe
        for each in inputs_of(operation)
        if each.place == "query" and each.name.lower() in _LIMITS
    ]
    trial.need(points, "no list is known that takes a page size")
    refused, unseen = 0, []
    for point in points[:6]:
        trial.control(
            f"{point.operation.name} with {point.name}=1", call(trial, point.operation, point.with_value("1"))
        )
        answer = call(trial, point.operation, point.with_value(str(HUGE)))
        trial.attack(f"{point.operation.name} with {point.name}={HUGE}", answer)
        if answer.refused:
            refused += 1
            continue
        document = json_of(answer.body)
        most, count = point.schema.get("maximum"), _longest(document)
        if answer.ok and (_echoes(document) or count > MANY or (isinstance(most, int) and count != most)):
            why = (
                "though its description names a maximum"
                if isinstance(most, int)
                else f"and gave {count} records"
            )
            return failed(f"{point.operation.name} took {point.name}={HUGE}, {why}.")
        unseen.append(point.operation.name)
    if unseen and not refused:
        raise Inconclusive(f"too few records exist to see a bound: {', '.join(unseen)}")
    return passed(f"{refused} of {len(points)} lists refused a page size of a million.")


def _longest(document: Any) -> int:
    if isinstance(document, list):
        return max(len(document), *(_longest(each) for each in document[:3]), 0)
    if isinstance(document, dict):
        return max((_longest(each) for each in document.values()), default=0)
    return 0


def _echoes(document: Any) -> bool:
    return isinstance(document, dict) and any(
        (value == HUGE and name.lower() in _LIMITS) or (isinstance(value, dict) and _echoes(value))
        for name, value in document.items()
    )


@check(
    "API4-01-depth",
    title="A deeply nested body does not break an operation",
    sends="a body of lists in lists, in 7 kilobytes, to operations that take a body",
    fix="Bound the depth of JSON before it is read.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-674",
    owasp="API4:2023",
)
def depth_has_a_bound(trial: Trial) -> Outcome:
    """A reader that calls itself for each level runs out of stack; with luck that is a 500, without it the process ends."""
    body = b"[" * NESTED + b"]" * NESTED
    operations = writing_operations(trial)
    # Had no token been there, the first attempt would ask for one: what breaks off then is not the operation.
    trial.deployment.access()
    unread = 0
    for operation in operations:
        request = replace(operation.request(), body=body).with_header("content-type", "application/json")
        try:
            answer = trial.attack(f"{operation.name} with {NESTED} levels", call(trial, operation, request))
        except Unreachable as cause:
            return failed(f"{operation.name} broke off the connection on a nested body: {cause}")
        if answer.broke:
            return failed(f"{operation.name} answered a nested body with {answer.status}.")
        unread += answer.ok
    if unread == len(operations):
        raise Inconclusive(
            f"each of {unread} operations takes such a body, and nothing shows that it is read"
        )
    return passed(f"{len(operations) - unread} operations refused a body of {NESTED} levels.")


@check(
    "API4-01-body",
    title="The size of a body has an upper bound",
    sends="an object with a megabyte of blanks in it, to operations that take a body",
    fix="Refuse a body beyond the size that the operation needs, before it is read.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-770",
    owasp="API4:2023",
)
def bodies_have_a_bound(trial: Trial) -> Outcome:
    """No standard says how much is too much, so this is advice: an order of payment has no use for a megabyte.

    A refusal must be another than that of a small body of the same kind, or the large one was read as well.
    """
    operations, reached = writing_operations(trial), []
    for operation in operations:
        small = replace(operation.request(), body=b"{}").with_header("content-type", "application/json")
        control = trial.observe(f"{operation.name} with a small body", call(trial, operation, small))
        if control.status in _NO_ACCESS:  # before the body is looked at
            continue
        reached.append(operation)
        try:
            large = replace(small, body=b"{" + b" " * LARGE + b"}")
            answer = trial.attack(f"{operation.name} with a megabyte", call(trial, operation, large))
        except Unreachable:
            continue
        if answer.status != 413 and answer.status == control.status:  # noqa: PLR2004
            return failed(
                f"{operation.name} reads a megabyte and answers as to a small body: {answer.status}."
            )
    if not reached:
        raise Inconclusive("no operation that takes a body lets the user in")
    return passed(f"{len(reached)} of {len(operations)} operations refuse a body of a megabyte as too large.")


@check(
    "API4-02",
    title="A burst of requests is slowed down",
    sends=f"{BURST} good requests to one operation as fast as they are answered",
    fix="Limit requests per token and per client, and answer 429 with Retry-After.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    safety=Safety.STATE,
    cwe="CWE-799",
    owasp="API4:2023",
)
def bursts_are_slowed_down(trial: Trial) -> Outcome:
    """Twenty requests prove nothing: a limit may begin later. So its absence is said, and is no failure."""
    deployment = trial.deployment
    operation, access = protected(trial)[0], deployment.access()
    for number in range(BURST):
        answer = deployment.send_call(deployment.calling(operation, access), access)
        trial.observe(f"{operation.name}, request {number + 1}", answer)
        named = [
            name
            for name, _ in answer.headers
            if "ratelimit" in name.replace("-", "") or name == "retry-after"
        ]
        if answer.status == 429 or named:  # noqa: PLR2004
            return passed(f"After {number + 1} requests the API speaks of a limit: {answer.status} {named}.")
    return failed(f"Nothing of a limit was observed in {BURST} requests.")
