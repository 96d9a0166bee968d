"""Members that only the server decides: objects of the run's own, made and changed with more than the caller may set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.existing import CHANGING, settable
from trustweft.audit.harvest import json_of, leaves
from trustweft.audit.sacrifice import changeable, create, own_body
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.audit.check import Outcome
    from trustweft.audit.sacrifice import Made, Sacrifice
    from trustweft.audit.trial import Trial

_WISHES: Final[tuple[tuple[str, object], ...]] = (
    ("role", "admin"),
    ("roles", ["admin"]),
    ("is_admin", True),
    ("isAdmin", True),
    ("admin", True),
    ("is_superuser", True),
    ("verified", True),
    ("status", "approved"),
    ("balance", 1_000_000),
    ("credit", 1_000_000),
    ("owner", "trustweft-somebody"),
    ("owner_id", "trustweft-somebody"),
    ("user_id", "trustweft-somebody"),
)


def _places(trial: Trial) -> list[Sacrifice]:
    return changeable(trial, "API3-02-existing", CHANGING)


def _changing(trial: Trial) -> list[Sacrifice]:
    places = [each for each in _places(trial) if each.items.keys() & {"PATCH", "PUT"}]
    trial.need(places, "no object can be made here that could be changed")
    return places


@check(
    "API3-02",
    title="A user cannot set what only the server decides",
    sends="objects of its own with members that are read-only, undescribed or wished for, and reads them again",
    fix="Take the members that the operation describes, one by one, and refuse others.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-915",
    owasp="API3:2023",
    gives=("rights-widened",),
    needs=_places,
)
def server_members_cannot_be_set(trial: Trial) -> Outcome:
    """A framework that fills objects from requests fills ``role`` and ``owner`` as well, if they are sent.

    The check makes an object of its own as it should be, then with members that others are fond of, and then with each
    member that it saw in the answer. It fails where a separate reading shows a member with the value that was sent; an
    echo in the answer to the writing counts for nothing. Where the members together are refused, each is tried alone.
    """
    tried = 0
    for place in _places(trial):
        plain = create(trial, place, {})
        if plain is None or plain.read is None:
            continue
        tried += 1
        before = json_of(plain.read.body)
        for wishes in _rounds(before, settable(place.creating.template)):
            for attempt, made in _made_with(trial, place, wishes):
                taken = _taken(before, made, attempt)
                if taken:
                    return failed(
                        f"{place.name} set {taken} to what the caller sent, as a separate reading shows."
                    )
                if len(attempt) == 1 and _is_lost(trial, made):
                    return failed(
                        f"{place.name} took {', '.join(attempt)}: whoever makes an object with it cannot read it."
                    )
    if not tried:
        raise Inconclusive("no object could be made and read again")
    return passed(f"{tried} operations took no member that only the server decides.")


def _made_with(
    trial: Trial, place: Sacrifice, wishes: Mapping[str, object]
) -> Iterator[tuple[Mapping[str, object], Made]]:
    """Yield what was made with these members; with each alone where together they are refused."""
    together = create(trial, place, wishes)
    if together is not None:
        yield wishes, together
    if len(wishes) == 1 or (together is not None and together.read is not None):
        return
    for name, value in wishes.items():
        alone = create(trial, place, {name: value})
        if alone is not None:
            yield {name: value}, alone


@check(
    "API3-02-update",
    title="A user cannot change what only the server decides",
    sends="changes of an object of its own, with members that are read-only, undescribed or wished for, and reads it again",
    fix="Take the members that the operation describes, one by one, and refuse others.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.WRITES,
    cwe="CWE-915",
    owasp="API3:2023",
    gives=("rights-widened",),
    needs=_changing,
)
def server_members_cannot_be_changed(trial: Trial) -> Outcome:
    """What creation refuses, the change of an object often lets through: two ways into the same row.

    For each member a fresh object is made and changed with PATCH, or PUT, by its owner. It fails where a separate
    reading shows the value that was sent, or that the object is its owner's no longer.
    """
    tried = 0
    for place in _changing(trial):
        method = "PATCH" if "PATCH" in place.items else "PUT"
        plain = create(trial, place, {})
        if plain is None or plain.read is None:
            continue
        tried += 1
        before = json_of(plain.read.body)
        known = settable(place.creating.template) | settable(place.items[method])
        for name, value in [pair for wishes in _rounds(before, known) for pair in wishes.items()]:
            taken = _changed(trial, place, method, before, name, value)
            if taken:
                return failed(
                    f"{method} of {place.name.partition(' ')[2]} took {name} from the caller: {taken}."
                )
    if not tried:
        raise Inconclusive("no object could be made and read again")
    return passed(f"{tried} operations changed no member that only the server decides.")


def _changed(trial: Trial, place: Sacrifice, method: str, before: Any, name: str, value: object) -> str:
    """Say how a member was taken; empty where it was not."""
    deployment = trial.deployment
    made = create(trial, place, {})
    operation = place.items[method].fill(made.values) if made is not None else None
    if made is None or made.read is None or operation is None:
        return ""
    body = {**(own_body(trial, place) if method == "PUT" else {}), name: value}
    access = deployment.access()
    request = replace(operation.request(), body=msgspec.json.encode(body))
    request = request.with_header("content-type", "application/json")
    answer = trial.attack(
        f"{operation.name} with {name}", deployment.send_call(deployment.using(request, access), access)
    )
    if not answer.ok:
        return ""
    after = trial.observe(f"{operation.name}, read by its owner", made.read_again(trial))
    if not after.ok:
        return "the object is not its owner's any more" if after.refused else ""
    seen = _has(json_of(after.body), name, value) and not _has(before, name, value)
    return "a separate reading shows the value that was sent" if seen else ""


def _is_lost(trial: Trial, made: Made) -> bool:
    """Tell whether what was just made cannot be read by who made it."""
    return made.read is None and made.reading is not None and made.read_again(trial).refused


def _rounds(before: Any, known: frozenset[str]) -> Iterator[dict[str, object]]:
    """Yield members to send together: those that others are fond of, then one by one those that answers show."""
    yield {name: value for name, value in _WISHES if name not in known}
    for name, value in before.items() if isinstance(before, dict) else ():
        if name in known or name.lower() in ("id", "_id", "uuid"):
            continue
        if isinstance(value, bool):
            yield {name: not value}
        elif isinstance(value, int | float):
            yield {name: 777_001}
        elif isinstance(value, str):
            yield {name: "trustweft-set-this"}


def _taken(before: Any, made: Made, wishes: Mapping[str, object]) -> str:
    after = json_of(made.read.body) if made.read is not None else None
    return ", ".join(
        name for name, value in wishes.items() if _has(after, name, value) and not _has(before, name, value)
    )


def _has(document: Any, name: str, value: object) -> bool:
    wanted = {str(each) for each in value} if isinstance(value, list) else {str(value)}
    return any(member == name and told in wanted for member, told in leaves(document))
