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
from typing import TYPE_CHECKING, Final

import uvicorn

from trustweft.net.client_certificates import ask_for_certificate
from trustweft.net.connections import Connection
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from trustweft.net.asgi import Application
    from trustweft.net.tls_policy import TlsPolicy

__all__ = ["Listener", "ServingError", "bind", "check_free", "serve", "stop_on_signals", "tls_context"]

# RFC 9325 section 4.2: with TLS 1.2 only ephemeral key exchange and authenticated encryption with AES.
CIPHERS_TLS_1_2: Final = "ECDHE+AESGCM"
GRACE_SECONDS: Final = 5.0  # for requests that are being answered
IDLE_SECONDS: Final = 0.5  # for connections that are not: most close at once, some peers never answer
BACKLOG: Final = 2048
_NO_SUCH_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class ServingError(OSError):
    """A listener cannot be opened; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One address to listen at.

    Attributes:
        client_authorities: where set, the listener asks for client certificates: a file of the authorities that may
            have issued them. It bounds nothing where any certificate may reach the application, as it should.
        policy: what narrows TLS further than it is by itself.
        prepare: has the last word on the TLS context before it is used.
        sockets: bound to the address already, by somebody who shares them with others; serving closes them.
    """

    name: str
    application: Application
    host: str
    port: int
    certificate: Path
    private_key: Path
    client_authorities: Path | None = None
    policy: TlsPolicy | None = None
    prepare: Callable[[ssl.SSLContext], None] | None = None
    sockets: tuple[socket.socket, ...] = ()


@enforces("FAPI2-SP-5.2.1-2", "FAPI2-SP-5.2.1-3", "FAPI2-SP-5.2.2-1", "FAPI2-SP-5.2.3-2")
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
        ask_for_certificate(context, authorities=client_authorities)
    return context


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone, and ends within a bound whatever its peers do."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: one place handles them for all listeners."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: requests under way are answered, every connection is closed, in the end by force."""
        loop = asyncio.get_running_loop()
        timers = (
            loop.call_later(IDLE_SECONDS, self._cut_off, True),  # noqa: FBT003  # call_later passes no keywords
            loop.call_later(GRACE_SECONDS, self._cut_off, False),  # noqa: FBT003
        )
        try:
            await super().shutdown(sockets)
        finally:
            for timer in timers:
                timer.cancel()

    def _cut_off(self, idle_only: bool) -> None:  # noqa: FBT001  # called by the loop
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection) and not (idle_only and connection.is_answering):
                connection.abort()


async def serve(
    listeners: Sequence[Listener], *, stop: asyncio.Event, on_ready: Callable[[], None] | None = None
) -> None:
    """Serve until ``stop`` is set; every socket is bound before the first connection is accepted.

    Raises:
        ServingError: an address is taken or may not be used, or a certificate cannot be.
    """
    with contextlib.ExitStack() as opened:
        bound = [(_Server(_configure(listener)), _sockets_of(listener, opened)) for listener in listeners]
        servers = [server for server, _ in bound]
        running = [asyncio.create_task(server.serve(sockets)) for server, sockets in bound]
        stopped = asyncio.create_task(stop.wait())
        try:
            await _all_ready(servers, running)
            if on_ready is not None:
                on_ready()
            await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            for server in servers:
                server.should_exit = True
            outcomes = await asyncio.gather(*running, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


async def _all_ready(servers: Sequence[_Server], running: Sequence[asyncio.Task[None]]) -> None:
    """Wait until every listener accepts; the first that fails ends the waiting with its error."""
    for server, task in zip(servers, running, strict=True):
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            task.result()
            raise ServingError("a listener ended before it was ready")


def _configure(listener: Listener) -> uvicorn.Config:
    """Return the server's configuration, loaded: what is wrong with a certificate is said before anything starts."""
    config = uvicorn.Config(
        listener.application,
        http=Connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # a warning for each malformed request would let anybody fill the log
        access_log=False,
        server_header=False,
        proxy_headers=False,  # no forwarded header is ever believed here
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(GRACE_SECONDS) + 1,  # connections are cut off before; this ends tasks
        ssl_context_factory=lambda _config, _default: tls_context(
            certificate=listener.certificate,
            private_key=listener.private_key,
            client_authorities=listener.client_authorities,
        ),
    )
    try:
        config.load()
        if listener.policy is not None and config.ssl is not None:
            listener.policy.narrow(config.ssl)
        if listener.prepare is not None and config.ssl is not None:
            listener.prepare(config.ssl)
    except (OSError, ValueError) as cause:  # ssl.SSLError is an OSError
        raise ServingError(
            f"{listener.name} cannot use {listener.certificate} with {listener.private_key}: {cause}"
        ) from cause
    return config


def check_free(name: str, host: str, port: int) -> None:
    """Hold that an address can be listened at now.

    Raises:
        ServingError: it is taken or may not be used.
    """
    for opened in bind(name, host, port):
        opened.close()


def bind(name: str, host: str, port: int) -> tuple[socket.socket, ...]:
    """Return a socket for every address of the host, bound and not yet listening; the caller closes them.

    Raises:
        ServingError: the address is taken or may not be used.
    """
    with contextlib.ExitStack() as opened:
        sockets = tuple(_bind(name, host, port, opened))
        opened.pop_all()
    return sockets


def _sockets_of(listener: Listener, opened: contextlib.ExitStack) -> list[socket.socket]:
    if listener.sockets:
        return [opened.enter_context(shared) for shared in listener.sockets]
    return _bind(listener.name, listener.host, listener.port, opened)


def _bind(name: str, host: str, port: int, opened: contextlib.ExitStack) -> list[socket.socket]:
    """Bind every address of the host: ``localhost`` has one of each family."""
    sockets = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
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
        why = "it has no address here" if failure is None else failure.strerror
        raise ServingError(f"{name} cannot listen on {host}:{port}: {why}") from failure
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
