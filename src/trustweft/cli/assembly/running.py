"""Runs assembled participants until a signal, and leaves nothing running and nothing unsaved."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Final

from trustweft.net.serving import serve, stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.cli.assembly.parts import Assembled

__all__ = ["run"]

YOUNG_OBJECTS: Final = 20_000  # our choice: some megabytes, collected in a few milliseconds


async def run(
    participants: Assembled, *, stop: asyncio.Event | None = None, on_ready: Callable[[], None] | None = None
) -> None:
    """Serve, with the background work beside it; then close everything, last first.

    Without ``stop``, SIGINT and SIGTERM end it.

    Background work handles what it can foresee. Where it breaks all the same, serving ends: a directory that tells nobody
    any more, or a server that hears nothing, must not look as if it were well. Whoever supervises starts it again.

    Raises:
        ServingError: a port is taken.
        Exception: what broke background work.
    """
    _calm_collector()
    own_stop = asyncio.Event() if stop is None else stop
    broken: list[BaseException] = []

    def ended(task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (cause := task.exception()) is not None:
            broken.append(cause)
            own_stop.set()

    background = [asyncio.ensure_future(start()) for start in participants.background]
    for task in background:
        task.add_done_callback(ended)
    background.append(asyncio.ensure_future(_tell_stop(participants, own_stop)))
    try:
        with contextlib.nullcontext() if stop is not None else stop_on_signals(own_stop):
            await serve(participants.listeners, stop=own_stop, on_ready=on_ready)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        for close in reversed(participants.close):
            await close()
    if broken:
        raise broken[0]


async def _tell_stop(participants: Assembled, stop: asyncio.Event) -> None:
    await stop.wait()
    for tell in participants.stopping:
        tell()


def _calm_collector() -> None:
    """Let the garbage collector pass over what was assembled, and look at young objects less often.

    What a request makes is freed by reference counts; looking for cycles after every 700 objects, and through all
    that lives as long as the process, cost a tenth of the time of a token request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
