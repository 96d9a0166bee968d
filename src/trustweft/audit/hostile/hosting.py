"""Serves the hostile server over TLS, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager
from itertools import islice
from random import SystemRandom
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.hostile.application import Addresses, Application
from trustweft.audit.hostile.plaintext import serve_plaintext
from trustweft.audit.hostile.scenario import Place
from trustweft.net.asgi import application
from trustweft.net.serving import Listener, serve, tls_context
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from trustweft.audit.hostile.certificates import Certificates
    from trustweft.protocol.http import HttpRequest, HttpResponse

__all__ = ["HostingError", "free_addresses", "free_ports", "hosting"]

BODY_LIMIT: Final = 1_048_576
START_SECONDS: Final = 20.0
_PORTS: Final = range(10_000, 20_000)


class HostingError(Exception):
    """The hostile server cannot be served; the message says why."""


def free_addresses(base: str | None, certificates: Certificates) -> Addresses:
    """Return where the hostile server is to answer: at ``base`` where given, and on free ports of that host.

    Args:
        base: an https URL without a path, as the client under test knows it.
        certificates: the places that can be served.
    """
    host = (urlsplit(base).hostname or "localhost") if base else "localhost"
    counterfeit, plaintext, *ports = free_ports(len(certificates.files) + 2)
    places = {place: f"https://{host}:{port}" for place, port in zip(certificates.files, ports, strict=True)}
    if base:
        places[Place.GOOD] = base.rstrip("/")
    return Addresses(
        places=places,
        counterfeit=f"https://{host}:{counterfeit}",
        plaintext=f"http://{host}:{plaintext}",
    )


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports of this machine that nobody listens at, no two alike.

    Below those that systems give to outgoing connections: an audit opens many, and one of them could take a port
    between the look and its use.

    Raises:
        HostingError: there are not so many.
    """
    candidates = SystemRandom().sample(_PORTS, len(_PORTS))
    with ExitStack() as opened:
        found = list(islice((port for port in candidates if _is_free(port, opened)), count))
    if len(found) < count:
        raise HostingError(f"this machine has no {count} free ports")
    return tuple(found)


def _is_free(port: int, opened: ExitStack) -> bool:
    """Tell whether a port can be bound; it stays so until ``opened`` is closed."""
    probe = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


@contextmanager
def hosting(stage: Application, certificates: Certificates) -> Iterator[None]:
    """Serve as long as the block lasts.

    Raises:
        HostingError: an address is taken, or a certificate cannot be used.
    """
    loop_of_server: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready, failures = threading.Event(), list[BaseException]()

    async def run() -> None:
        stop = asyncio.Event()
        loop_of_server.append((asyncio.get_running_loop(), stop))
        plain = urlsplit(stage.addresses.plaintext)
        async with serve_plaintext(
            lambda request: stage.respond(request, base=stage.addresses.plaintext),
            host=plain.hostname or "",
            port=plain.port or 80,
        ):
            await serve(_listeners(stage, certificates), stop=stop, on_ready=ready.set)

    def in_thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as cause:  # noqa: BLE001  # it is raised again by whoever waits
            failures.append(cause)
            ready.set()

    thread = threading.Thread(target=in_thread, name="hostile-server")
    thread.start()
    try:
        if not ready.wait(START_SECONDS) or failures:
            raise HostingError(f"the hostile server did not start: {failures or 'it took too long'}")
        yield
    finally:
        for loop, stop in loop_of_server:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
        thread.join()


def _listeners(stage: Application, certificates: Certificates) -> list[Listener]:
    addresses = stage.addresses
    where = [(base, certificates.files[place]) for place, base in addresses.places.items()]
    where.append((addresses.counterfeit, certificates.files[Place.GOOD]))
    shown = _Shown(stage, certificates) if stage.fixed else None
    return [
        Listener(
            name="the hostile server",
            application=application(
                _responder(stage, base),
                participant="hostile-server",
                observer=SilentObserver(),
                body_limit=BODY_LIMIT,
            ),
            host=urlsplit(base).hostname or "",
            port=urlsplit(base).port or 443,
            certificate=files.certificate_file,
            private_key=files.private_key_file,
            client_authorities=certificates.authority,
            prepare=shown.prepare if shown is not None and base == addresses.places[Place.GOOD] else None,
        )
        for base, files in where
    ]


class _Shown:
    """Shows, where one issuer serves all scenarios, the certificate of the scenario that is on, handshake by handshake.

    No session is resumed: a client that came back by one would see no certificate, and have nothing to refuse.
    """

    def __init__(self, stage: Application, certificates: Certificates) -> None:
        self._stage = stage
        self._contexts = {
            place: _never_resumed(
                tls_context(
                    certificate=files.certificate_file,
                    private_key=files.private_key_file,
                    client_authorities=certificates.authority,
                )
            )
            for place, files in certificates.files.items()
        }

    def prepare(self, context: ssl.SSLContext) -> None:
        """Let each handshake choose."""
        _never_resumed(context).sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stage = self._stage
        place = stage.scenarios[stage.on].place
        connection.context = self._contexts.get(place, self._contexts[Place.GOOD])


def _never_resumed(context: ssl.SSLContext) -> ssl.SSLContext:
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def _responder(stage: Application, base: str) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
    async def respond(request: HttpRequest) -> HttpResponse:
        return stage.respond(request, base=base)

    return respond
