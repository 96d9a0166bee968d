"""Operations from an OpenAPI document: templates, and what they become once values for their places are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from trustweft.audit.api import Operation
from trustweft.audit.exchange import FORM_TYPE
from trustweft.audit.openapi_document import load_document
from trustweft.audit.schema_values import example_of, written_example

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Pairs
    from trustweft.audit.openapi_document import Document, Node
    from trustweft.audit.target import Api

__all__ = ["Parameter", "Template", "described_templates", "templates_of"]

_PLACE: Final = re.compile(r"\{([^}]+)\}")
# What carries credentials is ours to fill in, and what belongs to the connection is the wire's.
_NOT_OURS: Final = frozenset({"authorization", "dpop", "cookie", "host", "content-length", "content-type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        place: ``path``, ``query``, ``header`` or ``cookie``.
        value: what the target file or the document gives for it; None where neither does.
    """

    name: str
    place: str
    required: bool
    schema: dict[str, Any]
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An operation as the document describes it; ``fill`` makes a request of it.

    Attributes:
        path: with its places in braces.
        base: of the URL.
        scope: that it needs; None where it is not known.
        public: the document says that it needs no token.
        declared: the document says somewhere what operations need, so that its silence means something.
        body: an example, made from the schema where the document gives none; None where there is no body.
        body_schema: of the body, its references followed at the top.
        answer_schema: of a good answer in JSON; empty where the document does not say.
    """

    api: Api
    document: Document
    path: str
    method: str
    base: str
    parameters: tuple[Parameter, ...]
    scope: str | None
    public: bool
    declared: bool
    body: Any
    content_type: str
    body_schema: dict[str, Any]
    answer_schema: dict[str, Any]
    described: dict[str, object]

    @property
    def name(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its path parameters, in order."""
        return tuple(_PLACE.findall(self.path))

    def given(self, name: str) -> str | None:
        """Return the value that target file or document give for a path parameter."""
        return next(
            (each.value for each in self.parameters if each.name == name and each.place == "path"), None
        )

    def fill(self, values: Mapping[str, str]) -> Operation | None:
        """Return the operation with these values in its path; None where one is missing or an obligation unknown."""
        places = self.places
        if any(name not in values for name in places):
            return None
        needed = [
            each
            for each in self.parameters
            if each.required and each.place in ("query", "header") and each.name.lower() not in _NOT_OURS
        ]
        if any(each.value is None for each in needed):
            return None
        real = _PLACE.sub(lambda found: quote(values[found[1]], safe=""), self.path)
        query = [(each.name, each.value or "") for each in needed if each.place == "query"]
        headers: Pairs = tuple((each.name, each.value or "") for each in needed if each.place == "header")
        body = self._octets()
        return Operation(
            api=self.api,
            name=self.name,
            method=self.method,
            url=self.base + real + (f"?{urlencode(query)}" if query else ""),
            headers=(*headers, ("content-type", self.content_type)) if body else headers,
            body=body,
            scope=self.scope,
            public=self.public,
            described=self.described,
            template=self,
            places=tuple((name, values[name]) for name in places),
        )

    def _octets(self) -> bytes:
        if self.body is None:
            return b""
        if self.content_type == FORM_TYPE and isinstance(self.body, dict):
            return urlencode(self.body).encode()
        return msgspec.json.encode(self.body)


def described_templates(api: Api, deployment: Deployment) -> tuple[Template, ...]:
    """Return what the API's document describes; nothing where the target file names no document.

    Raises:
        TargetError: the document cannot be read.
    """
    if api.openapi is None:
        return ()
    return tuple(templates_of(api, load_document(api.openapi, deployment)))


def templates_of(api: Api, document: Document) -> Iterator[Template]:
    """Yield what a document describes."""
    # Where some operation says what it needs, one that says nothing needs nothing; where none does, nobody knows.
    speaks = "security" in document.root or any(
        "security" in described for *_, described in document.operations()
    )
    for path, method, item, described in document.operations():
        security = described.get("security", document.root.get("security"))
        body, content_type, body_schema = _body(document, described)
        yield Template(
            api=api,
            document=document,
            path=path,
            method=method.upper(),
            base=_base(api, item, described, document.root),
            parameters=_parameters(api, document, item, described),
            scope=_scope(security),
            public=security == [] or (isinstance(security, list) and {} in security)
            if security is not None
            else speaks,
            declared=speaks,
            body=body,
            content_type=content_type,
            body_schema=body_schema,
            answer_schema=_answer_schema(document, described),
            described=described,
        )


def _base(api: Api, *levels: Node) -> str:
    """Return what paths are appended to: the target's URL, and the path that the document puts before all others."""
    own = api.url.rstrip("/")
    servers = next((each["servers"] for each in reversed(levels[:-1]) if each.get("servers")), None)
    servers = servers or levels[-1].get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    url = first.get("url")
    if not isinstance(url, str):
        return own
    variables = first.get("variables") or {}
    url = _PLACE.sub(lambda found: str((variables.get(found[1]) or {}).get("default", "")), url)
    joined = urljoin(own + "/", url).rstrip("/")
    if joined == own or joined.startswith(own + "/"):
        return joined
    # A document that names another host was written elsewhere; the path is the API's all the same.
    return own if urlsplit(own).path else own + urlsplit(joined).path.rstrip("/")


def _parameters(api: Api, document: Document, item: Node, described: Node) -> tuple[Parameter, ...]:
    found: dict[tuple[str, str], Parameter] = {}
    for each in (*(item.get("parameters") or ()), *(described.get("parameters") or ())):
        parameter = document.resolve(each)
        name, place = str(parameter.get("name", "")), str(parameter.get("in", ""))
        schema = document.schema(parameter.get("schema", {}))
        value = api.parameters.get(name)
        if value is None:
            value = _text(written_example(parameter))
        if value is None:
            value = _text(written_example(schema))
        if value is None and place != "path":
            value = _text(example_of(document, schema))
        found[name, place] = Parameter(
            name=name, place=place, required=bool(parameter.get("required")), schema=schema, value=value
        )
    return tuple(found.values())


def _text(value: object) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(document: Document, described: Node) -> tuple[Any, str, dict[str, Any]]:
    content = document.resolve(described.get("requestBody", {})).get("content") or {}
    chosen = next(
        (each for fits in (_is_json, _is_form, _is_anything) for each in content if fits(str(each))), None
    )
    if chosen is None:
        return None, "application/json", {}
    media = document.resolve(content[chosen])
    schema = document.schema(media.get("schema", {}))
    written = written_example(media)
    content_type = "application/json" if _is_anything(chosen) else chosen
    return example_of(document, schema) if written is None else written, content_type, schema


def _is_json(content_type: str) -> bool:
    return "json" in content_type


def _is_form(content_type: str) -> bool:
    return content_type == FORM_TYPE


def _is_anything(content_type: str) -> bool:
    """Whether any type is meant, JSON as well: generators write so where nobody named one."""
    return content_type.partition(";")[0].strip() in ("*/*", "application/*")


def _answer_schema(document: Document, described: Node) -> dict[str, Any]:
    responses = described.get("responses") or {}
    for status, answer in responses.items():
        if str(status).startswith("2"):
            content = document.resolve(answer).get("content") or {}
            chosen = next((each for fits in (_is_json, _is_anything) for each in content if fits(each)), None)
            if chosen is not None:
                return document.schema(document.resolve(content[chosen]).get("schema", {}))
    return {}


def _scope(security: object) -> str | None:
    if not isinstance(security, list) or not security or not isinstance(security[0], dict):
        return None
    scopes = [scope for names in security[0].values() for scope in names if isinstance(scope, str)]
    return " ".join(dict.fromkeys(scopes)) or None
