"""The protected operations: requests that are known to work, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.audit.exchange import Request

if TYPE_CHECKING:
    from trustweft.audit.exchange import Pairs
    from trustweft.audit.openapi import Template
    from trustweft.audit.target import Api, OperationEntry

__all__ = ["SAFE_METHODS", "Operation", "named_operation", "named_operations"]

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of an API, with real values in its request.

    Attributes:
        api: that it belongs to.
        name: method and path as the API describes them.
        scope: that it needs; None where it is not known.
        public: it needs no token.
        owner: name of the user whose data it shows; None where nobody says.
        described: what the OpenAPI document says of it; empty where nothing.
        template: what it was made from; None where the target file spells it out.
        places: names and values of its path parameters.
    """

    api: Api
    name: str
    method: str
    url: str
    headers: Pairs = ()
    body: bytes = b""
    scope: str | None = None
    public: bool = False
    owner: str | None = None
    described: dict[str, object]
    template: Template | None = None
    places: Pairs = ()

    @property
    def safe(self) -> bool:
        """Whether it only reads."""
        return self.method in SAFE_METHODS

    def request(self) -> Request:
        """Return the request, without any token."""
        return Request(method=self.method, url=self.url, headers=self.headers, body=self.body)


def named_operations(api: Api) -> tuple[Operation, ...]:
    """Return the operations that the target file spells out."""
    return tuple(named_operation(api, entry) for entry in api.operations)


def named_operation(api: Api, entry: OperationEntry) -> Operation:
    """Return the operation that one entry of the target file is."""
    headers = tuple(entry.headers.items())
    if entry.body is not None:
        headers = (*headers, ("content-type", entry.content_type))
    return Operation(
        api=api,
        name=f"{entry.method.upper()} {entry.path}",
        method=entry.method.upper(),
        url=api.url.rstrip("/") + entry.path,
        headers=headers,
        body=(entry.body or "").encode(),
        scope=entry.scope,
        public=entry.public,
        owner=entry.owner,
        described={},
    )
