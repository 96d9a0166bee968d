"""Values that a schema allows: an example where it gives one, else the plainest that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.openapi_document import Document

__all__ = ["example_of", "written_example"]

MAXIMUM_DEPTH: Final = 8
_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00Z",
    "uuid": "3f0c2f0e-6a55-4d2b-9a57-0d3c2b1a9f11",
    "email": "trustweft.check@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "password": "Trustweft-check-1",
    "byte": "dHJ1c3R3ZWZ0",
}


def written_example(node: Mapping[str, Any]) -> Any:
    """Return what a parameter, media type or schema gives as example, const, default or first choice; else None."""
    examples = node.get("examples")
    if isinstance(examples, dict):
        first = next((each.get("value") for each in examples.values() if isinstance(each, dict)), None)
    else:
        first = next(iter(examples or ()), None)
    candidates = (
        node.get("example"),
        first,
        node.get("const"),
        node.get("default"),
        next(iter(node.get("enum") or ()), None),
    )
    return next((each for each in candidates if each is not None), None)


def example_of(document: Document, schema: object, *, depth: int = 0) -> Any:
    """Return a value of a schema, only its required members where it says which; None where it cannot be told."""
    found = document.schema(schema)
    written = written_example(found)
    if written is not None or depth > MAXIMUM_DEPTH:
        return written
    kind = found.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    if kind == "object" or (kind is None and "properties" in found):
        properties = found.get("properties") or {}
        chosen = found.get("required") or list(properties)
        members = {
            name: example_of(document, properties[name], depth=depth + 1)
            for name in chosen
            if name in properties and not document.schema(properties[name]).get("readOnly")
        }
        return {name: value for name, value in members.items() if value is not None}
    if kind == "array":
        item = example_of(document, found.get("items", {}), depth=depth + 1)
        return [] if item is None else [item]
    return _plain(kind, found)


def _plain(kind: object, schema: Mapping[str, Any]) -> Any:
    match kind:
        case "boolean":
            return True
        case "integer" | "number":
            smallest = schema.get("minimum", 1)
            return smallest if isinstance(smallest, int | float) else 1
        case "string":
            value = _FORMATS.get(str(schema.get("format")), "check")
            least, most = schema.get("minLength"), schema.get("maxLength")
            if isinstance(least, int) and len(value) < least <= 1000:  # noqa: PLR2004  # no megabytes for one example
                value = value.ljust(least, "x")
            return value[:most] if isinstance(most, int) else value
    return None
