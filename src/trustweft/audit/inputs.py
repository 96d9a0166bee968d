"""Where an operation takes a value from its caller: places of its path, its query, its body."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

if TYPE_CHECKING:
    from trustweft.audit.api import Operation
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.trial import Trial

__all__ = ["Input", "call", "inputs_of", "reading_inputs", "writing_operations"]

_IDENTIFIER: Final = re.compile(r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z]*[-_]?[0-9a-f]{6,}", re.IGNORECASE)
EACH: Final = 4  # inputs of one operation
OPERATIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Input:
    """One value that an operation takes.

    Attributes:
        value: a good one; None where none is known.
        schema: what the document says of it; empty where nothing.
        with_value: the request with another, which is encoded; with ``raw`` it goes over the wire as it is.
    """

    operation: Operation
    name: str
    place: str
    value: str | None
    schema: dict[str, Any]

    def with_value(self, value: str, *, raw: bool = False) -> Request:
        """Return the request with this value."""
        request = self.operation.request()
        if self.place == "path":
            return _target(request, _in_path(self.operation.url, self.value or "", value, raw=raw), raw=raw)
        return _target(request, _in_query(self.operation.url, self.name, value, raw=raw), raw=raw)


def _target(request: Request, url: str, *, raw: bool) -> Request:
    if not raw:
        return replace(request, url=url)
    parts = urlsplit(url)
    return replace(request, target=parts.path + (f"?{parts.query}" if parts.query else ""))


def _in_path(url: str, old: str, value: str, *, raw: bool) -> str:
    parts = urlsplit(url)
    segments = parts.path.split("/")
    encoded = quote(old, safe="")
    index = len(segments) - 1 - segments[::-1].index(encoded if encoded in segments else segments[-1])
    segments[index] = value if raw else quote(value, safe="")
    return parts._replace(path="/".join(segments)).geturl()


def _in_query(url: str, name: str, value: str, *, raw: bool) -> str:
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    query = urlencode(pairs)
    added = f"{quote(name)}={value}" if raw else urlencode({name: value})
    return parts._replace(query=f"{query}&{added}" if query else added).geturl()


def inputs_of(operation: Operation) -> list[Input]:
    """Return the values that an operation takes in its path and its query."""
    found = [Input(operation, name, "path", value, {}) for name, value in operation.places]
    if operation.template is None:
        segments = urlsplit(operation.url).path.split("/")
        found += [
            Input(operation, each, "path", each, {}) for each in segments if _IDENTIFIER.fullmatch(each)
        ][-1:]
        pairs = parse_qsl(urlsplit(operation.url).query)
        return found + [Input(operation, name, "query", value, {}) for name, value in pairs]
    return found + [
        Input(operation, each.name, "query", each.value, each.schema)
        for each in operation.template.parameters
        if each.place == "query"
    ]


def reading_inputs(trial: Trial) -> list[Input]:
    """Return inputs of a few reading operations, public ones as well.

    Raises:
        NotApplicable: none takes a value.
    """
    deployment = trial.deployment
    operations = [each for each in deployment.operations if each.safe]
    found = [each for operation in operations for each in inputs_of(operation)[:EACH]]
    trial.need(found, "no reading operation is known that takes a value from its caller")
    kinds: dict[tuple[str, str], Input] = {}
    for each in found:
        kinds.setdefault((each.operation.name, each.name), each)
    return list(kinds.values())[: EACH * OPERATIONS]


def writing_operations(trial: Trial, limit: int = OPERATIONS) -> list[Operation]:
    """Return operations that take a body.

    Raises:
        NotApplicable: there is none.
    """
    found = [each for each in trial.deployment.operations if each.method in ("POST", "PUT", "PATCH")]
    trial.need(found, "no operation is known that takes a body")
    return found[:limit]


def call(trial: Trial, operation: Operation, request: Request) -> Exchange:
    """Send a request as the first user, or as nobody to a public operation."""
    deployment = trial.deployment
    if operation.public:
        return deployment.wire.send(request)
    access = deployment.access()
    return deployment.send_call(deployment.using(request, access), access)
