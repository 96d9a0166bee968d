"""The parent of the workers: binds the sockets once, starts again what dies, and leaves nobody behind."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec
from prometheus_client.multiprocess import mark_process_dead

from trustweft.cli.workers.assignment import READY, Assignment
from trustweft.net.serving import GRACE_SECONDS, ServingError, bind

if TYPE_CHECKING:
    import socket
    from asyncio.subprocess import Process
    from collections.abc import Callable, Sequence

    from trustweft.cli.assembly.parts import Surroundings
    from trustweft.net.serving import Listener

__all__ = ["Supervisor"]

_PROGRAM: Final = (sys.executable, "-P", "-m", "trustweft.cli.workers.worker")
# Our choice: a worker that dies once is back at once; one that dies again and again does not take the machine along.
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
CALM_SECONDS: Final = 60.0  # who lived that long is not one that dies again and again
# Our choice: beyond the grace for requests, for closing the store on a busy machine.
PATIENCE: Final = GRACE_SECONDS + 3.0


@dataclass(frozen=True, slots=True)
class _Life:
    """How a worker's life went."""

    process_id: int
    status: int  # negative: the signal that ended it
    was_ready: bool


@dataclass
class Supervisor:
    """Runs the workers of one participant.

    Attributes:
        participant: which one.
        settings: what each worker is assembled from.
        base: the folder of the settings file.
        listeners: where the participant listens.
        workers: how many.
        surroundings: of the parent.
    """

    participant: str
    settings: msgspec.Struct
    base: str
    listeners: Sequence[Listener]
    workers: int
    surroundings: Surroundings
    _sockets: dict[str, tuple[socket.socket, ...]] = field(default_factory=dict)
    _ready: list[asyncio.Event] = field(default_factory=list)
    _metrics: str | None = None

    async def run(self, *, stop: asyncio.Event, on_ready: Callable[[], None] | None = None) -> None:
        """Keep the workers running until ``stop`` is set.

        Raises:
            ServingError: a port is taken, or a worker ended before all of them were ready for the first time.
        """
        with ExitStack() as opened:
            for listener in self.listeners:
                sockets = bind(listener.name, listener.host, listener.port)
                self._sockets[listener.name] = tuple(map(opened.enter_context, sockets))
            if self._has_operations:
                self._metrics = opened.enter_context(
                    tempfile.TemporaryDirectory(prefix="trustweft-metrics-", ignore_cleanup_errors=True)
                )
            self._ready = [asyncio.Event() for _ in range(self.workers)]
            await self._keep_all(stop, on_ready)

    @property
    def _has_operations(self) -> bool:
        """Tell whether there is an operators' address."""
        return any(listener.name == "operations" for listener in self.listeners)

    async def _keep_all(self, stop: asyncio.Event, on_ready: Callable[[], None] | None) -> None:
        keepers = [asyncio.create_task(self._keep(number)) for number in range(1, self.workers + 1)]
        stopping = asyncio.create_task(stop.wait())
        all_ready = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait({all_ready, stopping, *keepers}, return_when=asyncio.FIRST_COMPLETED)
            if all_ready.done() and on_ready is not None:
                on_ready()
            await asyncio.wait({stopping, *keepers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for keeper in keepers:
                keeper.cancel()
            stopping.cancel()
            all_ready.cancel()
            for sockets in self._sockets.values():
                for shared in sockets:
                    shared.close()  # or the system would go on to take connections that nobody answers
            outcomes = await asyncio.gather(*keepers, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _all_ready(self) -> None:
        for event in self._ready:
            await event.wait()

    async def _keep(self, number: int) -> None:
        """Let one worker live, again and again.

        Raises:
            ServingError: it ended before all were ready for the first time: what stops it would stop it again.
        """
        pause, clock = FIRST_PAUSE, self.surroundings.clock
        while True:
            begun = clock.now()
            life = await self._live(number)
            if self._metrics is not None:
                mark_process_dead(life.process_id, self._metrics)  # type: ignore[no-untyped-call]  # the library's
            if not life.was_ready and not all(event.is_set() for event in self._ready):
                raise ServingError(f"worker {number} ended before it was ready (status {life.status})")
            pause = FIRST_PAUSE if clock.now() - begun >= CALM_SECONDS else pause
            self.surroundings.observer.happened(
                self.participant, "worker-ended", worker=number, status=life.status, again_in=pause
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self, number: int) -> _Life:
        """Start a worker and wait for its end; when cancelled, end it."""
        process = await self._start(number)
        was_ready = False
        try:
            assert process.stdout is not None  # noqa: S101  # for the type checker: both are pipes
            was_ready = await process.stdout.readline() == READY
            if was_ready:
                self.surroundings.observer.happened(
                    self.participant, "worker-ready", worker=number, process=process.pid
                )
                self._ready[number - 1].set()
            while await process.stdout.read(4096):
                pass
            return _Life(process.pid, await process.wait(), was_ready)
        finally:
            await _end(process)

    async def _start(self, number: int) -> Process:
        descriptors = {name: [each.fileno() for each in group] for name, group in self._sockets.items()}
        assignment = Assignment(
            participant=self.participant,
            settings=msgspec.to_builtins(self.settings),
            base=self.base,
            number=number,
            sockets=descriptors,
            metrics=self._metrics,
        )
        environment = dict(os.environ)
        if self._metrics is not None:
            environment["PROMETHEUS_MULTIPROC_DIR"] = self._metrics
        process = await asyncio.create_subprocess_exec(
            *_PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            pass_fds=[descriptor for group in descriptors.values() for descriptor in group],
            process_group=0,  # Ctrl-C at a terminal is for the parent, who then stops them in good order
        )
        assert process.stdin is not None  # noqa: S101  # for the type checker: it is a pipe
        process.stdin.write(msgspec.json.encode(assignment) + b"\n")
        return process


async def _end(process: Process) -> None:
    """Close the worker's input, which tells it to stop; end it by force if it does not in time."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
