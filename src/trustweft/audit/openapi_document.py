"""An OpenAPI document as data: JSON or YAML, version 2.0 or 3, with references followed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import Request
from trustweft.audit.target import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.audit.deployment import Deployment

__all__ = ["METHODS", "Document", "load_document", "read_document"]

METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
MAXIMUM_REFERENCES: Final = 32  # in a row: more is a circle
MAXIMUM_DEPTH: Final = 12  # of a schema: more is one that contains itself

_YAML: Final = "tag:yaml.org,2002:"
_TRUTH: Final = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document, its version 2.0 read as if it were 3."""

    root: Node

    def resolve(self, node: object) -> Node:
        """Return what a node refers to, itself where it refers to nothing, ``{}`` where nothing is there.

        Only references within the document are followed: nothing that it names elsewhere is fetched.
        """
        for _ in range(MAXIMUM_REFERENCES):
            if not isinstance(node, dict):
                return {}
            if not isinstance(node.get("$ref"), str):
                return node
            node = self._at(node["$ref"])
        return {}

    def schema(self, node: object, *, depth: int = 0) -> Node:
        """Return a schema with the members of its ``allOf`` joined; of ``oneOf`` and ``anyOf`` the first counts."""
        found = self.resolve(node)
        if depth > MAXIMUM_DEPTH:
            return {}
        parts = [self.schema(each, depth=depth + 1) for each in found.get("allOf") or ()]
        for name in ("oneOf", "anyOf"):
            parts += [self.schema(each, depth=depth + 1) for each in (found.get(name) or ())[:1]]
        if not parts:
            return found
        joined: Node = {}
        for part in (*parts, {name: value for name, value in found.items() if name not in _COMBINED}):
            properties = {**(joined.get("properties") or {}), **(part.get("properties") or {})}
            required = [*(joined.get("required") or ()), *(part.get("required") or ())]
            joined = {**joined, **part}
            joined |= ({"properties": properties} if properties else {}) | (
                {"required": required} if required else {}
            )
        return joined

    def operations(self) -> Iterator[tuple[str, str, Node, Node]]:
        """Yield path, method, path item and operation of everything that the document describes."""
        for path, item in _mapping(self.root.get("paths")).items():
            resolved = self.resolve(item)
            for method in METHODS:
                described = resolved.get(method)
                if isinstance(described, dict) and isinstance(path, str):
                    yield path, method, resolved, described

    def _at(self, reference: str) -> object:
        if not reference.startswith("#"):
            return {}
        found: object = self.root
        for part in reference.removeprefix("#").strip("/").split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdigit() and int(name) < len(found) else {}
            else:
                found = _mapping(found).get(name, {})
        return found


_COMBINED: Final = frozenset({"allOf", "oneOf", "anyOf"})


def load_document(place: str, deployment: Deployment) -> Document:
    """Return the document at a file or a URL; a URL that wants a token gets one.

    Raises:
        TargetError: it cannot be read.
    """
    try:
        octets = _fetched(place, deployment) if "://" in place else Path(place).read_bytes()
    except (OSError, Inconclusive) as cause:
        raise TargetError(f"{place} cannot be read: {cause}") from cause
    return read_document(octets, place)


def _fetched(place: str, deployment: Deployment) -> bytes:
    request = Request(method="GET", url=place)
    exchange = deployment.wire.send(request)
    if exchange.status in (401, 403):
        access = deployment.access()
        exchange = deployment.send_call(deployment.using(request, access), access)
    return exchange.body


def read_document(octets: bytes, place: str) -> Document:
    """Return the document in these octets.

    Raises:
        TargetError: they are none; ``place`` says where they came from.
    """
    try:
        root: object = msgspec.json.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        root = _read_yaml(octets, place)
    if not isinstance(root, dict) or not isinstance(root.get("paths"), dict):
        raise TargetError(f"{place} is no OpenAPI document: it has no paths")
    return Document(_modern(root) if "swagger" in root else root)


def _read_yaml(octets: bytes, place: str) -> object:
    try:
        import yaml
    except ImportError as cause:
        raise TargetError(
            f"{place} is no JSON; for YAML install the extra: pip install 'trustweft[audit]'"
        ) from cause

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # the library has no types
        """Reads as OpenAPI has it: dates are text, and nothing but true and false is a truth value."""

    Loader.yaml_implicit_resolvers = {
        first: [
            (tag, _TRUTH if tag == f"{_YAML}bool" else pattern)
            for tag, pattern in resolvers
            if tag != f"{_YAML}timestamp"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(octets, Loader)  # noqa: S506  # a safe loader: it makes plain data only
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as cause:
        raise TargetError(f"{place} is neither JSON nor YAML: {type(cause).__name__}") from cause


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# Version 2.0, which many APIs still publish: the same things in other places.


def _modern(root: Node) -> Node:
    """Return a Swagger 2.0 document as one of version 3, as far as is read here."""
    base = str(root.get("basePath", "/"))
    paths = {
        path: {
            name: _modern_operation(root, each) if name in METHODS and isinstance(each, dict) else each
            for name, each in _mapping(item).items()
        }
        for path, item in root["paths"].items()
    }
    return {**root, "paths": paths, "servers": [{"url": base}]}


def _modern_operation(root: Node, described: Node) -> Node:
    document = Document(root)
    parameters, content = [], {}
    consumes = described.get("consumes") or root.get("consumes") or ["application/json"]
    produces = described.get("produces") or root.get("produces") or ["application/json"]
    fields: dict[str, Any] = {}
    for each in described.get("parameters") or ():
        parameter = document.resolve(each)
        if parameter.get("in") == "body":
            content = {str(consumes[0]): {"schema": parameter.get("schema", {})}}
        elif parameter.get("in") == "formData":
            fields[str(parameter.get("name"))] = parameter
        else:
            parameters.append({"schema": _schema_of(parameter), **parameter})
    if fields:
        required = [name for name, each in fields.items() if each.get("required")]
        schema = {
            "type": "object",
            "properties": {name: _schema_of(each) for name, each in fields.items()},
            "required": required,
        }
        content = {"application/x-www-form-urlencoded": {"schema": schema}}
    answers = {
        status: {**answer, "content": {str(produces[0]): {"schema": answer["schema"]}}}
        if "schema" in (answer := document.resolve(each))
        else answer
        for status, each in _mapping(described.get("responses")).items()
    }
    body = {"requestBody": {"content": content}} if content else {}
    return {**described, "parameters": parameters, "responses": answers, **body}


def _schema_of(parameter: Node) -> Node:
    return {name: value for name, value in parameter.items() if name not in ("in", "name", "required")}
