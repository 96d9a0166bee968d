"""Many MoneyViews in one process: ``python -P -m trustweft.cli.check.moneyview_host``, started by the auditor.

Each is configured with another issuer of the hostile server, and is otherwise the MoneyView that `trustweft up` runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from trustweft.cli.assembly.client import assemble_client
from trustweft.cli.assembly.parts import Assembled, Surroundings
from trustweft.cli.assembly.running import run
from trustweft.cli.settings import ClientSettings  # noqa: TC001  # msgspec reads the annotation
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

__all__ = ["READY", "Cast", "main"]

READY: Final = "ready\n"


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to run.

    Attributes:
        settings: of each MoneyView.
        base: the folder that paths in them are relative to.
    """

    settings: tuple[ClientSettings, ...]
    base: str


def main() -> None:
    """Serve until whoever started this closes the input, or dies."""
    line = sys.stdin.buffer.readline()
    if line:
        uvloop.run(_serve(msgspec.json.decode(line, type=Cast)))


async def _serve(cast: Cast) -> None:
    surroundings = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
    each = [
        assemble_client(settings, base=Path(cast.base), surroundings=surroundings)
        for settings in cast.settings
    ]
    stop = asyncio.Event()
    _stop_with_the_auditor(stop)
    await run(
        Assembled(
            [listener for assembled in each for listener in assembled.listeners],
            background=[],  # nobody's keys are replaced in a run of the auditor
            close=[close for assembled in each for close in assembled.close],
        ),
        stop=stop,
        on_ready=lambda: print(READY, end="", flush=True),
    )


def _stop_with_the_auditor(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="auditor-watch", daemon=True).start()


if __name__ == "__main__":
    main()
