"""Starts `trustweft up` as a real process and finds its way around it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import httpx2
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Ecosystem", "free_base_port", "run_trustweft", "running_ecosystem"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
PORTS = 10


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """A running ecosystem."""

    data: Path
    base_port: int
    log: Path

    @property
    def authority(self) -> Path:
        """The certificate of its authority."""
        return self.data / "ca" / "certificate.pem"

    @property
    def trust(self) -> ssl.SSLContext:
        """A TLS context that trusts it and nothing else."""
        return ssl.create_default_context(cafile=str(self.authority))

    @property
    def home(self) -> str:
        """The home page's base URL."""
        return f"https://localhost:{self.base_port}"

    @property
    def issuer(self) -> str:
        """The authorization server's base URL."""
        return f"https://localhost:{self.base_port + 1}"

    @property
    def bank(self) -> str:
        """The bank's base URL, which is its audience too."""
        return f"https://localhost:{self.base_port + 3}"

    @property
    def moneyview(self) -> str:
        """MoneyView's base URL."""
        return f"https://localhost:{self.base_port + 4}"

    @property
    def passwords(self) -> dict[str, str]:
        """The demo users with their passwords."""
        document = msgspec.json.decode((self.data / "credentials.json").read_bytes())
        return {user["username"]: user["password"] for user in document["users"]}


def free_base_port() -> int:
    """Return the first of ten neighbouring ports that nobody listens on, below the ephemeral range."""
    # Workers of one run look at different ports: what one has found it has not yet bound.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    bases = range(20_000 + worker * PORTS, 32_000, workers * PORTS)
    start = os.getppid() * 20 % len(bases)  # and so do two runs on one machine
    for base in chain(bases[start:], bases[:start]):
        with contextlib.ExitStack() as opened:
            try:
                for port in range(base, base + PORTS):
                    probe = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise RuntimeError("no ten free ports in a row")


def run_trustweft(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "trustweft", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextlib.contextmanager
def running_ecosystem(data: Path, *, base_port: int | None = None) -> Iterator[Ecosystem]:
    """Start `trustweft up`, wait until its home page says that everybody is ready, and stop it in the end."""
    base = free_base_port() if base_port is None else base_port
    log = data.parent / f"{data.name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "trustweft", "up", "--data", str(data), "--port", str(base)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ecosystem = Ecosystem(data, base, log)
    try:
        _wait_until_ready(ecosystem, process)
        yield ecosystem
    finally:
        status = _stop(process)
    assert status == 0, log.read_text(encoding="utf-8")[-4000:]


def _wait_until_ready(ecosystem: Ecosystem, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, ecosystem.log.read_text(encoding="utf-8")[-4000:]
        with contextlib.suppress(httpx2.HTTPError, OSError):
            if (
                httpx2.get(f"{ecosystem.home}/", verify=ecosystem.trust, timeout=5).status_code
                == httpx2.codes.OK
            ):
                return
        # Bounded polling: what is waited for tells nobody when it happens.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError(ecosystem.log.read_text(encoding="utf-8")[-4000:])


def _stop(process: subprocess.Popen[bytes]) -> int:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
