"""An HTTP request and response as values (RFC 9110), free of any server or client library."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

__all__ = ["HttpRequest", "HttpResponse", "json_response"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it arrived.

    Attributes:
        method: in the case that was sent.
        path: percent-encoded as sent, without the query.
        query: the raw query, without the question mark.
        headers: names in lower case, in order, repeated names kept.
        body: bounded by whoever read it.
        client_certificate: DER of the TLS client certificate; authenticates nobody by itself.
        client_certificate_chain: what came with it, in DER: leads, perhaps, to an authority.
        peer: the address that the connection came from, or that a trusted proxy says it came from.
    """

    method: str
    path: str
    query: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    client_certificate_chain: tuple[bytes, ...] = field(default=(), repr=False)
    peer: str | None = None

    def header_values(self, name: str) -> list[str]:
        """Return every value of the header ``name`` (lower case), in order."""
        return [value for header, value in self.headers if header == name]

    def header(self, name: str) -> str | None:
        """Return the only value of the header ``name`` (lower case); None where it is absent or repeated."""
        values = self.header_values(name)
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response; ``content-length`` and ``date`` are set by whoever sends it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


_HEADERS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


def json_response(
    value: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> HttpResponse:
    """Return ``value`` as JSON that nobody may store (RFC 6749 section 5.1)."""
    return HttpResponse(status, _HEADERS + headers, msgspec.json.encode(value))
