"""A listener without TLS, where no client has any business: what comes is answered once and written down."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from trustweft.protocol.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["serve_plaintext"]

_LIMIT: Final = 65_536
_SECONDS: Final = 10.0


@contextlib.asynccontextmanager
async def serve_plaintext(
    respond: Callable[[HttpRequest], HttpResponse], *, host: str, port: int
) -> AsyncIterator[None]:
    """Serve HTTP/1.1, one request for each connection, as long as the block lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, ValueError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_SECONDS):
                writer.write(_encoded(respond(await _read(reader))))
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, host, port, limit=_LIMIT):
        yield


async def _read(reader: asyncio.StreamReader) -> HttpRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple(
        (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
    )
    length = int(next((value for name, value in headers if name == "content-length"), "0"))
    body = await reader.readexactly(min(length, _LIMIT))
    path, _, query = target.partition("?")
    return HttpRequest(method=method, path=path, query=query.encode("latin-1"), headers=headers, body=body)


def _encoded(response: HttpResponse) -> bytes:
    headers = (*response.headers, ("content-length", str(len(response.body))), ("connection", "close"))
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body
