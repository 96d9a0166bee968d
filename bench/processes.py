"""Servers as processes on the measured core; those that are not being measured are stopped, so that they take nothing."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from bench.cores import on_core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ROOT", "Process"]

ROOT: Final = Path(__file__).parent.parent
STOP_SECONDS: Final = 20
_NANOSECONDS: Final = 1e9


class Process:
    """A child that prints one JSON object when it is ready, and answers JSON lines with JSON lines."""

    def __init__(self, command: Sequence[str | Path], *, core: int, log: IO[str]) -> None:
        with on_core(core):
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # Ctrl-C reaches the parent alone, which then ends its children.
                start_new_session=True,
            )
        self._log = log

    def read_line(self) -> dict[str, Any]:
        """Return the next JSON line.

        Raises:
            RuntimeError: the child ended without one.
        """
        assert self._process.stdout is not None  # noqa: S101  # for the type checker
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer."""
        assert self._process.stdin is not None  # noqa: S101  # for the type checker
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read_line()

    @property
    def cpu_seconds(self) -> float:
        """Return how long the process has computed so far, all its living threads together."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / _NANOSECONDS

    def pause(self) -> None:
        """Take the process off its core."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run for as long as the block takes."""
        self.resume()
        try:
            yield
        finally:
            self.pause()

    def stop(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            self.resume()
            self._process.terminate()
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
