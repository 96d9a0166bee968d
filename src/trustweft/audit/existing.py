"""Objects that are there already: what reads and writes them, and how they are written back as they were read."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.audit.check import Inconclusive
from trustweft.audit.delicate import masked, spelt
from trustweft.audit.exchange import FORM_TYPE
from trustweft.audit.harvest import leaves
from trustweft.audit.openapi_document import MAXIMUM_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.audit.api import Operation
    from trustweft.audit.exchange import Request
    from trustweft.audit.openapi import Template
    from trustweft.audit.openapi_document import Document

__all__ = [
    "CHANGING",
    "WRITING",
    "deletes",
    "need_description",
    "open_ended",
    "order_below",
    "read_only",
    "reading_of",
    "settable",
    "tries",
    "with_body",
    "writes_below",
    "written_back",
]

CHANGING: Final = ("PUT", "PATCH")
WRITING: Final = (*CHANGING, "POST")
# Words that begin so may end an object, or take it from its owner, or stand for any act upon it.
_ENDING: Final = re.compile(
    r"action|activit|command|event|operation|state|status|transition|abandon|abort|archiv|ban(?!k)|block|cancel|cease|clos|deactiv|declin|delet|deregist|destr|detach|disabl|disconn"
    r"|discontin|dispos|drop|end|eras|evict|expel|expir|expung|finish|forfeit|forget|freez|frozen|kick|kill|leav|liquid"
    r"|lock|logout|nullif|offboard|ownership|purg|quit|reject|releas|relinq|remov|renounc|rescind|reset|resign|retir"
    r"|revo|rotat|shred|shut|stop|suspen|terminat|trash|unassign|unenrol|uninstall|unlink|unpair|unpublish|unregist"
    r"|unsubscri|void|winding|wip|withdr|writeoff",
    re.IGNORECASE,
)


_PLURAL: Final = re.compile(r"\w+[^isu]s", re.IGNORECASE)  # and no analysis, access or status


def writes_below(template: Template) -> bool:
    """Whether it changes one object, or orders something below one."""
    if template.public or not template.places:
        return False
    return template.method in CHANGING or template.method == "POST"


def tries(templates: Iterable[Template], methods: Sequence[str]) -> bool:
    """Whether a check that writes with these methods to objects that are there finds something to try."""
    return any(writes_below(each) and each.method in methods for each in templates)


def need_description(operations: Iterable[Operation]) -> None:
    """Leave where the target file itself names what changes objects: nobody knows what could be written back there.

    Raises:
        Inconclusive: it does.
    """
    named = [
        each.name
        for each in operations
        if each.template is None and not each.public and each.method in (*CHANGING, "DELETE")
    ]
    if named:
        raise Inconclusive(
            f"only an OpenAPI document tells what can be sent: {', '.join(named)} was not tried"
        )


def order_below(writing: Operation) -> Any:
    """Return a good body for what is ordered below an object; None where it may end something, or nobody knows.

    What takes no body is an act upon the object itself, such as closing it, and many acts say so in their name. What is
    named in the plural is a list that an order is added to, and no act, unless a word before or in it names an end.
    """
    template = writing.template
    if writing.method != "POST" or template is None or not template.places or template.body is None:
        return None
    words = re.findall(r"[A-Za-z]+", spelt(template.path.rpartition("}")[2]).replace("_", " "))
    adds = words and _PLURAL.fullmatch(words[-1]) and not any(map(_ENDING.match, words))
    return template.body if adds and template.content_type != FORM_TYPE else None


def deletes(template: Template) -> bool:
    """Whether it ends one object: that is tried on what was made for it, and on nothing else."""
    return template.method == "DELETE" and bool(template.places) and not template.public


def reading_of(writing: Operation, operations: Iterable[Operation]) -> Operation | None:
    """Return what reads the object that an operation writes; None where nothing is known to."""
    path = writing.name.partition(" ")[2]
    return next(
        (each for each in operations if each.name == f"GET {path}" and each.places == writing.places), None
    )


def settable(template: Template | None) -> frozenset[str]:
    """Return the members that the description lets a caller set."""
    if template is None:
        return frozenset()
    described = template.document.schema(template.body_schema).get("properties") or {}
    closed = {name for name, node in described.items() if template.document.schema(node).get("readOnly")}
    example = set(template.body if isinstance(template.body, dict) else ())
    return frozenset((set(described) | example) - closed)


def open_ended(template: Template) -> bool:
    """Whether the description lets a caller set more than it names, or does not say what."""
    document = template.document
    content = document.resolve(template.described.get("requestBody", {})).get("content") or {}
    schemas = [document.resolve(media).get("schema") for media in content.values()]
    return not template.body_schema.get("properties") or any(_takes_more(document, each) for each in schemas)


def _takes_more(document: Document, schema: object, *, depth: int = 0) -> bool:
    found = document.resolve(schema)
    further = found.get("additionalProperties", False) is not False
    if further or any(found.get(name) for name in ("oneOf", "anyOf", "patternProperties")):
        return True
    parts = found.get("allOf") or ()
    return depth > MAXIMUM_DEPTH or any(_takes_more(document, each, depth=depth + 1) for each in parts)


def read_only(*operations: Operation) -> frozenset[str]:
    """Return the members that the description calls read-only, in what is sent or in what is answered."""
    templates = [each.template for each in operations if each.template is not None]
    return frozenset(
        name
        for template in templates
        for schema in (template.body_schema, template.answer_schema)
        for name, node in (template.document.schema(schema).get("properties") or {}).items()
        if template.document.schema(node).get("readOnly")
    )


def written_back(writing: Operation, read: object) -> dict[str, Any] | None:
    """Return the body that changes nothing: what a caller may set, as it was just read; None where that is not known.

    A member that must be sent and is never shown, such as a password, cannot be sent as it is; nor can one that is
    shown with stars in it. What PUT does not bring is lost, so all that a caller may set must have been read for it.
    """
    template = writing.template
    if writing.method not in CHANGING or template is None or not isinstance(read, dict):
        return None
    if template.content_type == FORM_TYPE or (writing.method == "PUT" and open_ended(template)):
        return None
    known = settable(template)
    needed = (
        known
        if writing.method == "PUT"
        else template.document.schema(template.body_schema).get("required") or ()
    )
    if any(name not in read for name in needed if name in known):
        return None
    body = {name: value for name, value in read.items() if name in known}
    return body if body and _whole(body, template) else None


def _whole(body: dict[str, Any], template: Template) -> bool:
    """Whether nothing in it is masked or missing: objects within it are replaced, whatever the method."""
    if any(masked(value) for _, value in leaves(body)):
        return False
    described = template.document.schema(template.body_schema).get("properties") or {}
    return all(_complete(template.document, described.get(name), value) for name, value in body.items())


def _complete(document: Document, schema: object, value: object) -> bool:
    """Whether objects within a value have every member that the schema lets a caller set."""
    found = document.schema(schema)
    if isinstance(value, list):
        return all(_complete(document, found.get("items"), each) for each in value)
    if not isinstance(value, dict):
        return True
    return all(
        name in value and _complete(document, node, value[name])
        for name, node in (found.get("properties") or {}).items()
        if not document.schema(node).get("readOnly")
    )


def with_body(operation: Operation, body: object) -> Request:
    """Return the request with this body in JSON."""
    request = replace(operation.request(), body=msgspec.json.encode(body))
    template = operation.template
    json = template is not None and "json" in template.content_type
    return request.with_header(
        "content-type", template.content_type if template and json else "application/json"
    )
