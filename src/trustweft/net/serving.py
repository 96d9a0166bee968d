"""Serving several ASGI applications over TLS in one event loop (uvicorn with httptools), and stopping cleanly.

The handshake never authenticates anybody. Where a listener asks for client certificates, the one that came is put
into the ASGI scope as it is; whoever relies on it verifies it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from trustweft.net.asgi import Application

__all__ = ["Listener", "ServingError", "serve", "stop_on_signals", "tls_context"]

# RFC 9325 section 4.2: with TLS 1.2 only ephemeral key exchange and authenticated encryption with AES.
CIPHERS_TLS_1_2: Final = "ECDHE+AESGCM"
GRACE_SECONDS: Final = 5
BACKLOG: Final = 2048
_NO_SUCH_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class ServingError(OSError):
    """A listener cannot be opened; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One address to listen at.

    Attributes:
        client_authorities: where set, the listener asks for client certificates; a file of the authorities that may
            have issued them.
    """

    name: str
    application: Application
    host: str
    port: int
    certificate: Path
    private_key: Path
    client_authorities: Path | None = None


def tls_context(
    *, certificate: Path, private_key: Path, client_authorities: Path | None = None
) -> ssl.SSLContext:
    """Return a server's TLS context: 1.3 preferred, 1.2 with four cipher suites, nothing older (FAPI 2.0 SP 5.2)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS_TLS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, private_key)
    if client_authorities is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(client_authorities)
    return context


class _WithPeerCertificate(HttpToolsProtocol):
    """Puts what the TLS handshake established into the scope of each request."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is None:
            return
        facts = {
            "client_cert_der": connection.getpeercert(binary_form=True),
            "tls_version": connection.version(),
        }
        application = self.app

        async def with_facts(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})["tls"] = facts
            await application(scope, receive, send)

        self.app = with_facts


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone: one place handles them for all listeners."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        self.ready.set()


async def serve(
    listeners: Sequence[Listener], *, stop: asyncio.Event, on_ready: Callable[[], None] | None = None
) -> None:
    """Serve until ``stop`` is set; every socket is bound before the first connection is accepted.

    Raises:
        ServingError: an address is taken or may not be used.
    """
    with contextlib.ExitStack() as opened:
        bound = [(listener, _bind(listener, opened)) for listener in listeners]
        servers = [(_Server(_configure(listener)), sockets) for listener, sockets in bound]
        running = [asyncio.create_task(server.serve(sockets)) for server, sockets in servers]
        stopped = asyncio.create_task(stop.wait())
        try:
            await _all_ready([server for server, _ in servers], running)
            if on_ready is not None:
                on_ready()
            await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            for server, _ in servers:
                server.should_exit = True
            outcomes = await asyncio.gather(*running, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def _all_ready(servers: Sequence[_Server], running: Sequence[asyncio.Task[None]]) -> None:
    """Wait until every listener accepts; one that fails ends the waiting."""
    for server, task in zip(servers, running, strict=True):
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()


def _configure(listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        listener.application,
        http=_WithPeerCertificate,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # no forwarded header is ever believed here
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=listener.certificate,
        ssl_keyfile=listener.private_key,
        ssl_context_factory=lambda _config, _default: tls_context(
            certificate=listener.certificate,
            private_key=listener.private_key,
            client_authorities=listener.client_authorities,
        ),
    )


def _bind(listener: Listener, opened: contextlib.ExitStack) -> list[socket.socket]:
    """Bind every address of the host: ``localhost`` has one of each family."""
    sockets = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        listener.host, listener.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            bound = opened.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind(address)
            bound.setblocking(False)  # noqa: FBT003  # the standard library's own signature
        except OSError as cause:
            if family == socket.AF_INET6 and cause.errno in _NO_SUCH_FAMILY:
                continue  # a machine without IPv6 is reached by the other address
            failure = cause
        else:
            sockets.append(bound)
    if failure is not None or not sockets:
        raise ServingError(
            f"{listener.name} cannot listen on {listener.host}:{listener.port}: {failure}"
        ) from failure
    return sockets


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` on SIGINT and SIGTERM; a second one is left to Python, which interrupts."""
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_once)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
