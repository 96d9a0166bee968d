"""One worker: ``python -P -m trustweft.cli.workers.worker``, started by its parent and by nobody else."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
import uvloop

from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.running import run
from trustweft.cli.configuration import KINDS
from trustweft.cli.serve import ASSEMBLERS, START_FAILURES
from trustweft.cli.workers.assignment import READY, Assignment
from trustweft.net.serving import GRACE_SECONDS, stop_on_signals
from trustweft.net.telemetry import Telemetry
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from trustweft.net.serving import Listener

__all__ = ["main"]

# Our choice: whoever has not stopped by then never will, and nobody is left who would end it.
LAST_SECONDS: Final = 2 * GRACE_SECONDS
_STANDARD_INPUT: Final = 0
_STANDARD_OUTPUT: Final = 1


def main() -> None:
    """Serve until the parent closes the input, or dies, or a signal comes."""
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the parent died at once
    assignment = msgspec.json.decode(line, type=Assignment)
    try:
        uvloop.run(_work(assignment))
    except START_FAILURES as cause:
        click.ClickException(str(cause)).show()
        sys.exit(1)


async def _work(assignment: Assignment) -> None:
    metrics = None if assignment.metrics is None else Path(assignment.metrics)
    telemetry = Telemetry(worker=assignment.number, shared_metrics=metrics)
    surroundings = Surroundings(SystemClock(), SystemEntropy(), telemetry)
    settings = msgspec.convert(assignment.settings, KINDS[assignment.participant])
    stop = asyncio.Event()
    _stop_with_the_parent(stop)
    assembled = ASSEMBLERS[assignment.participant](
        settings, base=Path(assignment.base), surroundings=surroundings
    )
    assembled.listeners = [
        _with_sockets(listener, assignment.sockets[listener.name]) for listener in assembled.listeners
    ]
    with stop_on_signals(stop):
        await run(assembled, stop=stop, on_ready=_say_ready)


def _say_ready() -> None:
    os.write(_STANDARD_OUTPUT, READY)


def _with_sockets(listener: Listener, descriptors: list[int]) -> Listener:
    sockets = tuple(socket.socket(fileno=descriptor) for descriptor in descriptors)
    for shared in sockets:
        shared.setblocking(False)  # noqa: FBT003  # the standard library's own signature
    return replace(listener, sockets=sockets)


def _stop_with_the_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the input ends. A loop that does not listen any more is ended with the process."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while os.read(_STANDARD_INPUT, 1):
            pass
        loop.call_soon_threadsafe(stop.set)
        time.sleep(LAST_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    main()
