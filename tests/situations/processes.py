"""One participant as a process: started, paused as an overloaded machine pauses it, and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

__all__ = ["Participant"]

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 20.0
TESTS: Final = str(Path(__file__).parents[1])


@dataclass
class Participant:
    """A participant that `trustweft serve` runs.

    Attributes:
        kind: what it is: ``directory``, ``server``, ``resource``, ``client``.
        folder: its own, with its settings and all that it keeps.
        url: where it answers.
        page: what it answers with 200 to anybody.
        authority: the certificate that its own hangs off.
    """

    kind: str
    folder: Path
    url: str
    page: str
    authority: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "log"

    def start(self, *, skew: float = 0.0) -> None:
        """Start it; with ``skew`` its clock is wrong by so many seconds."""
        how = ["-m", "situations.wrong_clock", str(skew)] if skew else ["-m", "trustweft"]
        config = str(self.folder / f"{self.kind}.toml")
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, *how, "serve", self.kind, "--config", config],
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([TESTS, os.environ.get("PYTHONPATH", "")])},
            )

    def wait(self) -> None:
        """Wait until it answers."""
        process, deadline = self._process, time.monotonic() + START_SECONDS
        assert process is not None
        trust = ssl.create_default_context(cafile=str(self.authority))
        with httpx2.Client(verify=trust, timeout=5, trust_env=False) as http:
            while time.monotonic() < deadline:
                assert process.poll() is None, self.log.read_text("utf-8")[-4_000:]
                with contextlib.suppress(httpx2.HTTPError, OSError):
                    if http.get(self.url + self.page).status_code == httpx2.codes.OK:
                        return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        raise AssertionError(f"{self.url} does not answer: {self.log.read_text('utf-8')[-4_000:]}")

    def pause(self) -> None:
        """Have it do nothing any more, with all its connections open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it go on where it was."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
        status = self._process.wait(STOP_SECONDS)
        self._process = None
        assert status == 0, self.log.read_text("utf-8")[-4_000:]

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
