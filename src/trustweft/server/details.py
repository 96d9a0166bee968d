"""The types of authorization details that a server knows: definitions, compiled schemas, and what people read.

Everything that a schema allows must be shown to the person who consents. So only schemas whose members can be listed
are accepted: closed objects (``additionalProperties: false``), scalars, and arrays of scalars. Keywords that narrow
further (``enum``, ``pattern``, ``dependentRequired``, ``if``, …) are free.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
from jsonschema_rs import Draft202012Validator, ReferencingError, RegexOptions, ValidationError

from trustweft.protocol.rar import INVALID_AUTHORIZATION_DETAILS, audiences_of, check_locations
from trustweft.protocol.rar_order import flatten
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.server.pages import DetailRow, RequestedDetail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trustweft.protocol.rar import AuthorizationDetail, DetailMember, DetailType

__all__ = ["DetailTypeError", "DetailTypes"]

_SCALARS: Final = frozenset(("string", "number", "integer", "boolean"))
_LOCAL: Final = re.compile(r"#/\$defs/([A-Za-z0-9_-]+)")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MAXIMUM_DEPTH: Final = 5
_GROUP: Final = 4
# What each way to compare, and to show, needs the member to be.
_COMPARED: Final = {"subset": ("array",), "at-most": ("string", "number", "integer"), "earlier": ("string",)}
_SHOWN: Final = {
    "amount": ("string", "number", "integer"),
    "date": ("string",),
    "account": ("string", "array"),
}
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

UNKNOWN_TYPE = reason(
    "authorization-details.unknown-type",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="A type of the authorization details is not known here.",
)
SCHEMA = reason(
    "authorization-details.schema",
    error=INVALID_AUTHORIZATION_DETAILS,
    public="The authorization details do not fit the definition of their type.",
)


class DetailTypeError(ValueError):
    """The definition of a type cannot be used; the message says what to mend."""


class DetailTypes:
    """The types of one server, ready for use.

    Args:
        definitions: from the operator's configuration.

    Raises:
        DetailTypeError: a type is defined twice, its schema is none, or it allows what people would not see.
    """

    def __init__(self, definitions: Iterable[DetailType] = ()) -> None:
        self.definitions: dict[str, DetailType] = {}
        self._schemas: dict[str, Draft202012Validator] = {}
        for definition in definitions:
            if definition.type in self.definitions:
                raise DetailTypeError(f"{definition.type} is defined twice")
            self.definitions[definition.type] = definition
            self._schemas[definition.type] = _compile(definition)
            _check_everything_is_shown(definition)

    @enforces("RFC9396-5-p1.1", "RFC9396-5-1", "RFC9396-5-2", "RFC9396-5-3", "RFC9396-5-4", "RFC9396-5-5")
    def check(self, details: Iterable[AuthorizationDetail]) -> None:
        """Hold each detail against its type (RFC 9396 section 5): known, of the schema, at locations of the type.

        Raises:
            Reject: ``authorization-details.*``.
        """
        for detail in details:
            definition = self.definitions.get(detail.type)
            if definition is None:
                raise UNKNOWN_TYPE.reject(f"{detail.type!r:.120}")
            try:
                self._schemas[detail.type].validate(detail.document())
            except ValidationError as cause:
                # Where and why, and not the value: amounts and accounts do not belong into a log.
                where = "/".join(map(str, cause.instance_path))
                raise SCHEMA.reject(f"{detail.type}: {where!r:.120}: {cause.kind.name}") from None
            check_locations(detail, definition)

    def audiences(self, details: Iterable[AuthorizationDetail]) -> tuple[str, ...]:
        """Return the resource servers that a token with these details is for, each once."""
        found = (audiences_of(detail, self.definitions[detail.type]) for detail in details)
        return tuple(dict.fromkeys(audience for audiences in found for audience in audiences))

    def offered(self, details: Iterable[AuthorizationDetail]) -> tuple[AuthorizationDetail, ...]:
        """Return those whose type is still known."""
        return tuple(detail for detail in details if detail.type in self.definitions)

    def meant_for(
        self, details: Iterable[AuthorizationDetail], audiences: Iterable[str]
    ) -> tuple[AuthorizationDetail, ...]:
        """Return those that are for one of the audiences (section 9.2)."""
        theirs = set(audiences)
        return tuple(each for each in self.offered(details) if theirs.intersection(self.audiences((each,))))

    def told(self, detail: AuthorizationDetail) -> RequestedDetail:
        """Return what a person reads about a detail: every member of it, and what is left open."""
        definition = self.definitions.get(detail.type)
        leaves = flatten(detail)
        if definition is None:  # out of service since it was pushed: shown as it is rather than hidden
            rows = tuple(DetailRow(label=name, texts=_texts(value, {})) for name, value in leaves.items())
            return RequestedDetail(title=detail.type, explanation="", rows=rows)
        rows = tuple(_rows(definition, leaves))
        return RequestedDetail(title=definition.title, explanation=definition.explanation, rows=rows)


def _compile(definition: DetailType) -> Draft202012Validator:
    try:
        # Patterns run in linear time, and a reference never leads out of the document.
        return Draft202012Validator(
            definition.schema, validate_formats=True, pattern_options=RegexOptions(), offline=True
        )
    except (ValueError, ReferencingError) as cause:
        raise DetailTypeError(f"{definition.type}: the schema cannot be used: {cause}") from cause


def _check_everything_is_shown(definition: DetailType) -> None:
    leaves = list(_leaf_kinds(definition, definition.schema, "", 0, required=True))
    kinds = {name: kind for name, kind, _ in leaves}
    required = {name for name, _, is_required in leaves if is_required}
    if definition.schema.get("properties", {}).get("type", {}).get("const") != definition.type:
        raise DetailTypeError(f"{definition.type}: the schema must have type as a const")
    kinds.pop("type")
    named = {member.name for member in definition.members}
    if named != set(kinds):
        names = ", ".join(sorted(named ^ set(kinds)))
        raise DetailTypeError(f"{definition.type}: either in the schema or among the members alone: {names}")
    for member in definition.members:
        # Where a request is meant to be used widens nothing; whatever else it leaves open is told.
        if member.absent == "" and member.name not in required | {"locations"}:
            raise DetailTypeError(f"{definition.type}: what is absent without {member.name} needs words")
        kind = kinds[member.name]
        if kind not in _COMPARED.get(member.compare, (kind,)) or kind not in _SHOWN.get(member.kind, (kind,)):
            raise DetailTypeError(
                f"{definition.type}: {member.name} is of type {kind}, which does not go with "
                f"compare = {member.compare!r} or kind = {member.kind!r}"
            )


def _leaf_kinds(
    definition: DetailType, schema: Mapping[str, Any], prefix: str, depth: int, *, required: bool
) -> Iterator[tuple[str, str, bool]]:
    """Yield every member that an object of the schema can have, its JSON type, and whether it is always there."""
    where = f"{definition.type}: {prefix.removesuffix('.') or 'the schema'}"
    properties = schema.get("properties")
    if schema.get("type") != "object" or not properties or depth > _MAXIMUM_DEPTH:
        raise DetailTypeError(f"{where} must be an object with properties, at most {_MAXIMUM_DEPTH} deep")
    if schema.get("additionalProperties") is not False or "patternProperties" in schema:
        raise DetailTypeError(f"{where} must be closed: additionalProperties = false, no patternProperties")
    for name, given in properties.items():
        part = _resolve(definition, given)
        always = required and name in schema.get("required", ())
        if not _NAME.fullmatch(name):
            raise DetailTypeError(f"{where}: {name!r} is no name that a request can have")
        if name == "type" and not prefix:
            yield name, "string", always
        elif part.get("type") == "object":
            yield from _leaf_kinds(definition, part, f"{prefix}{name}.", depth + 1, required=always)
        else:
            yield f"{prefix}{name}", _kind(definition, part, f"{prefix}{name}"), always


def _kind(definition: DetailType, part: Mapping[str, Any], name: str) -> str:
    kind = str(part.get("type"))
    if kind == "array" and "prefixItems" not in part:
        items = part.get("items")
        if isinstance(items, dict) and str(_resolve(definition, items).get("type")) in _SCALARS:
            return "array"
    if kind in _SCALARS:
        return kind
    raise DetailTypeError(f"{definition.type}: {name} must be a scalar, an array of scalars, or an object")


def _resolve(definition: DetailType, part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    match = _LOCAL.fullmatch(str(part["$ref"]))
    target = definition.schema.get("$defs", {}).get(match[1]) if match else None
    if not isinstance(target, dict):
        raise DetailTypeError(f"{definition.type}: {part['$ref']!r} leads to no definition in $defs")
    return target


def _rows(definition: DetailType, leaves: dict[str, object]) -> Iterator[DetailRow]:
    shown = {member.unit for member in definition.members if member.unit and member.name in leaves}
    for member in definition.members:
        if member.name in leaves:
            if member.name not in shown:
                yield _row(member, leaves)
        elif member.absent:
            yield DetailRow(label=member.label or member.name, texts=(member.absent,), is_open=True)
    # A type never allows more than it names; should it once, nothing is hidden all the same.
    named = {member.name for member in definition.members}
    for name, value in leaves.items():
        if name not in named:
            yield DetailRow(label=name, texts=_texts(value, {}))


def _row(member: DetailMember, leaves: dict[str, object]) -> DetailRow:
    value = leaves[member.name]
    label = member.label or member.name
    unit = "" if member.unit is None else str(leaves.get(member.unit, ""))
    if member.kind == "amount" and _DECIMAL.fullmatch(str(value)):
        return DetailRow(label=label, texts=(f"{Decimal(str(value)):,f} {unit}".rstrip(),), is_amount=True)
    if member.kind == "date" and isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return DetailRow(label=label, day=date.fromisoformat(value))
        except ValueError:  # a thirteenth month: shown as it was sent
            pass
    texts = _texts(value, member.values)
    if member.kind == "account":
        texts = tuple(_grouped(text) for text in texts)
    return DetailRow(label=label, texts=tuple(f"{text} {unit}".rstrip() for text in texts))


def _texts(value: object, words: Mapping[str, str]) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = (each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in values)
    return tuple(words.get(text, text) for text in texts) or ("nothing",)


def _grouped(text: str) -> str:
    """Write an account number in groups of four, as people read them."""
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
