"""Serves an application of ours over real TLS beside a test that blocks: in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvloop

from trustweft.net.serving import Listener, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trustweft.net.asgi import Application

__all__ = ["served"]

START_SECONDS = 20.0


@contextmanager
def served(
    create: Callable[[], Application],
    *,
    port: int,
    certificate: Path,
    private_key: Path,
    client_authorities: Path | None = None,
) -> Iterator[str]:
    """Serve what ``create`` returns (called inside the loop) on localhost, and return its base URL.

    With ``client_authorities`` clients are asked for a certificate.
    """
    ready = threading.Event()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        stop = asyncio.Event()
        stopping.append((asyncio.get_running_loop(), stop))
        listener = Listener(
            name="test",
            application=create(),
            host="localhost",
            port=port,
            certificate=certificate,
            private_key=private_key,
            client_authorities=client_authorities,
        )
        await serve([listener], stop=stop, on_ready=ready.set)

    thread = threading.Thread(target=lambda: uvloop.run(run()))
    thread.start()
    try:
        assert ready.wait(START_SECONDS)
        yield f"https://localhost:{port}"
    finally:
        loop, stop = stopping[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()
