"""Which members of an object a user may see and set (OWASP API3:2023)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.delicate import may_be_secret, secret
from trustweft.audit.existing import WRITING, deletes
from trustweft.audit.harvest import json_of, leaves
from trustweft.audit.inputs import call
from trustweft.audit.protected import EVERY
from trustweft.audit.sacrifice import changeable, create
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.openapi_document import Document
    from trustweft.audit.sacrifice import Sacrifice
    from trustweft.audit.trial import Trial

_CHANGING: Final = ("PATCH", "PUT", "DELETE")


def _answers(trial: Trial) -> Iterator[tuple[Operation, Exchange]]:
    """Yield what reading operations answer to the first user."""
    reached = 0
    for operation in [each for each in trial.deployment.operations if each.safe and each.method == "GET"][
        :EVERY
    ]:
        answer = call(trial, operation, operation.request())
        if answer.ok and json_of(answer.body) is not None and not _is_description(answer):
            reached += 1
            yield operation, trial.observe(operation.name, answer)
    if not reached:
        raise Inconclusive("no reading operation answered with JSON")


@check(
    "API3-01",
    title="No answer holds a password, a hash or a key",
    sends="every reading operation once, as its user",
    fix="Name the members that an answer has, one by one; never send the stored object.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-213",
    owasp="API3:2023",
)
def answers_hold_no_secrets(trial: Trial) -> Outcome:
    """An API that sends what it stores sends the password's hash with the profile, whatever its page shows of it.

    A member counts by its name where it has a value that is not masked, and any value in the form of a password hash.
    """
    read, delicate = 0, []
    for operation, answer in _answers(trial):
        read += 1
        for name, value in leaves(json_of(answer.body)):
            if may_be_secret(name, value):
                delicate.append(f"{name} of {operation.name}")
            if secret(name, value):
                return failed(
                    f"{operation.name} answers with {name}, which holds a secret ({len(value)} characters)."
                )
    if delicate:
        return suspected(f"Members that are named like secrets: {', '.join(dict.fromkeys(delicate))}.")
    return passed(f"None of {read} answers holds a member that is named as a secret, or a password hash.")


def _is_description(answer: Exchange) -> bool:
    return bool({"openapi", "swagger"} & set(answer.document())) and "paths" in answer.document()


@check(
    "API3-01-write-only",
    title="What is only written does not come back",
    sends="every reading operation whose answer is described, once",
    fix="Leave members that the description calls writeOnly out of every answer.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-213",
    owasp="API3:2023",
)
def write_only_members_stay_inside(trial: Trial) -> Outcome:
    """The description itself says which members never come back; where one does, the answer is not made from it."""
    described = 0
    for operation, answer in _answers(trial):
        template = operation.template
        if template is None or not template.answer_schema:
            continue
        described += 1
        document = json_of(answer.body)
        for name, schema in _schemas(template.document, template.answer_schema, document):
            if schema.get("writeOnly"):
                return failed(f"{operation.name} answers with {name}, which its description calls writeOnly.")
    trial.need(described, "no reading operation describes its answer")
    return passed(f"None of {described} described answers has a member that is only written.")


def _schemas(
    document: Document, schema: object, value: Any, depth: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and schema of every member of an answer that its description knows."""
    found = document.schema(schema)
    if depth > 8:  # noqa: PLR2004  # deeper than answers are
        return
    if isinstance(value, list):
        for each in value[:5]:
            yield from _schemas(document, found.get("items", {}), each, depth + 1)
    elif isinstance(value, dict):
        properties = found.get("properties") or {}
        for name, member in value.items():
            if name in properties:
                yield name, document.schema(properties[name])
                yield from _schemas(document, properties[name], member, depth + 1)


@check(
    "API3-01-undocumented",
    title="Answers have the members that are described, and no others",
    sends="every reading operation whose answer is described, once",
    fix="Make answers from their description, or describe what they have.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-213",
    owasp="API3:2023",
)
def answers_are_as_described(trial: Trial) -> Outcome:
    """A member that nobody described is one that nobody decided to show; most are harmless, some are the next leak."""
    described, extra = 0, []
    for operation, answer in _answers(trial):
        template = operation.template
        if template is None or not template.answer_schema.get(
            "properties", template.answer_schema.get("items")
        ):
            continue
        described += 1
        extra += [
            f"{name} of {operation.name}"
            for name in _undescribed(template.document, template.answer_schema, json_of(answer.body))
        ]
    trial.need(described, "no reading operation describes its answer")
    if extra:
        return failed(f"Answers have members that nobody described: {', '.join(dict.fromkeys(extra))}.")
    return passed(f"{described} described answers have no further members.")


def _undescribed(document: Document, schema: object, value: Any, depth: int = 0) -> Iterator[str]:
    found = document.schema(schema)
    if depth > 8:  # noqa: PLR2004  # deeper than answers are
        return
    if isinstance(value, list):
        for each in value[:5]:
            yield from _undescribed(document, found.get("items", {}), each, depth + 1)
    elif isinstance(value, dict) and found.get("properties") and not found.get("additionalProperties"):
        for name, member in value.items():
            if name in found["properties"]:
                yield from _undescribed(document, found["properties"][name], member, depth + 1)
            else:
                yield name


def _places(trial: Trial) -> list[Sacrifice]:
    """Return where objects can be made that something changes or ends."""
    try:
        places = changeable(trial, "API1-02-existing", WRITING)
    except NotApplicable as cause:
        if any(deletes(each) for each in trial.deployment.templates):
            raise Inconclusive(f"{cause}, and no object that is there already is deleted to try it") from None
        raise
    trial.need(
        any(method in place.items for place in places for method in _CHANGING),
        "what can be made here can be neither changed nor ended",
    )
    return places


@check(
    "API1-02",
    title="One user's token does not change or end another user's objects",
    sends="PUT, PATCH and DELETE as the second user on an object that the first user made for this, and reads it again",
    fix="Look every object up together with its owner, also where it is changed or deleted.",
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    safety=Safety.WRITES,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
    needs=_places,
)
def objects_are_changed_by_their_owner(trial: Trial) -> Outcome:
    """Reading is often guarded where writing is not. The object is made for this run and belongs to the first user.

    It fails where a reading by the owner shows a change, or nothing any more, after the second user asked for it.
    """
    deployment = trial.deployment
    other = deployment.access(None, deployment.user(1))
    tried, changed = 0, []
    for place in _places(trial):
        for method in _CHANGING:
            template = place.items.get(method)
            made = create(trial, place, {}) if template is not None else None
            if template is None or made is None or made.read is None:
                continue
            operation = template.fill(made.values)
            if operation is None:
                continue
            tried += 1
            body = msgspec.json.encode(_marked(template.body)) if template.body is not None else b""
            request = replace(operation.request(), body=body)
            attack = trial.attack(
                f"{operation.name}, by another user",
                deployment.send_call(deployment.using(request, other), other),
            )
            after = trial.observe(f"{operation.name}, read by its owner", made.read_again(trial))
            if attack.ok and (after.body != made.read.body or not after.ok):
                changed.append(operation.name)
    if changed:
        return failed(f"The second user changed or ended an object of the first: {', '.join(changed)}.")
    if not tried:
        raise Inconclusive("no object could be made and read again")
    return passed(f"{tried} attempts to change or end another user's object changed nothing.")


def _marked(body: Any) -> Any:
    if isinstance(body, dict):
        return {
            name: "trustweft-changed" if isinstance(value, str) else value for name, value in body.items()
        }
    return body
