"""Operations from an OpenAPI document: those whose parameters the document, the target file or other answers explain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urljoin

import msgspec

from trustweft.audit.api import Operation
from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import Request
from trustweft.audit.target import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.target import Api

__all__ = ["described_operations"]

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
_PLACE: Final = re.compile(r"\{([^}]+)\}")


def described_operations(api: Api, deployment: Deployment) -> tuple[Operation, ...]:
    """Return the operations of the API's document; none where it names no document.

    Raises:
        TargetError: the document cannot be read.
    """
    if api.openapi is None:
        return ()
    document = _load(api.openapi, deployment)
    return tuple(_operations(api, document))


def _load(place: str, deployment: Deployment) -> dict[str, Any]:
    try:
        if "://" in place:
            octets = deployment.wire.send(Request(method="GET", url=place)).body
        else:
            octets = Path(place).read_bytes()
        return msgspec.json.decode(octets, type=dict[str, Any])
    except (OSError, Inconclusive, msgspec.MsgspecError) as cause:
        raise TargetError(f"{place} is no OpenAPI document that can be read: {cause}") from cause


def _operations(api: Api, document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            described = item.get(method)
            if isinstance(described, dict):
                operation = _operation(api, document, path, method, item, described)
                if operation is not None:
                    yield operation


def _operation(
    api: Api,
    document: dict[str, Any],
    path: str,
    method: str,
    item: dict[str, Any],
    described: dict[str, Any],
) -> Operation | None:
    """Return the operation with real values, or None where one of them is not known."""
    parameters = [
        _resolve(document, each) for each in (*item.get("parameters", ()), *described.get("parameters", ()))
    ]
    values = {each["name"]: value for each in parameters if (value := _value(api, each)) is not None}
    if any(name not in values for name in _PLACE.findall(path)):
        return None
    query = {
        each["name"]: values[each["name"]]
        for each in parameters
        if each.get("in") == "query" and each.get("required") and each["name"] in values
    }
    real = _PLACE.sub(lambda found: quote(values[found[1]], safe=""), path)
    url = _base(api, document) + real + (f"?{urlencode(query)}" if query else "")
    body, content_type = _body(document, described)
    security = described.get("security", document.get("security"))
    return Operation(
        api=api,
        name=f"{method.upper()} {path}",
        method=method.upper(),
        url=url,
        headers=(("content-type", content_type),) if body else (),
        body=body,
        scope=_scope(security),
        public=security in ([], [{}]),
        described=described,
    )


def _base(api: Api, document: dict[str, Any]) -> str:
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0].get("url"), str):
        joined = urljoin(api.url.rstrip("/") + "/", servers[0]["url"])
        if joined.startswith(api.url.rstrip("/")):
            return str(joined).rstrip("/")
    return api.url.rstrip("/")


def _value(api: Api, parameter: dict[str, Any]) -> str | None:
    schema = parameter.get("schema", {})
    examples = parameter.get("examples") or {}
    candidates = (
        api.parameters.get(parameter.get("name", "")),
        parameter.get("example"),
        next((each.get("value") for each in examples.values() if isinstance(each, dict)), None),
        schema.get("example"),
        next(iter(schema.get("examples") or schema.get("enum") or ()), None),
        schema.get("default"),
    )
    return next((str(each) for each in candidates if each is not None), None)


def _body(document: dict[str, Any], described: dict[str, Any]) -> tuple[bytes, str]:
    content = _resolve(document, described.get("requestBody", {})).get("content", {})
    for content_type, media in content.items():
        schema = _resolve(document, media.get("schema", {}))
        examples = media.get("examples") or {}
        example = media.get(
            "example",
            next(
                (each.get("value") for each in examples.values() if isinstance(each, dict)),
                schema.get("example", next(iter(schema.get("examples") or ()), None)),
            ),
        )
        if example is not None and "json" in content_type:
            return msgspec.json.encode(example), content_type
    return b"", "application/json"


def _scope(security: object) -> str | None:
    if not isinstance(security, list):
        return None
    scopes = [
        scope for each in security if isinstance(each, dict) for names in each.values() for scope in names
    ]
    return " ".join(dict.fromkeys(scopes)) or None


def _resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    seen = 0
    while isinstance(node.get("$ref"), str) and seen < len(document) + 20:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = (
                found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
            )
        node, seen = found if isinstance(found, dict) else {}, seen + 1
    return node
