"""One user's token and another user's objects (OWASP API1:2023): two people whom the auditor logged in itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from trustweft.audit.answers import served, values_of
from trustweft.audit.check import Inconclusive, check, failed, suspected
from trustweft.audit.invented import invented, with_place
from trustweft.audit.ownership import (
    foreign_objects,
    identity_in,
    need_other_works,
    pair,
    personal_in,
    private_values,
)
from trustweft.audit.protected import EVERY
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.ownership import Pair
    from trustweft.audit.trial import Trial

FIX: Final = "Look every object up together with its owner: by the subject of the token, in the same query."


def _ask(trial: Trial, request: Request, access: Access) -> Exchange:
    deployment = trial.deployment
    return deployment.send_call(deployment.using(request, access), access)


@check(
    "API1-01",
    title="One user's token does not open another user's objects",
    sends="the requests for the first user's objects, by identifiers from that user's own lists, with the second's token",
    fix=FIX,
    requirements=("FAPI2-SP-5.3.4-4", "RFC9700-2.3-p3.2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def objects_belong_to_their_owner(trial: Trial) -> Outcome:
    """The commonest flaw of APIs: the token is verified, and then any identifier is looked up.

    The auditor logs two people in and learns from each one's lists what is theirs. The first opens an object of their
    own (control), the second opens one of theirs, then the first's. It fails where the second is told what a list told
    only the first; where nobody says whose the object is, personal data is needed even for a suspicion.
    """
    found = pair(trial)
    objects = foreign_objects(trial, found)[:EVERY]
    trial.need(objects, "no object is known that one user was told of and the other was not")
    need_other_works(trial, found)
    reached = 0
    doubtful: list[str] = []
    through: list[str] = []
    refusals: list[Exchange] = []
    for each in objects:
        operation = each.operation
        control = trial.keep(
            "control", f"{operation.name}, by its owner", _ask(trial, operation.request(), found.owner)
        )
        if not control.ok:
            continue
        reached += 1
        attack = trial.attack(
            f"{operation.name}, by another user", _ask(trial, operation.request(), found.other)
        )
        refusals.append(attack)
        if not served(attack, control) or _answers_to_anything(trial, operation, found.other, control):
            continue
        if each.known_by == "list" or (each.known_by == "given" and identity_in(control, found.owned.names)):
            through.append(operation.name)
        elif personal_in(control) and private_values(control, found, operation):
            doubtful.append(f"{operation.name} ({', '.join(personal_in(control)[:4])})")
    if not reached:
        raise Inconclusive("the owner itself was refused every object")
    if through:
        return failed(f"The second user read objects of the first: {', '.join(dict.fromkeys(through))}.")
    if doubtful:
        return suspected(
            "The second user read personal data in objects that may be the first's alone: "
            f"{', '.join(dict.fromkeys(doubtful))}. Say in the target file whose they are, to be sure."
        )
    return trial.judge(
        refusals,
        accepted=lambda _: False,
        failure="",
        success=f"Of {reached} objects of the first user the second was told nothing ({len(objects)} known).",
    )


def _answers_to_anything(trial: Trial, operation: Operation, access: Access, control: Exchange) -> bool:
    """Whether an identifier that nothing has gets the same answer: then no object was opened."""
    if not operation.places:
        return False
    answer = trial.observe(
        f"{operation.name}, with an invented identifier",
        _ask(trial, replace(operation.request(), url=invented(operation)), access),
    )
    return served(answer, control)


@check(
    "API1-01-query",
    title="An identifier in the query does not open another user's objects",
    sends="operations whose query takes an identifier, with one of the first user's and the second user's token",
    fix=FIX,
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def query_identifiers_belong_to_their_owner(trial: Trial) -> Outcome:
    """What a path may not open, a filter may: ``/transactions?account_id=`` is looked up by another function.

    A parameter counts as an identifier where the first user's answers have a member of its name, or of the object it
    names. It fails where the second user is told a value that only the first was ever told.
    """
    found = pair(trial)
    attempts: list[tuple[str, Exchange, frozenset[str]]] = []
    tried = 0
    for operation in found.owned.operations:
        if not operation.safe or operation.public or operation.template is None or operation.places:
            continue
        for parameter in operation.template.parameters:
            value = _own_value(found, parameter.name) if parameter.place == "query" else None
            if value is None:
                continue
            tried += 1
            joint = "&" if "?" in operation.url else "?"
            request = replace(
                operation.request(), url=f"{operation.url}{joint}{urlencode({parameter.name: value})}"
            )
            control = trial.keep(
                "control",
                f"{operation.name} with {parameter.name}, by its owner",
                _ask(trial, request, found.owner),
            )
            canaries = private_values(control, found) - {value}
            if control.ok and canaries:
                attack = _ask(trial, request, found.other)
                trial.attack(f"{operation.name} with {parameter.name}, by another user", attack)
                attempts.append((operation.name, attack, canaries))
    trial.need(tried, "no query parameter is known that takes an identifier of a user's object")
    trial.need(attempts, "no query parameter led to anything that only its owner was told")
    told = {id(attack): canaries for _, attack, canaries in attempts}
    return trial.judge(
        [attack for _, attack, _ in attempts],
        accepted=lambda each: each.ok and bool(told[id(each)] & values_of(each)),
        failure="An identifier in the query opened another user's objects.",
        success=f"{len(attempts)} identifiers in queries opened nothing for another user.",
    )


def _own_value(found: Pair, name: str) -> str | None:
    """Return the first user's value for an identifier of this name, one that the second has not."""
    plain = name.replace("_", "").replace("-", "").lower()
    if not plain.endswith(
        ("id", "number", "account", "user", "owner", "customer", "username", "email", "iban")
    ):
        return None
    candidates = [
        value
        for operation in found.owned.operations
        for place, value in operation.places
        if place.replace("_", "").replace("-", "").lower() == plain
    ]
    if plain in (
        "userid",
        "ownerid",
        "customerid",
        "user",
        "owner",
        "customer",
        "username",
        "email",
        "accountid",
    ):
        candidates += found.owned.names
    return next((each for each in candidates if each not in found.others.values), None)


@check(
    "API1-03",
    title="No detour leads to another user's objects",
    sends="the second user's own requests with the first user's identifier beside, after or in place of a part",
    fix="Read each identifier once and as one value; look a child up together with its parent and its owner.",
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
)
def detours_lead_nowhere(trial: Trial) -> Outcome:
    """A check of the owner often looks at one identifier, and the query uses another.

    The second user asks for their own parent with the first user's child, for two identifiers at once, for a wildcard,
    and repeats the first user's identifier in the query. It fails where an answer has what only the first was told.
    """
    found = pair(trial)
    objects = [each for each in foreign_objects(trial, found) if each.operation.places][:EVERY]
    trial.need(objects, "no object is known that one user was told of and the other was not")
    need_other_works(trial, found)
    attempts: list[Exchange] = []
    told: dict[int, frozenset[str]] = {}
    for each in objects[:6]:
        operation = each.operation
        control = trial.keep(
            "control", f"{operation.name}, by its owner", _ask(trial, operation.request(), found.owner)
        )
        canaries = private_values(control, found, operation) - {value for _, value in operation.places}
        if not control.ok or not canaries:
            continue
        for label, url in _detours(operation, found):
            answer = _ask(trial, replace(operation.request(), url=url), found.other)
            trial.attack(f"{operation.name}, by another user, {label}", answer)
            attempts.append(answer)
            told[id(answer)] = canaries
    if not attempts:
        raise Inconclusive("no object of the first user told anything that would be recognised")
    return trial.judge(
        [each for each in attempts if not each.broke],
        accepted=lambda each: each.ok and bool(told[id(each)] & values_of(each)),
        failure="A detour led to another user's object.",
        success=f"{len(attempts)} detours led to nothing of the first user's.",
    )


def _detours(operation: Operation, found: Pair) -> Sequence[tuple[str, str]]:
    name, value = operation.places[-1]
    own = next((dict(each.places) for each in found.others.of(operation.name)), None)
    detours = [
        ("a wildcard", with_place(operation, name, "*")),
        ("a percent sign", with_place(operation, name, "%")),
    ]
    if own is not None:
        mine = quote(own[name], safe="")
        theirs = quote(value, safe="")
        base = with_place(operation, name, own[name])
        joint = "&" if "?" in base else "?"
        detours += [
            ("two identifiers with a comma", with_place(operation, name, f"{mine},{theirs}", raw=True)),
            ("repeated in the query", f"{base}{joint}{urlencode({name: value, 'id': value})}"),
        ]
        if len(operation.places) > 1:
            parent = operation.places[0][0]
            detours.append(("under an own parent", with_place(operation, parent, own[parent])))
    return detours
