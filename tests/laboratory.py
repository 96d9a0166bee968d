"""An ecosystem in a thread whose checks can be switched off one by one, and whose clock obeys."""

from __future__ import annotations

import asyncio
import threading
from functools import wraps
from typing import TYPE_CHECKING
from unittest import mock

import uvloop
from argon2 import PasswordHasher

from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.up import run_ecosystem
from trustweft.resource.checks import PIPELINE
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.server.login import passwords
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.runtime.clock import Clock

__all__ = ["Check", "Laboratory"]

START_SECONDS = 30.0
# Slow enough for what time tells, and no slower: most of a machine's time would go into the hashes of its own passwords.
HASHER = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)

Check = tuple[str, str]  # the pipeline (``guard`` is the resource server's) and the function's name


class Laboratory:
    """The ecosystem; what is in ``without`` is not checked, and for what is in ``instead`` something else is done."""

    def __init__(self, directory: DataDirectory, clock: Clock) -> None:
        self.without: frozenset[Check] = frozenset()
        self.instead: dict[Check, Callable[..., Any]] = {}
        self._directory = directory
        self._surroundings = Surroundings(clock, SystemEntropy(), SilentObserver())
        self._ready = threading.Event()
        self._stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()))

    async def _serve(self) -> None:
        stop = asyncio.Event()
        self._stopping.append((asyncio.get_running_loop(), stop))
        await run_ecosystem(
            self._directory,
            surroundings=self._surroundings,
            announce=lambda *_: self._ready.set(),
            stop=stop,
            pipelines={name: self._switchable(name, pipeline) for name, pipeline in PIPELINES.items()},
            guard_pipeline=self._switchable("guard", PIPELINE),
        )

    def _switchable(self, endpoint: str, pipeline: tuple[Any, ...]) -> tuple[Any, ...]:
        def switchable(check: Any) -> Callable[..., Any]:
            @wraps(check)
            def run(subject: object) -> object:
                named = endpoint, check.__name__
                return None if named in self.without else self.instead.get(named, check)(subject)

            return run

        return tuple(map(switchable, pipeline))

    def __enter__(self) -> Self:
        with mock.patch.object(passwords, "PasswordHasher", return_value=HASHER):
            self._thread.start()
            assert self._ready.wait(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        loop, stop = self._stopping[0]
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()
