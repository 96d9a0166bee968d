"""Serves the examiner over real TLS: a plain address, and one that asks for a client certificate."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conformance.client.examiner import ServerKeys
from ecosystem import free_base_port
from local_tls import make_local_tls
from trustweft.crypto.local_authority import create_self_signed
from trustweft.net.asgi import application
from trustweft.net.serving import Listener, serve
from trustweft.runtime.files import write_private_file
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.client.examiner import Exam
    from local_tls import LocalTls
    from trustweft.protocol.http import HttpRequest, HttpResponse

__all__ = ["Host", "hosting"]

START_SECONDS = 20.0


class Host:
    """Where the examiner is, and the exam that is taken there now."""

    def __init__(self, directory: Path, base_port: int) -> None:
        self.url = f"https://localhost:{base_port}"
        self.mtls_url = f"https://localhost:{base_port + 1}"
        self.tls: LocalTls = make_local_tls(directory)
        self.keys = ServerKeys()
        self.client_certificate = directory / "client.pem"
        self.client_certificate_der = _make_certificate(self.client_certificate)
        self.exam: Exam
        self.errors: list[BaseException] = []

    def listeners(self, base_port: int) -> list[Listener]:
        """Return both addresses."""
        return [
            Listener(
                name="examiner",
                application=application(
                    partial(self._respond, mutual_tls=mutual),
                    participant="examiner",
                    observer=_Watching(self.errors),
                    body_limit=65_536,
                ),
                host="localhost",
                port=base_port + mutual,
                certificate=self.tls.server.certificate_file,
                private_key=self.tls.server.private_key_file,
                client_authorities=self.tls.authority.certificate_file if mutual else None,
            )
            for mutual in (False, True)
        ]

    async def _respond(self, request: HttpRequest, *, mutual_tls: bool) -> HttpResponse:
        return self.exam.respond(request, mutual_tls=mutual_tls)


class _Watching(SilentObserver):
    """Keeps what went wrong in the examiner itself: a test must not pass by that."""

    def __init__(self, errors: list[BaseException]) -> None:
        self._errors = errors

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Keep the error."""
        self._errors.append(cause)


@contextmanager
def hosting(directory: Path) -> Iterator[Host]:
    """Serve in a thread with a loop of its own for as long as the block lasts."""
    base_port = free_base_port()
    host = Host(directory, base_port)
    ready = threading.Event()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stopping.append((asyncio.get_running_loop(), asyncio.Event()))
        await serve(host.listeners(base_port), stop=stopping[0][1], on_ready=ready.set)

    thread = threading.Thread(target=lambda: uvloop.run(run()))
    thread.start()
    try:
        assert ready.wait(START_SECONDS)
        yield host
    finally:
        loop, stop = stopping[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _make_certificate(path: Path) -> bytes:
    """Write a self-signed client certificate and its key into one file; return it in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = create_self_signed(key, common_name="MoneyView", now=time.time())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private_file(path, pem + certificate.public_bytes(Encoding.PEM))
    return certificate.public_bytes(Encoding.DER)
