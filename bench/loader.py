"""A loader that does little: it replays requests that are ready to be sent, each once, and looks at every answer.

One HTTP/1.1 request at a time on each of a few kept-alive TLS connections. Connecting is not timed.
"""

from __future__ import annotations

import asyncio
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import uvloop

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

__all__ = ["Answer", "Expected", "Load", "LoaderError", "ask", "replay"]

CONNECTIONS: Final = (
    64  # our choice: a busy server; with few, a durable one waits for the disk with nothing to do
)
_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"


class LoaderError(Exception):
    """An answer is not the one that was expected: whatever was measured would be worthless."""


class Answer(NamedTuple):
    """One response."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header with this name, in lower case."""
        for line in self.head.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.strip().lower() == name.encode():
                return value.strip().decode()
        return None


class Expected(NamedTuple):
    """What every answer of a measurement must look like."""

    status: int
    contains: bytes


class Load(NamedTuple):
    """What one measurement says.

    Attributes:
        answers: how many came, all of them as expected.
        seconds: from the first request to the last answer.
        loader_share: of that time, how much the loader computed; near 1 it measures itself.
    """

    answers: int
    seconds: float
    loader_share: float

    @property
    def per_second(self) -> float:
        """Return the rate."""
        return self.answers / self.seconds


class _Work:
    """The requests that nobody has sent yet, and whether all were answered."""

    def __init__(self, requests: Sequence[bytes], expected: Expected | None) -> None:
        self.requests: Iterator[bytes] = iter(requests)
        self.waiting = len(requests)
        self.expected = expected
        self.last: Answer | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finished_one(self, answer: Answer) -> None:
        expected = self.expected
        if expected is not None and (
            answer.status != expected.status or expected.contains not in answer.body
        ):
            self.fail(f"{answer.status} instead of {expected.status}: {answer.body[:500]!r}")
            return
        self.waiting -= 1
        if not self.waiting:
            self.last = answer
            if not self.done.done():
                self.done.set_result(None)

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoaderError(why))


class _Connection(asyncio.Protocol):
    """Sends one request, waits for its answer, sends the next."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send_next(self) -> None:
        request = next(self._work.requests, None)
        if request is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        end = data.find(_END_OF_HEAD)
        if end < 0:
            return
        head = data[:end]
        length = _content_length(head)
        if length is None:
            self._work.fail(f"no content-length: {head!r}")
            return
        body = data[end + len(_END_OF_HEAD) :]
        if len(body) < length:
            return
        self._buffer = b""
        self._work.finished_one(Answer(int(head[9:12]), head, body))
        self.send_next()

    def connection_lost(self, cause: Exception | None) -> None:
        if self._work.waiting:
            self._work.fail(f"the connection ended early: {cause!r}")

    def close(self) -> None:
        self._transport.close()


def _content_length(head: bytes) -> int | None:
    start = head.lower().find(_LENGTH)
    if start < 0:
        return None
    start += len(_LENGTH)
    end = head.find(b"\r\n", start)
    return int(head[start:] if end < 0 else head[start:end])


def replay(
    requests: Sequence[bytes],
    *,
    port: int,
    trust: ssl.SSLContext,
    expected: Expected,
    connections: int = CONNECTIONS,
) -> Load:
    """Send every request once and return how long it took.

    Raises:
        LoaderError: an answer is not as ``expected``.
    """
    work, seconds, busy = uvloop.run(
        _run(requests, port=port, trust=trust, expected=expected, connections=connections)
    )
    return Load(answers=len(requests) - work.waiting, seconds=seconds, loader_share=busy / seconds)


def ask(request: bytes, *, port: int, trust: ssl.SSLContext) -> Answer:
    """Send one request on a connection of its own and return the answer, whatever it is."""
    work, _, _ = uvloop.run(_run([request], port=port, trust=trust, expected=None, connections=1))
    if work.last is None:
        raise LoaderError("no answer")
    return work.last


async def _run(
    requests: Sequence[bytes],
    *,
    port: int,
    trust: ssl.SSLContext,
    expected: Expected | None,
    connections: int,
) -> tuple[_Work, float, float]:
    loop = asyncio.get_running_loop()
    work = _Work(requests, expected)
    opened = [
        (
            await loop.create_connection(
                lambda: _Connection(work), "127.0.0.1", port, ssl=trust, server_hostname="localhost"
            )
        )[1]
        for _ in range(min(connections, len(requests)))
    ]
    began, busy = perf_counter(), process_time()
    for connection in opened:
        connection.send_next()
    await work.done
    seconds, busy = perf_counter() - began, process_time() - busy
    for connection in opened:
        connection.close()
    return work, seconds, busy
