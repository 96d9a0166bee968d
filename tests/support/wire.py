"""What goes over the wire, on the client's side of an ASGI application: octets out, octets back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from trustweft.net.asgi import Application

__all__ = ["REASON_HEADER", "Answer", "Sent", "send"]

REASON_HEADER = "trustweft-reason"


@dataclass
class Sent:
    """One request in octets; ``chunks`` are the pieces that its body comes in.

    Attributes:
        whole: False where the sender goes away before the end of the body.
        certificate: that the sender showed in the handshake, in DER.
    """

    method: str
    path: bytes
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=lambda: [b""])
    whole: bool = True
    peer: str = "192.0.2.1"
    certificate: bytes | None = None

    @property
    def body(self) -> bytes:
        """The body in one piece."""
        return b"".join(self.chunks)

    def header_values(self, name: str) -> list[str]:
        """Return every value of a header, whatever the case of its name."""
        return [value.decode("latin-1") for sent, value in self.headers if sent.lower() == name.encode()]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for sent, value in self.headers if sent == name]

    def header(self, name: str) -> str:
        """Return the only value of a header."""
        (value,) = self.values(name)
        return value

    @property
    def reason(self) -> str | None:
        """The id of the reason for a refusal."""
        values = self.values(REASON_HEADER)
        return values[0] if len(values) == 1 else None

    @property
    def json(self) -> dict[str, Any]:
        """The members of a JSON answer."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


def _scope(sent: Sent) -> dict[str, Any]:
    path = sent.path.decode("latin-1")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "https",
        "path": unquote(path),  # as uvicorn does
        "raw_path": sent.path,
        "query_string": sent.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in sent.headers],
        "client": (sent.peer, 50_000),
        "server": ("localhost", 8441),
        "extensions": {"tls": {"client_cert_der": sent.certificate}},
        "state": {},
    }


async def send(application: Application, sent: Sent) -> Answer:
    """Send one request to an ASGI application, and hold it to the protocol."""
    last = len(sent.chunks) - 1
    incoming: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": index < last or not sent.whole}
        for index, piece in enumerate(sent.chunks)
    ]
    outgoing: list[Any] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        outgoing.append(message)

    await application(_scope(sent), receive, collect)
    start, *pieces = outgoing
    assert start["type"] == "http.response.start"
    assert [piece["type"] for piece in pieces] == ["http.response.body"] * len(pieces)
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], headers, b"".join(piece.get("body", b"") for piece in pieces))
