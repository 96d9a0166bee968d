"""Objects that a run makes for itself, to be attacked in place of anybody's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.existing import need_description, tries
from trustweft.audit.harvest import identifier_of, json_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trustweft.audit.api import Operation
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.openapi import Template
    from trustweft.audit.trial import Trial

__all__ = ["Made", "Sacrifice", "changeable", "create", "fresh_keys", "own_body", "sacrificial"]

FEW = 4


@dataclass(frozen=True, slots=True)
class Sacrifice:
    """Where objects can be made: a collection with POST, and what its items answer to.

    Attributes:
        creating: with the first user's values in its places.
        items: templates of one item, by method; GET is among them.
    """

    creating: Operation
    items: Mapping[str, Template]

    @property
    def name(self) -> str:
        """Method and path of what makes it."""
        return self.creating.name

    @property
    def template_body(self) -> Any:
        """The good body."""
        return self.creating.template.body if self.creating.template else None


@dataclass(frozen=True, slots=True)
class Made:
    """An object that was made.

    Attributes:
        values: for the places of an item's path.
        reading: what reads it; None where nothing does.
        read: what that answered to its owner at once; None where it was refused.
    """

    values: dict[str, str]
    reading: Operation | None
    read: Exchange | None

    def read_again(self, trial: Trial) -> Exchange:
        """Read it as its owner."""
        assert self.reading is not None  # noqa: S101  # for the type: it was read before
        return _as_owner(trial, self.reading)


def sacrificial(trial: Trial) -> list[Sacrifice]:
    """Return where objects of one's own can be made and read again.

    Raises:
        NotApplicable: nowhere.
    """
    templates = trial.deployment.templates
    found = []
    for operation in trial.deployment.operations:
        template = operation.template
        if operation.method != "POST" or template is None or not isinstance(template.body, dict):
            continue
        items = {
            each.method: each
            for each in templates
            if each.path.rpartition("/")[0] == template.path.rstrip("/")
            and each.places
            and each.path.endswith("{" + each.places[-1] + "}")
        }
        if "GET" in items:
            found.append(Sacrifice(operation, items))
    trial.need(found, "no object can be made here and read again")
    return found[:FEW]


def changeable(trial: Trial, instead: str, methods: Sequence[str]) -> list[Sacrifice]:
    """Return the same for a check that changes objects; ``instead`` names the one that needs none of its own.

    Args:
        trial: of the check.
        instead: id of the check that tries objects that are there already.
        methods: with which it does.

    Raises:
        NotApplicable: nowhere, and nothing is described that the other check could try either.
        Inconclusive: nowhere, but the other check finds something to try.
    """
    try:
        return sacrificial(trial)
    except NotApplicable as cause:
        if tries(trial.deployment.templates, methods):
            raise Inconclusive(
                f"{cause}; {instead} tries objects that are there already, with --level 3"
            ) from None
        need_description(trial.deployment.operations)
        raise


def create(trial: Trial, place: Sacrifice, further: Mapping[str, object]) -> Made | None:
    """Make an object as the first user, with further members in its body; None where that was refused."""
    body = {**own_body(trial, place), **further}
    request = replace(place.creating.request(), body=msgspec.json.encode(body))
    request = fresh_keys(trial, request)
    deployment = trial.deployment
    access = deployment.access()
    answer = deployment.send_call(deployment.using(request, access), access)
    label = f"{place.name}{' with further members' if further else ''}"
    trial.keep("attack" if further else "control", label, answer)
    if not answer.ok:
        return None
    reading = place.items["GET"]
    name = reading.places[-1]
    identifier = (
        identifier_of(json_of(answer.body), name, reading.path)
        or answer.location.rstrip("/").rpartition("/")[2]
    )
    if not identifier:
        return None
    values = {**dict(place.creating.places), name: identifier}
    operation = reading.fill(values)
    if operation is None:
        return Made(values, None, None)
    exchange = trial.observe(f"{operation.name}, read by its owner", _as_owner(trial, operation))
    return Made(values, operation, exchange if exchange.ok else None)


def _as_owner(trial: Trial, operation: Operation) -> Exchange:
    access = trial.deployment.access()
    return trial.deployment.send_call(trial.deployment.calling(operation, access), access)


def fresh_keys(trial: Trial, request: Request) -> Request:
    """Return the request with a fresh idempotency key, where it has one: each object is meant to be another."""
    if request.header("idempotency-key") is None:
        return request
    return request.with_header("idempotency-key", trial.deployment.entropy.token())


def own_body(trial: Trial, place: Sacrifice) -> dict[str, Any]:
    """Return the good body, with identifiers of the first user's own objects where it refers to such."""
    body: dict[str, Any] = dict(place.template_body)
    user = trial.deployment.users[0].username if trial.deployment.users else ""
    harvest = trial.deployment.harvests.get(user)
    own: dict[str, str] = {}
    for operation in harvest.operations if harvest is not None else ():
        for name, value in operation.places:
            own.setdefault(name.rpartition("_")[0], value)
    return {
        name: next((value for noun, value in own.items() if noun and noun in name.lower()), member)
        if isinstance(member, str)
        else member
        for name, member in body.items()
    }
