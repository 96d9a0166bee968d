"""A local authority, certificates and raw TLS servers for tests that use real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trustweft.crypto.local_authority import (
    Authority,
    ServerCertificate,
    load_or_create_authority,
    load_or_create_server_certificate,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

__all__ = ["LocalTls", "make_local_tls", "read_head", "tls_server"]


@dataclass(frozen=True)
class LocalTls:
    """An authority and the certificate of a server on this machine."""

    authority: Authority
    server: ServerCertificate

    def server_context(self) -> ssl.SSLContext:
        """Return the context of a plain TLS server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate_file, self.server.private_key_file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts the authority and nothing else."""
        return ssl.create_default_context(cafile=str(self.authority.certificate_file))


def make_local_tls(directory: Path) -> LocalTls:
    """Make authority and certificate; their time is the machine's, because OpenSSL's is."""
    now = time.time()
    authority = load_or_create_authority(directory / "ca", now=now)
    return LocalTls(
        authority, load_or_create_server_certificate(directory / "tls", authority=authority, now=now)
    )


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Return a request up to the end of its headers."""
    return await reader.readuntil(b"\r\n\r\n")


@contextlib.asynccontextmanager
async def tls_server(talk: Talk, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve ``talk`` on a free loopback port for as long as the block lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
