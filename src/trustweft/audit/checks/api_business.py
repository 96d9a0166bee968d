"""What an API does for its callers (OWASP API6 and API7:2023): orders once, for sensible amounts; no errands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.canary import Canary
from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.harvest import identifier_of, json_of
from trustweft.audit.inputs import call, inputs_of
from trustweft.audit.sacrifice import own_body, sacrificial
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Request
    from trustweft.audit.sacrifice import Sacrifice
    from trustweft.audit.trial import Trial

KEY: Final = "idempotency-key"
_AMOUNT: Final = re.compile(
    r"(?:^|_)(?:amount|price|quantity|total|value|count|balance|sum|qty)(?:$|_)", re.IGNORECASE
)
_ADDRESS: Final = re.compile(
    r"ur[li]$|^ur[li]|callback|webhook|redirect|logo|image|avatar|icon|feed|link|host|endpoint|target|dest|src$|proxy",
    re.IGNORECASE,
)


def _ordering(trial: Trial, place: Sacrifice, changes: Mapping[str, object], key: str | None) -> Request:
    body = {**own_body(trial, place), **changes}
    request = replace(place.creating.request(), body=msgspec.json.encode(body))
    return request if request.header(KEY) is None or key is None else request.with_header(KEY, key)


@check(
    "API6-01",
    title="An order that is sent twice is carried out once",
    sends="an order of its own twice with one idempotency key, and once more with that key and another body",
    fix="Keep each key with its order in the step that carries it out; give the same answer, or refuse another order.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.WRITES,
    cwe="CWE-837",
    owasp="API6:2023",
    needs=sacrificial,
)
def orders_are_carried_out_once(trial: Trial) -> Outcome:
    """A key by which a client marks repetitions is a promise; a server that forgets it pays twice when a line breaks."""
    places = [each for each in sacrificial(trial) if each.creating.request().header(KEY) is not None]
    trial.need(places, "no operation is known that takes an idempotency key")
    tried = 0
    for place in places:
        key = trial.deployment.entropy.token()
        first = call(trial, place.creating, _ordering(trial, place, {}, key))
        if not trial.keep("control", f"{place.name}, once", first).ok:
            continue
        tried += 1
        again = call(trial, place.creating, _ordering(trial, place, {}, key))
        trial.attack(f"{place.name}, again with the same key", again)
        if again.ok and _identifier(place, again.body) != _identifier(place, first.body):
            return failed(f"{place.name} carried one order out twice: the answers name two objects.")
        other = _other_text(own_body(trial, place))
        changed = call(trial, place.creating, _ordering(trial, place, other, key))
        trial.attack(f"{place.name}, another order with the same key", changed)
        if changed.ok and _identifier(place, changed.body) != _identifier(place, first.body):
            return failed(f"{place.name} took another order with a key that was used.")
    if not tried:
        raise Inconclusive("no order could be made")
    return passed(f"{tried} operations carried an order out once for each key.")


def _identifier(place: Sacrifice, body: bytes) -> str | None:
    reading = place.items["GET"]
    return identifier_of(json_of(body), reading.places[-1], reading.path)


def _other_text(body: Mapping[str, Any]) -> dict[str, object]:
    """Return one change to a body: the last member that is plain text."""
    texts = [name for name, value in body.items() if isinstance(value, str)]
    return {texts[-1]: "trustweft, another"} if texts else {}


@check(
    "API6-02",
    title="An order of a negative amount is refused",
    sends="orders of its own whose amounts, prices or quantities are negative",
    fix="Say in the description which amounts make sense, and refuse others.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-840",
    owasp="API6:2023",
    needs=sacrificial,
)
def negative_amounts_are_refused(trial: Trial) -> Outcome:
    """Who pays minus ten is paid ten. Whether that is what the API is for, only people know: it is a suspicion."""
    tried, taken = 0, []
    for place in sacrificial(trial):
        plain = own_body(trial, place)
        control = call(trial, place.creating, _ordering(trial, place, {}, trial.deployment.entropy.token()))
        if not trial.keep("control", place.name, control).ok:
            continue
        for name, changed in _negatives(plain):
            tried += 1
            request = _ordering(trial, place, changed, trial.deployment.entropy.token())
            if trial.attack(f"{place.name} with a negative {name}", call(trial, place.creating, request)).ok:
                taken.append(f"{name} of {place.name}")
    trial.need(tried, "no order can be made here that has an amount in it")
    if taken:
        return suspected(f"Negative amounts were taken: {', '.join(taken)}.")
    return passed(f"{tried} orders of a negative amount were refused.")


def _negatives(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the name of each amount in a body, and the change that makes it negative."""
    for name, value in body.items():
        if isinstance(value, dict):
            for inner, changed in _negatives(value):
                yield inner, {name: {**value, **changed}}
        elif _AMOUNT.search(name):
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield name, {name: -abs(value) or -1}
            elif isinstance(value, str) and re.fullmatch(r"\d+(?:\.\d+)?", value):
                yield name, {name: f"-{value}"}


@check(
    "API7-01",
    title="No address in a query makes the API call it",
    sends="addresses of a listener of the auditor's own in parameters that look like addresses",
    fix="Fetch from a list of hosts only, resolve names first, and refuse addresses of the inner network.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-918",
    owasp="API7:2023",
    gives=("internal-requests",),
)
def queries_send_no_errands(trial: Trial) -> Outcome:
    """A server that fetches what it is told reaches what its caller does not: metadata of the cloud, inner services.

    Only a call that arrives at the listener, with a path made for this one request, counts.
    """
    host = trial.deployment.target.canary_host
    trial.need(host, "the target file names no canary_host that the deployment could call")
    points = [
        each
        for operation in trial.deployment.operations
        if operation.safe
        for each in inputs_of(operation)
        if each.place == "query"
        and (_ADDRESS.search(each.name) or each.schema.get("format") in ("uri", "url"))
    ]
    trial.need(points, "no parameter of a query looks like an address")
    with Canary(str(host), trial.deployment.entropy) as canary:
        names = {}
        for point in points[:12]:
            url, name = canary.url()
            names[name] = f"{point.name} of {point.operation.name}"
            trial.attack(names[name], call(trial, point.operation, point.with_value(url)))
        called = canary.called(set(names))
    return _errands(names, called)


@check(
    "API7-01-body",
    title="No address in a body makes the API call it",
    sends="orders of its own with addresses of a listener of the auditor's own in members that look like addresses",
    fix="Fetch from a list of hosts only, resolve names first, and refuse addresses of the inner network.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-918",
    owasp="API7:2023",
    gives=("internal-requests",),
)
def bodies_send_no_errands(trial: Trial) -> Outcome:
    """The same where objects are made: web hooks, pictures by address, imports."""
    host = trial.deployment.target.canary_host
    trial.need(host, "the target file names no canary_host that the deployment could call")
    found = [
        (operation, name)
        for operation in trial.deployment.operations
        if operation.method == "POST" and operation.template is not None
        for name, schema in (operation.template.body_schema.get("properties") or {}).items()
        if _ADDRESS.search(name) or operation.template.document.schema(schema).get("format") in ("uri", "url")
    ]
    trial.need(found, "no member of a body looks like an address")
    with Canary(str(host), trial.deployment.entropy) as canary:
        names = {}
        for operation, member in found[:12]:
            url, name = canary.url()
            names[name] = f"{member} of {operation.name}"
            body = operation.template.body if operation.template else {}
            octets = msgspec.json.encode({**(body if isinstance(body, dict) else {}), member: url})
            request = replace(operation.request(), body=octets).with_header(
                "content-type", "application/json"
            )
            trial.attack(names[name], call(trial, operation, request))
        called = canary.called(set(names))
    return _errands(names, called)


def _errands(names: Mapping[str, str], called: set[str]) -> Outcome:
    if called:
        return failed(
            f"The API called an address that it was given: {', '.join(names[each] for each in called)}."
        )
    return passed(f"None of {len(names)} addresses was called.")
