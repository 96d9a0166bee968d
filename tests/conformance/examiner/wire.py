"""Requests over TLS, octet for octet as they are written, and the answers to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping

__all__ = ["FORM", "JSON", "Answer", "Wire", "read_object"]

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = "application/json"
_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for header, value in self.headers if header == name]

    def header(self, name: str) -> str | None:
        """Return a header that occurs once or not at all."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    @property
    def media_type(self) -> str:
        """The type of the body, without parameters."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, of the media type that says so."""
        assert self.media_type == JSON, self
        return read_object(self)

    @property
    def error(self) -> str | None:
        """The error code, where the body is an error."""
        return self.json.get("error") if self.media_type == JSON else None


def read_object(answer: Answer) -> dict[str, Any]:
    """Return a body as a JSON object, whatever its media type."""
    document = json.loads(answer.body)
    assert isinstance(document, dict), document
    return document


class Wire:
    """The connections of one client: they are kept, its cookies are not."""

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._transport = httpx2.HTTPTransport(verify=trust)

    def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), content: bytes = b""
    ) -> Answer:
        """Send a request with these headers and what HTTP needs, and nothing else."""
        request = httpx2.Request(
            method,
            url,
            headers=list(headers),
            content=content or None,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _SECONDS)},
        )
        response = self._transport.handle_request(request)
        try:
            body = response.read()
        finally:
            response.close()
        return Answer(
            response.status_code,
            tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            body,
        )

    def get(self, url: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Get a document."""
        return self.send("GET", url, headers)

    def post(self, url: str, form: Mapping[str, str], headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Post a form."""
        return self.send("POST", url, (FORM, *headers), urlencode(form).encode())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
