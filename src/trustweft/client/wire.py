"""What the sans-I/O core asks of whoever has a network: one request, one response."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from trustweft.protocol.http import HttpResponse

__all__ = ["Call", "Flow", "header_values", "origin_of"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to send: redirects are not followed, and the body of the answer is bounded."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


# A conversation: yields calls, is sent the answers, and returns what came of it.
Flow = Generator[Call, HttpResponse, T]


def header_values(response: HttpResponse, name: str) -> list[str]:
    """Return every value of a response header (lower case), in order."""
    return [value for header, value in response.headers if header == name]


def origin_of(url: str) -> str:
    """Return scheme, host and port, as they are written: what nonces and clocks belong to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
