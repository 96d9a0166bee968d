"""Writing to objects that are there already: another user's, and members of one's own that the server decides.

Nothing has to be made for it, so an API whose objects come from elsewhere is tried as well. What is written is what was
just read; what is changed to see whether it can be is put back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.existing import (
    CHANGING,
    need_description,
    order_below,
    reading_of,
    settable,
    with_body,
    writes_below,
    written_back,
)
from trustweft.audit.harvest import json_of
from trustweft.audit.ownership import foreign_objects, pair
from trustweft.audit.protected import harmless
from trustweft.audit.sacrifice import fresh_keys
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.ownership import Pair
    from trustweft.audit.trial import Trial

MANY: Final = 12  # operations
MEMBERS: Final = 8  # of one object
FARTHER: Final = 7_001  # a counter that the server moves by itself never comes so far
_NOT_THEIRS: Final = (401, 403, 404)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# With these the object would be somebody else's, or another object: nobody could put them back.
_IDENTITY: Final = re.compile(
    r"(?:^|_)(?:id|ids|uuid|guid|key|slug|owner\w*|users?|username|customer|tenant|subject|sub|member|holder|created\w*)(?:$|_)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Found:
    """What attempts came to: sentences by what they say."""

    through: list[str]
    refused: list[str]
    untold: list[str]

    def outcome(self, *, failure: str, success: str) -> Outcome:
        """Fail where something went through, and pass only where everything was refused."""
        if self.through:
            return failed(f"{failure} Accepted: {', '.join(self.through)}.")
        if self.untold:
            raise Inconclusive(f"no answer tells whether this is refused: {', '.join(self.untold)}")
        return passed(f"{success} ({', '.join(self.refused)})")


def _send(trial: Trial, request: Request, access: Access) -> Exchange:
    deployment = trial.deployment
    return deployment.send_call(deployment.using(fresh_keys(trial, request), access), access)


def _need_writing(trial: Trial) -> None:
    _need(
        trial,
        (*CHANGING, "POST"),
        "nothing is described that changes an object, or orders something below it",
    )


def _need_changing(trial: Trial) -> None:
    _need(trial, CHANGING, "nothing is described that changes an object")


def _need(trial: Trial, methods: Sequence[str], reason: str) -> None:
    deployment = trial.deployment
    if not any(writes_below(each) and each.method in methods for each in deployment.templates):
        need_description(deployment.operations)
        raise NotApplicable(reason)


@check(
    "API1-02-existing",
    title="One user's token does not write to objects that another user has",
    sends="what was just read of the first user's objects, written back as the second user; orders below them, whole",
    fix="Look every object up together with its owner, also where it is changed and where something is ordered below it.",
    requirements=("RFC9700-2.3-p3.2",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    safety=Safety.STATE,
    cwe="CWE-639",
    owasp="API1:2023",
    gives=("foreign-data",),
    alone=True,
    needs=_need_writing,
)
def objects_there_are_written_by_their_owner(trial: Trial) -> Outcome:
    """Accounts and contracts are often made elsewhere, and the API only changes them: API1-02 can make none to try with.

    The objects are those that a list told the first user and did not tell the second. PUT and PATCH send what was just
    read, so nothing changes: first as the owner (control), then as the second user. POST below an object that the second
    user may not read is sent empty; only where that is not refused it is sent whole, as the second user. It fails where
    the second user is answered as the owner is, and an identifier that nothing has is refused.
    """
    found = pair(trial)
    objects = {
        each.operation.name: each.operation
        for each in reversed(foreign_objects(trial, found, safe=False))
        if each.known_by == "list"
        and each.operation.template is not None
        and writes_below(each.operation.template)
    }
    if not objects:
        raise Inconclusive(
            "no object that can be written is known that a list told one user and not the other"
        )
    results = _Found([], [], [])
    for operation in list(objects.values())[:MANY]:
        told = (
            _ordered(trial, found, operation)
            if operation.method == "POST"
            else _changed(trial, found, operation)
        )
        {True: results.through, False: results.refused, None: results.untold}[told].append(operation.name)
    return results.outcome(
        failure="The second user wrote to an object of the first.",
        success="The second user was refused every object of the first",
    )


def _changed(trial: Trial, found: Pair, operation: Operation) -> bool | None:
    """Tell whether the second user may write back what the first just read; None where no answer tells."""
    reading = reading_of(operation, found.owned.operations)
    if reading is None:
        return None
    read = trial.observe(f"{reading.name}, by its owner", _send(trial, reading.request(), found.owner))
    body = written_back(operation, json_of(read.body)) if read.ok else None
    if body is None:
        return None
    request = with_body(operation, body)
    control = _send(trial, request, found.owner)
    trial.keep("control", f"{operation.name} as it was, by its owner", control)
    if not control.ok:
        return None
    attack = trial.attack(f"{operation.name} as it was, by another user", _send(trial, request, found.other))
    if not attack.ok:
        return False if attack.status in _NOT_THEIRS else None
    trial.observe(f"{reading.name}, read by its owner again", _send(trial, reading.request(), found.owner))
    return (
        True if served(attack, control) and _refuses_nothing(trial, operation, request, found.other) else None
    )


def _refuses_nothing(trial: Trial, operation: Operation, request: Request, access: Access) -> bool:
    """Whether an identifier that nothing has is refused: otherwise a status of 2xx says nothing."""
    nothing = replace(request, url=harmless(operation).url)
    label = f"{operation.name}, for an identifier that nothing has"
    return not trial.observe(label, _send(trial, nothing, access)).ok


def _ordered(trial: Trial, found: Pair, operation: Operation) -> bool | None:
    """Tell whether the second user may order something below the first's object; None where no answer tells.

    An empty order shows it where whose the object is comes first. Otherwise a whole one is needed, and where that is
    refused, the owner's as control: it may be the order that was refused, and not who ordered.
    """
    order = order_below(operation)
    if order is None or not _closed(trial, found, operation):
        return None
    empty = with_body(operation, {})
    attack = trial.attack(f"{operation.name}, empty, by another user", _send(trial, empty, found.other))
    if attack.status in _NOT_THEIRS:
        own = trial.observe(f"{operation.name}, empty, by its owner", _send(trial, empty, found.owner))
        if own.status not in _NOT_THEIRS and not own.broke:
            return False
    whole = with_body(operation, order)
    attack = trial.attack(f"{operation.name}, by another user", _send(trial, whole, found.other))
    if attack.ok:
        return True if _refuses_nothing(trial, operation, whole, found.other) else None
    if attack.status not in _NOT_THEIRS:
        return None
    control = trial.keep("control", f"{operation.name}, by its owner", _send(trial, whole, found.owner))
    return False if control.ok else None


def _closed(trial: Trial, found: Pair, operation: Operation) -> bool:
    """Whether the second user may not read what the order is for: below what all may read, all may order."""
    parents = [
        each
        for each in found.owned.operations
        if each.method == "GET"
        and each.places == operation.places
        and operation.url.startswith(f"{each.url}/")
    ]
    answers = [
        trial.observe(f"{each.name}, by another user", _send(trial, each.request(), found.other))
        for each in parents[:1]
    ]
    return bool(answers) and answers[0].status in _NOT_THEIRS


@check(
    "API3-02-existing",
    title="A user cannot change what only the server decides of an object that is there",
    sends="the first user's own objects as they were just read, with members that are read-only or not described "
    "changed one by one; reads them again, and puts back what was taken",
    fix="Take the members that the operation describes, one by one, and refuse others.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    safety=Safety.STATE,
    cwe="CWE-915",
    owasp="API3:2023",
    gives=("rights-widened",),
    alone=True,
    needs=_need_changing,
)
def server_members_there_cannot_be_changed(trial: Trial) -> Outcome:
    """A framework that fills an account from a request fills its balance as well, if it is sent.

    The owner writes the object back as it was read (control), then with another value for one member that answers show
    and the description does not let a caller set. It fails where a separate reading shows that value. Members that say
    whose or which the object is are left alone: they could not be put back.
    """
    results = _Found([], [], [])
    for operation in _own(trial.deployment.operations):
        reading = reading_of(operation, trial.deployment.operations)
        taken = _taken(trial, operation, reading) if reading is not None else None
        if taken is None:
            results.untold.append(operation.name)
        elif taken:
            results.through.append(f"{operation.name} took {taken}")
        else:
            results.refused.append(operation.name)
    if not (results.through or results.refused or results.untold):
        raise Inconclusive("no object of the first user is known that could be changed")
    return results.outcome(
        failure="What only the server decides was set by a caller, as a separate reading shows.",
        success="No member that only the server decides was taken",
    )


def _own(operations: Iterable[Operation]) -> list[Operation]:
    return [each for each in operations if each.method in CHANGING and each.places and not each.public][:MANY]


def _taken(trial: Trial, operation: Operation, reading: Operation) -> str | None:
    """Return the member that was taken, empty where none was; None where the object cannot be written back at all."""
    access = trial.deployment.access()
    first = trial.observe(f"{reading.name}, as it is", _send(trial, reading.request(), access))
    body = written_back(operation, json_of(first.body)) if first.ok else None
    if body is None:
        return None
    control = trial.keep(
        "control", f"{operation.name} as it was", _send(trial, with_body(operation, body), access)
    )
    # What a writing moves by itself, such as the time of the last one, has moved before it is compared.
    before = json_of(_send(trial, reading.request(), access).body) if control.ok else None
    if not isinstance(before, dict):
        return None
    for name, value in _wishes(before, settable(operation.template)):
        if _takes(trial, operation, reading, {**body, name: value}, name):
            back = _put_back(trial, operation, reading, {**body, name: before[name]}, name)
            return name if back else f"{name}, which could not be put back"
    return ""


def _takes(trial: Trial, operation: Operation, reading: Operation, body: dict[str, Any], name: str) -> bool:
    access = trial.deployment.access()
    trial.attack(f"{operation.name} with {name}", _send(trial, with_body(operation, body), access))
    return _shows(trial, reading, body, name)


def _put_back(
    trial: Trial, operation: Operation, reading: Operation, body: dict[str, Any], name: str
) -> bool:
    access = trial.deployment.access()
    trial.observe(f"{name} is put back", _send(trial, with_body(operation, body), access))
    return _shows(trial, reading, body, name)


def _shows(trial: Trial, reading: Operation, body: dict[str, Any], name: str) -> bool:
    access = trial.deployment.access()
    read = trial.observe(f"{reading.name}, read again", _send(trial, reading.request(), access))
    document = json_of(read.body) if read.ok else None
    return isinstance(document, dict) and document.get(name) == body[name]


def _wishes(before: dict[str, Any], known: frozenset[str]) -> Iterator[tuple[str, object]]:
    """Yield members that answers show and no caller may set, each with another value of its kind."""
    closed = [
        (name, value)
        for name, value in before.items()
        if name not in known and not _IDENTITY.search(_CAMEL.sub("_", name))
    ]
    for name, value in closed[:MEMBERS]:
        if isinstance(value, bool):
            yield name, not value
        elif isinstance(value, int | float):
            yield name, value + FARTHER
        elif isinstance(value, str):
            yield name, "trustweft-set-this"
