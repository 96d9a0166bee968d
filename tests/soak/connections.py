"""HTTP/1.1 over connections that are opened first and used at one instant: what a race needs, and no more."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["Answer", "Connection", "Request", "shoot"]

ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None

    @property
    def octets(self) -> bytes:
        """The request as it goes over the wire."""
        body = b"" if self.form is None else urlencode(self.form).encode()
        lines = [f"{self.method} {self.target} HTTP/1.1", "host: localhost"]
        if self.form is not None:
            lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of that name; empty where there is none."""
        return next((value for known, value in self.headers if known == name), "")

    @property
    def reason(self) -> str:
        """The reason id of a refusal."""
        return self.header("trustweft-reason")

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def error(self) -> str:
        """The error code of a refusal: in the body, or in the challenge of a resource server."""
        if self.header("content-type").startswith("application/json"):
            return str(self.json.get("error", ""))
        return ""


class Connection:
    """One TLS connection from an address of our choice; lost when the server is killed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, trust: ssl.SSLContext, *, source: str = "127.0.0.1") -> Connection:
        """Connect, and finish the handshake."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trust, server_hostname="localhost", local_addr=(source, 0)
        )
        return cls(reader, writer)

    def close(self) -> None:
        """Close, without waiting for the peer."""
        self._writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def write(self, octets: bytes) -> None:
        """Send some octets."""
        self._writer.write(octets)
        await self._writer.drain()

    async def send(self, request: Request) -> Answer:
        """Send a request and return the answer.

        Raises:
            OSError: the connection was lost.
            asyncio.IncompleteReadError: so it was, in the middle of the answer or before it.
        """
        await self.write(request.octets)
        return await self.answer()

    async def answer(self) -> Answer:
        """Read the answer to what was sent."""
        try:
            return await asyncio.wait_for(self._read(), ANSWER_SECONDS)
        except TimeoutError as cause:  # an OSError, which would look like a connection that was lost
            raise AssertionError("the server did not answer") from cause

    async def _read(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        pairs = [line.partition(":") for line in lines]
        headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        length = next((int(value) for name, value in headers if name == "content-length"), 0)
        return Answer(int(start.split(" ")[1]), headers, await self._reader.readexactly(length))


async def shoot(connections: Sequence[Connection], requests: Sequence[Request]) -> list[Answer]:
    """Send all requests at once: each but for its last octet first, then all last octets in a row."""
    octets = [request.octets for request in requests]
    for connection, each in zip(connections, octets, strict=True):
        await connection.write(each[:-1])
    for connection, each in zip(connections, octets, strict=True):
        await connection.write(each[-1:])
    return await asyncio.gather(*(connection.answer() for connection in connections))
