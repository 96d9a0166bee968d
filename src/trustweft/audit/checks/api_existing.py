"""Writing to objects that are there already: another user's, and members of one's own that the server decides.

Nothing has to be made for it, so an API whose objects come from elsewhere is tried as well. What is written is what was
just read; what is changed to see whether it can be is put back.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.delicate import spelt
from trustweft.audit.existing import (
    CHANGING,
    WRITING,
    need_description,
    open_ended,
    order_below,
    read_only,
    reading_of,
    settable,
    tries,
    with_body,
    writes_below,
    written_back,
)
from trustweft.audit.harvest import json_of
from trustweft.audit.invented import invented
from trustweft.audit.ownership import foreign_objects, need_other_works, pair
from trustweft.audit.sacrifice import fresh_keys
from trustweft.audit.verdict import Role, Safety, Severity, Verdict
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.ownership import Pair
    from trustweft.audit.trial import Kind, Trial

MANY: Final = 12  # operations
MEMBERS: Final = 8  # of one object
FARTHER: Final = 7_001  # a counter that the server moves by itself never comes so far
_NOT_THERE: Final = 404
_NOT_THEIRS: Final = (401, 403, _NOT_THERE)
_NOTHING: Final = (*_NOT_THEIRS, 410)
# With these the object would be somebody else's, or another object, or would be gone: nobody could put them back.
_LEFT_ALONE: Final = re.compile(
    r"(?:^|_)(?:(?:id|ids|uuid|guid|key|slug|owner\w*|users?|username|customer|tenant|subject|sub|member|holder"
    r"|created\w*)(?:$|_)|(?:in)?activ|archiv|ban(?:$|ned|_)|block|cancel|clos|deactiv|delet|destroy|disab|discard"
    r"|draft|enab|end(?:$|s|ed|_)|expir|freez|froz|hid|life_?cycle|lock|open|paus|phase|publi|purg|remov|retir|revo"
    r"|stage|state|status|stop|suspen|terminat|trash|valid|visib|void|withdr)",
    re.IGNORECASE,
)
# What no application leaves to its users, whoever forgot to describe it.
_SERVERS: Final = re.compile(
    r"^(?:(?:is|has)_)?(?:roles?|admin(?:istrator)?|super_?user|staff|permissions?|privileges?|(?:\w+_)?verified|approved"
    r"|paid|(?:\w+_)?balance|(?:\w+_)?credits?)$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Found:
    """What attempts came to.

    Attributes:
        sentences: about one operation each, with what it means.
        left: what could not be put back.
    """

    sentences: list[tuple[Verdict, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict, sentence: str) -> None:
        """Add what an operation came to."""
        self.sentences.append((verdict, sentence))

    def outcome(self, *, failure: str, doubt: str, success: str) -> Outcome:
        """Fail where something went through, and pass only where everything was refused."""
        left = f" Not put back: {', '.join(self.left)}." if self.left else ""
        if through := self._said(Verdict.FAIL):
            return failed(f"{failure} Accepted: {through}.{left}")
        if doubtful := self._said(Verdict.SUSPECTED):
            return suspected(f"{doubt} Seen: {doubtful}.{left}")
        if untold := self._said(Verdict.INCONCLUSIVE):
            raise Inconclusive(
                f"no answer tells whether this is refused: {untold}{'.' if left else ''}{left}"
            )
        return passed(f"{success} ({self._said(Verdict.PASS)})")

    def _said(self, verdict: Verdict) -> str:
        return ", ".join(sentence for each, sentence in self.sentences if each is verdict)


def _send(trial: Trial, request: Request, access: Access) -> Exchange:
    deployment = trial.deployment
    return deployment.send_call(deployment.using(fresh_keys(trial, request), access), access)


def _need_writing(trial: Trial) -> None:
    _need(
        trial,
        WRITING,
        "nothing is described that changes an object, or orders something below it",
    )


def _need_changing(trial: Trial) -> None:
    _need(trial, CHANGING, "nothing is described that changes an object")


def _need(trial: Trial, methods: Sequence[str], reason: str) -> None:
    deployment = trial.deployment
    if not tries(deployment.templates, methods):
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

    The objects are those that a list told the first user and did not tell the second, and that the second may not read.
    PUT and PATCH send what was just read, so nothing changes: first as the owner (control), then as the second user.
    POST below an object is sent empty; only where that is not refused it is sent whole, as the second user. It fails
    where the second user is answered as the owner is, or a reading by the owner moves as after the owner's own writing,
    and an identifier that nothing has is refused. An answer without a word is a suspicion: it may have changed nothing.
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
    need_other_works(trial, found)
    results = _Found()
    for operation in list(objects.values())[:MANY]:
        attempt = _ordered if operation.method == "POST" else _changed
        results.add(attempt(trial, found, operation), operation.name)
    return results.outcome(
        failure="The second user wrote to an object of the first.",
        doubt="The second user was not refused, and no answer shows whether anything was written.",
        success="The second user was refused every object of the first",
    )


def _changed(trial: Trial, found: Pair, operation: Operation) -> Verdict:
    """Say whether the second user may write back what the first just read."""
    reading = reading_of(operation, found.owned.operations)
    if reading is None or not _closed(trial, found, reading):
        return Verdict.INCONCLUSIVE
    first = _read(trial, found, reading)
    body = written_back(operation, first)
    return Verdict.INCONCLUSIVE if body is None else _written(trial, found, operation, reading, first, body)


def _written(
    trial: Trial, found: Pair, operation: Operation, reading: Operation, first: Any, body: dict[str, Any]
) -> Verdict:
    """Write it back as the owner and as the second user, and say what the second was told."""
    request = with_body(operation, body)
    control = _send(trial, request, found.owner)
    trial.keep("control", f"{operation.name} as it was, by its owner", control)
    if not control.ok:
        return Verdict.INCONCLUSIVE
    written, before = _read(trial, found, reading), _read(trial, found, reading)
    attack = trial.attack(f"{operation.name} as it was, by another user", _send(trial, request, found.other))
    if not attack.ok:
        return Verdict.PASS if attack.status in _NOT_THEIRS else Verdict.INCONCLUSIVE
    after = _read(trial, found, reading)
    return _answered(
        attack,
        alike=served(attack, control),
        moved=_moved_by_writing(first, written, before, after),
        nothing_refused=_refuses_nothing(trial, operation, request, found.other),
    )


def _answered(attack: Exchange, *, alike: bool, moved: bool, nothing_refused: bool) -> Verdict:
    """Say what a status of 2xx means: without a word it may also stand for a change of nothing."""
    if not nothing_refused or not (alike or moved):
        return Verdict.INCONCLUSIVE
    return Verdict.FAIL if attack.body or moved else Verdict.SUSPECTED


def _read(trial: Trial, found: Pair, reading: Operation) -> Any:
    answer = _send(trial, reading.request(), found.owner)
    return json_of(trial.observe(f"{reading.name}, by its owner", answer).body) if answer.ok else None


def _moved_by_writing(first: Any, written: Any, before: Any, after: Any) -> bool:
    """Whether the attack moved what the owner's own writing moved, and what a reading alone does not."""
    states = (first, written, before, after)
    if not all(isinstance(each, dict) for each in states):
        return False
    return any(first.get(name) != written.get(name) == before.get(name) != after.get(name) for name in before)


def _refuses_nothing(trial: Trial, operation: Operation, request: Request, access: Access) -> bool:
    """Whether an identifier that nothing has is refused: otherwise a status of 2xx says nothing."""
    nothing = replace(request, url=invented(operation))
    label = f"{operation.name}, for an identifier that nothing has"
    return trial.observe(label, _send(trial, nothing, access)).status in _NOTHING


def _ordered(trial: Trial, found: Pair, operation: Operation) -> Verdict:
    """Say whether the second user may order something below the first's object.

    An empty order shows it where whose the object is comes first. Otherwise a whole one is needed, and where that is
    refused, the owner's as control: it may be the order that was refused, and not who ordered.
    """
    order = order_below(operation)
    parent = _parent(operation, found)
    if order is None or parent is None or not _closed(trial, found, parent):
        return Verdict.INCONCLUSIVE
    empty = with_body(operation, {})
    attack = trial.attack(f"{operation.name}, empty, by another user", _send(trial, empty, found.other))
    if attack.status in _NOT_THEIRS:
        own = trial.observe(f"{operation.name}, empty, by its owner", _send(trial, empty, found.owner))
        if own.status not in _NOT_THEIRS and not own.broke:
            return Verdict.PASS
    whole = with_body(operation, order)
    attack = trial.attack(f"{operation.name}, by another user", _send(trial, whole, found.other))
    if attack.ok:
        nothing_refused = _refuses_nothing(trial, operation, whole, found.other)
        return _answered(attack, alike=True, moved=False, nothing_refused=nothing_refused)
    if attack.status not in _NOT_THEIRS:
        return Verdict.INCONCLUSIVE
    control = trial.keep("control", f"{operation.name}, by its owner", _send(trial, whole, found.owner))
    return Verdict.PASS if control.ok else Verdict.INCONCLUSIVE


def _closed(trial: Trial, found: Pair, reading: Operation) -> bool:
    """Whether the second user may not read it: what all may read, all may change or order below.

    Of what is the caller's own below a thing that all share, such as a rating, 404 says only that there is none yet.
    """
    answer = trial.observe(f"{reading.name}, by another user", _send(trial, reading.request(), found.other))
    if answer.status != _NOT_THERE:
        return answer.status in _NOT_THEIRS
    parent = _parent(reading, found)
    return reading.name.endswith("}") if parent is None else _closed(trial, found, parent)


def _parent(operation: Operation, found: Pair) -> Operation | None:
    """Return what reads the object that another is below."""
    path = operation.url.partition("?")[0]
    above = {
        prefix: each
        for each in found.owned.operations
        if each.method == "GET"
        and each.places
        and path.startswith(f"{(prefix := each.url.partition('?')[0])}/")
    }
    return above[max(above, key=len)] if above else None


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
    and the description does not let a caller set. It fails where a separate reading shows that value, and the member is
    described as read-only or is money or a right; any other may just be missing in the description, and is a suspicion.
    Where a description lets a caller send more than it names, only read-only members are tried. Whatever moved is put
    back, and with the object that it moved in no more is tried. Members that say whose or which the object is, or
    may hide or end it, are left alone: they could not be put back.
    """
    results = _Found()
    left_alone: set[str] = set()
    for operation in _own(trial.deployment.operations):
        reading = reading_of(operation, trial.deployment.operations)
        if reading is None:
            results.add(Verdict.INCONCLUSIVE, operation.name)
        elif operation.url not in left_alone:
            attempt = _Attempt(trial, operation, reading)
            results.add(*attempt.outcome())
            if attempt.moved:
                left_alone.add(operation.url)
            results.left += attempt.left
    if not results.sentences:
        raise Inconclusive("no object of the first user is known that could be changed")
    if all(verdict is Verdict.NOT_APPLICABLE for verdict, _ in results.sentences):
        raise Inconclusive(
            "no object of the first user shows a member that no caller may set and that could be put back"
        )
    return results.outcome(
        failure="What only the server decides was set by a caller, as a separate reading shows.",
        doubt="A caller changed what the description does not let a caller set, as a separate reading shows; whether "
        "only the server decides it, nobody says.",
        success="Of what was tried, no member that only the server decides was taken",
    )


def _own(operations: Iterable[Operation]) -> list[Operation]:
    return [each for each in operations if each.method in CHANGING and each.places and not each.public][:MANY]


@dataclass(slots=True)
class _Attempt:
    """One object of the first user's own, written with members that its owner may not set.

    Attributes:
        moved: something happened to the object: it is left alone from then on.
        left: what could not be put back; the one who is responsible must hear of it.
    """

    trial: Trial
    operation: Operation
    reading: Operation
    moved: bool = False
    left: list[str] = field(default_factory=list)

    def outcome(self) -> tuple[Verdict, str]:
        """Send members one by one, until one moves or the object cannot be read any more."""
        name = self.operation.name
        first = self._read("as it is")
        body = written_back(self.operation, first)
        if first is None or body is None or not self._write("control", f"{name} as it was", body).ok:
            return Verdict.INCONCLUSIVE, name
        before = self._read("after that")
        if before is None:
            return Verdict.INCONCLUSIVE, name
        # What a writing moves by itself, such as the time of the last one, would move after an attack as well.
        still = {member: value for member, value in before.items() if first.get(member) == value}
        wishes = list(self._wishes(still))
        for member, value in wishes:
            # Whoever cuts the connection may have taken it all the same: that is read, and put back, as ever.
            with suppress(Unreachable):
                self._write("attack", f"{name} with {member}", {**body, member: value})
            after = self._read("read again")
            if after is None or after.get(member) != before[member]:
                self._put_back({**body, member: before[member]}, member)
                return self._verdict(member, value, after)
        return Verdict.PASS if wishes else Verdict.NOT_APPLICABLE, name

    def _wishes(self, before: dict[str, Any]) -> Iterator[tuple[str, object]]:
        """Yield members that answers show and no caller may set, each with another value of its kind."""
        template = self.operation.template
        known, open_for_more = settable(template), template is None or open_ended(template)
        closed = [
            name
            for name in before
            if name not in known
            and not _LEFT_ALONE.search(spelt(name))
            and (not open_for_more or name in self._read_only())
        ]
        closed.sort(key=lambda name: not self._is_the_servers(name))
        for name in closed[:MEMBERS]:
            value = before[name]
            if isinstance(value, bool):
                yield name, not value
            elif isinstance(value, int | float):
                yield name, value + FARTHER
            elif isinstance(value, str):
                yield name, "trustweft-set-this"

    def _is_the_servers(self, member: str) -> bool:
        """Whether only the server decides it: the description says so, or it is money or a right."""
        return member in self._read_only() or _SERVERS.search(spelt(member)) is not None

    def _read_only(self) -> frozenset[str]:
        return read_only(self.operation, self.reading)

    def _verdict(self, member: str, sent: object, after: dict[str, Any] | None) -> tuple[Verdict, str]:
        name = self.operation.name
        if after is None:
            return Verdict.INCONCLUSIVE, f"{name}, whose object could not be read after {member} was sent"
        if _is_of(after.get(member), sent):
            verdict = Verdict.FAIL if self._is_the_servers(member) else Verdict.SUSPECTED
            return verdict, f"{name} took {member}"
        return Verdict.SUSPECTED, f"{name} changed {member}, to something else than was sent"

    def _put_back(self, body: dict[str, Any], member: str) -> None:
        self.moved = True
        with suppress(Unreachable):
            self._write("observation", f"{member} is put back", body)
        after = self._read("read after that")
        if after is None or after.get(member) != body[member]:
            self.left.append(f"{member} of {self.operation.name}")

    def _write(self, kind: Kind, label: str, body: dict[str, Any]) -> Exchange:
        access = self.trial.deployment.access()
        return self.trial.keep(kind, label, _send(self.trial, with_body(self.operation, body), access))

    def _read(self, label: str) -> dict[str, Any] | None:
        access = self.trial.deployment.access()
        try:
            answer = _send(self.trial, self.reading.request(), access)
        except Unreachable:
            return None
        self.trial.observe(f"{self.reading.name}, {label}", answer)
        document = json_of(answer.body) if answer.ok else None
        return document if isinstance(document, dict) else None


def _is_of(shown: object, sent: object) -> bool:
    """Whether it is what was sent; a column that is too short for it keeps its beginning."""
    cut = isinstance(shown, str) and isinstance(sent, str) and len(shown) > 1 and sent.startswith(shown)
    return cut or shown == sent
