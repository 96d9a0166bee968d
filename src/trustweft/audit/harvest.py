"""Identifiers of a user's own objects, learnt from what the API answers to that user: lists first, then what they lead to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.check import Inconclusive, NotApplicable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.openapi import Template

__all__ = ["Answer", "Harvest", "harvest", "identifier_of", "json_of", "leaves", "names_user", "records_of"]

MAXIMUM_CALLS: Final = 60  # for one user
MAXIMUM_VALUES: Final = 3  # of one place
ROUNDS: Final = 4  # lists, what they lead to, and so on
MAXIMUM_DEPTH: Final = 6
MAXIMUM_RECORDS: Final = 200
_USUAL: Final = (
    "id",
    "uuid",
    "guid",
    "uid",
    "key",
    "slug",
    "reference",
    "code",
    "number",
    "username",
    "name",
)
_SELVES: Final = frozenset({"me", "self", "profile", "whoami", "userinfo", "dashboard"})
_PEOPLE: Final = frozenset({"user", "customer", "member", "account", "profile", "owner", "person", "patient"})
_NOUN: Final = re.compile(r"(.+?)[_-]?(?:id|uuid|guid|key|no|number|name|title|slug|vin)$", re.IGNORECASE)


@dataclass(slots=True)
class Harvest:
    """What one user's answers told.

    Attributes:
        names: by which the user is known.
        operations: with real values of this user in their places; several of one template where several are known.
        answers: of all operations that could be asked.
    """

    names: tuple[str, ...] = ()
    operations: list[Operation] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def of(self, name: str) -> tuple[Operation, ...]:
        """Return the operations that were made of one template."""
        return tuple(each for each in self.operations if each.name == name)

    def lists(self, value: str) -> bool:
        """Whether an answer told this value without having been asked for it."""
        return any(
            value in each.values for each in self.answers if value not in each.operation.url.split("/")
        )

    @property
    def values(self) -> frozenset[str]:
        """Everything plain in all answers."""
        return frozenset().union(*(each.values for each in self.answers))


@dataclass(frozen=True, slots=True)
class Answer:
    """What one operation answered."""

    operation: Operation
    document: Any
    values: frozenset[str]

    @property
    def path(self) -> str:
        """The path with its places in braces."""
        return self.operation.name.partition(" ")[2]

    @property
    def places(self) -> Mapping[str, str]:
        """What stood in them."""
        return dict(self.operation.places)


def harvest(
    deployment: Deployment,
    templates: Sequence[Template],
    access: Access | None,
    *,
    names: Sequence[str] = (),
    given: bool = True,
) -> Harvest:
    """Return what the templates become with this user's values.

    Args:
        deployment: whose API is asked.
        templates: of all its APIs.
        access: the user's token; without one only what is public is asked.
        names: by which the user is known: a username, a subject.
        given: whether the values of target file and document are this user's as well.
    """
    found = Harvest(names=tuple(names))
    asked: set[str] = set()
    for _ in range(ROUNDS):
        before = len(asked)
        for template in templates:
            if template.method != "GET":
                continue
            for values in _values(template, found, given=given)[:MAXIMUM_VALUES]:
                operation = template.fill(values)
                if operation is None or operation.url in asked or len(asked) >= MAXIMUM_CALLS:
                    continue
                asked.add(operation.url)
                document = _ask(deployment, operation, access)
                if document is not None:
                    values_told = frozenset(value for _, value in leaves(document))
                    found.answers.append(Answer(operation, document, values_told))
        if len(asked) == before:
            break
    for template in templates:
        made = [template.fill(values) for values in _values(template, found, given=given)[:MAXIMUM_VALUES]]
        found.operations += [each for each in made if each is not None]
    return found


def _ask(deployment: Deployment, operation: Operation, access: Access | None) -> Any:
    try:
        if access is None or operation.public:
            exchange = deployment.wire.send(operation.request())
        else:
            exchange = deployment.send_call(deployment.calling(operation, access), access)
    except (Inconclusive, NotApplicable):
        return None
    document = json_of(exchange.body) if exchange.ok else None
    # A description of an API has names and examples in it, and nobody's objects.
    if isinstance(document, dict) and "paths" in document and {"openapi", "swagger"} & set(document):
        return None
    return document


def leaves(document: Any, *, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and value of everything plain in a JSON document; values of a list have the list's name."""
    if isinstance(document, dict):
        for member, value in document.items():
            yield from leaves(value, name=str(member))
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, name=name)
    elif document is not None:
        yield name, str(document)


def json_of(octets: bytes) -> Any:
    """Return JSON as data, None where it is none."""
    try:
        return msgspec.json.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _values(template: Template, found: Harvest, *, given: bool) -> list[dict[str, str]]:
    """Return values for all places of a template, those of one object together; one empty set where it has none."""
    sets: list[dict[str, str]] = [{}]
    for place in template.places:
        longer = []
        for chosen in sets:
            longer += [
                {**chosen, place: value} for value in _candidates(template, place, chosen, found, given=given)
            ]
        sets = longer[: MAXIMUM_VALUES * 2]
    return sets


def _candidates(
    template: Template,
    place: str,
    chosen: Mapping[str, str],
    found: Harvest,
    *,
    given: bool,
) -> list[str]:
    prefix, _, _ = template.path.partition("{" + place + "}")
    collection = prefix.rstrip("/")
    noun = _noun(place, collection)
    records = [
        record
        for answer in found.answers
        if answer.path.rstrip("/") == collection and _agrees(answer.places, chosen)
        for record in records_of(answer.document)
    ]
    # A list may hold everybody's objects: those that name this user come first.
    records.sort(key=lambda record: not names_user(record, found.names))
    listed = [
        value for record in records if (value := _identifier(record, place, noun, usual=True)) is not None
    ]
    elsewhere = [
        value
        for answer in found.answers
        if _agrees(answer.places, chosen)
        for record in records_of(answer.document)
        if (value := _identifier(record, place, noun, usual=_is_self(answer, noun))) is not None
    ]
    named = (
        list(found.names)
        if noun in _PEOPLE and place.lower().endswith(("name", "user", "login", "email"))
        else []
    )
    written = template.given(place) if given else None
    # The target file's values come first for the one whose they are: somebody chose them.
    first = [written] if written is not None and place in template.api.parameters else []
    last = [written] if written is not None else []
    return list(dict.fromkeys([*first, *listed, *elsewhere, *named, *last]))


def _agrees(places: Mapping[str, str], chosen: Mapping[str, str]) -> bool:
    return all(chosen.get(name, value) == value for name, value in places.items())


def _is_self(answer: Answer, noun: str) -> bool:
    return noun in _PEOPLE and answer.path.rstrip("/").rpartition("/")[2].lower() in _SELVES


def _noun(place: str, collection: str) -> str:
    """Return what the place is an identifier of: ``account`` for ``account_id``, and for ``id`` after ``/accounts``."""
    if _plain(place) not in _USUAL:
        found = _NOUN.fullmatch(place)
        return _plain(found[1] if found else place)
    last = collection.rpartition("/")[2].lower()
    return _plain(last[:-3] + "y" if last.endswith("ies") else last.removesuffix("s"))


def names_user(record: Any, names: Sequence[str]) -> bool:
    """Whether a value of its own in a JSON document names this user."""
    known = {name.lower() for name in names if len(name) > 1}
    return any(value.lower() in known for _, value in leaves(record))


def identifier_of(document: Any, place: str, path: str) -> str | None:
    """Return what identifies the object in an answer, as the place of a path names it."""
    noun = _noun(place, path.partition("{" + place + "}")[0].rstrip("/"))
    for record in records_of(document):
        found = _identifier(record, place, noun, usual=True)
        if found is not None:
            return found
    return None


def _identifier(record: Mapping[str, Any], place: str, noun: str, *, usual: bool) -> str | None:
    """Return the member that identifies this object; ``usual`` where the object itself is meant by ``id``."""
    plain = {_plain(name): value for name, value in record.items()}
    exact = [name for name in (_plain(place), noun + "id", noun + "uuid") if name != "id"]
    for name in (*exact, *(_USUAL if usual else ())):
        value = plain.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            return str(value)
    own = plain.get(noun)
    if isinstance(own, dict):
        return _identifier(own, place, noun, usual=True)
    return None


def _plain(name: str) -> str:
    return re.sub(r"[_\-\s]", "", name).lower()


def records_of(document: Any, *, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the objects in a JSON document, those of its lists first; a list of plain values as objects with an id."""
    yield from _bounded(_walk(document, depth))


def _bounded(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(records):
        if number >= MAXIMUM_RECORDS:
            return
        yield record


def _walk(document: Any, depth: int) -> Iterator[dict[str, Any]]:
    if depth > MAXIMUM_DEPTH:
        return
    if isinstance(document, list):
        for each in document:
            if isinstance(each, str | int) and not isinstance(each, bool):
                yield {"id": each}
            else:
                yield from _walk(each, depth + 1)
    elif isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        for value in lists:
            if any(isinstance(each, dict) for each in value):
                yield from _walk(value, depth + 1)
        yield document
        for value in document.values():
            if isinstance(value, dict):
                yield from _walk(value, depth + 1)
