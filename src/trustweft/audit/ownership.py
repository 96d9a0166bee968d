"""What belongs to whom: objects of one user that another has no business with, and how an answer shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from trustweft.audit.answers import telling, values_of
from trustweft.audit.check import Inconclusive
from trustweft.audit.harvest import Harvest, json_of, leaves, names_user, records_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

__all__ = [
    "PERSONAL",
    "Pair",
    "foreign_objects",
    "identity_in",
    "need_other_works",
    "pair",
    "personal_in",
    "private_values",
]

# Names of what people do not show to each other; a public name or a comment is none of it.
PERSONAL: Final = re.compile(
    r"(?:^|_)(?:e?mail|phone|mobile|address|street|city|zip|postcode|birth\w*|dob|ssn|iban|bic|account_?number|card\w*"
    r"|balance|amount|salary|income|price|total|secret\w*|password\w*|passwd|pwd|token|api_?key|medical\w*|diagnosis"
    r"|prescription\w*|passport|licen[cs]e|vin|location|latitude|longitude|message|ssid|tax\w*|credit\w*)(?:$|_)",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two users of one client: whose objects are asked for, and who asks."""

    owner: Access
    other: Access
    owned: Harvest
    others: Harvest


@dataclass(frozen=True, slots=True)
class ForeignObject:
    """An operation on an object of the owner.

    Attributes:
        known_by: ``list``: a list told the owner of it and did not tell the other, or the target file says whose it
            is. ``given``: target file or description name it. ``name``: a list that both are told names its owner.
    """

    operation: Operation
    known_by: Literal["list", "given", "name"]


def pair(trial: Trial) -> Pair:
    """Return the first two users with what each was told.

    Raises:
        NotApplicable: the target file names too few.
    """
    deployment = trial.deployment
    first, second = deployment.user(0), deployment.user(1)
    return Pair(
        owner=deployment.access(None, first),
        other=deployment.access(None, second),
        owned=deployment.harvests.get(first.username) or Harvest(),
        others=deployment.harvests.get(second.username) or Harvest(),
    )


def need_other_works(trial: Trial, found: Pair) -> None:
    """Prove that the second user's token is good for something here, so that refusals mean something.

    Raises:
        Inconclusive: it is good for nothing.
    """
    deployment = trial.deployment
    own = [each for each in found.others.operations if each.safe and not each.public]
    own += [each for each in deployment.operations if each.safe and not each.public and not each.places]
    for operation in own[:6]:
        answer = deployment.send_call(deployment.calling(operation, found.other), found.other)
        if answer.ok:
            trial.control(f"{operation.name}, by the second user, of their own", answer)
            return
    raise Inconclusive("the second user's token opened nothing at all, so refusals say nothing")


def foreign_objects(trial: Trial, found: Pair, *, safe: bool = True) -> list[ForeignObject]:
    """Return the owner's objects that the other was not told of, those that a list told first."""
    theirs = {(each.name, each.places) for each in found.others.operations}
    objects = [
        ForeignObject(each, known)
        for each in found.owned.operations
        if each.places
        and each.safe is safe
        and not each.public
        and (known := _known_by(each, found, shared=(each.name, each.places) in theirs)) is not None
    ]
    owner = found.owner.user
    objects += [
        ForeignObject(each, "list")
        for each in trial.deployment.operations
        if each.template is None
        and each.safe is safe
        and not each.public
        and owner is not None
        and each.owner == owner.username
    ]
    return sorted(objects, key=lambda each: each.known_by != "list")


def _known_by(operation: Operation, found: Pair, *, shared: bool) -> Literal["list", "given", "name"] | None:
    """Return how the owner's object is known, None where the other was told of it as of anybody's."""
    last = operation.places[-1][1]
    if shared or (telling(last) and last in found.others.values):
        records = (record for answer in found.owned.answers for record in records_of(answer.document))
        owned = any(
            last in (str(value) for value in record.values()) and names_user(record, found.owned.names)
            for record in records
        )
        return "name" if owned else None
    return "list" if all(found.owned.lists(value) for _, value in operation.places) else "given"


def private_values(control: Exchange, found: Pair, operation: Operation | None = None) -> frozenset[str]:
    """Return the values in an answer to the owner that the other was never told: each is a canary.

    What the other was told when asking for this very object does not count: that is what is in question.
    """
    asked = {value for _, value in operation.places} if operation is not None else set()
    told = (
        each.values
        for each in found.others.answers
        if not asked & {value for _, value in each.operation.places}
    )
    return values_of(control) - frozenset().union(*told)


def identity_in(exchange: Exchange, names: Iterable[str]) -> bool:
    """Whether a JSON answer names one of these users as a value of its own."""
    return names_user(json_of(exchange.body), tuple(names))


def personal_in(exchange: Exchange) -> tuple[str, ...]:
    """Return the names of members in a JSON answer that hold something personal."""
    found = {name for name, value in leaves(json_of(exchange.body)) if value and is_personal(name)}
    return tuple(sorted(found))


def is_personal(name: str) -> bool:
    """Whether a member of this name holds what people do not show to each other."""
    return PERSONAL.search(_CAMEL.sub("_", name).replace("-", "_")) is not None
