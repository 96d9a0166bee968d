"""An authorization server and a resource server with several workers each, as real processes on one data directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final

import cbor2
import msgspec

from soak.client import Client
from software_authenticator import SoftwareAuthenticator
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.first_start import prepare_keys, prepare_people, prepare_settings
from trustweft.crypto.local_authority import load_or_create_authority, load_or_create_server_certificate
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.server.login.passwords import Passwords
from trustweft.server.login.people import create_user, new_subject
from trustweft.server.records import Passkey
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PASSWORD", "Running", "Site", "prepare_site", "wait_until_gone"]

CUSTOMERS: Final = 32
PASSWORD: Final = "correct horse battery staple"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Site:
    """What was prepared: a data directory as `trustweft up` makes it, with customers and one more client."""

    directory: DataDirectory
    client: Client
    customers: tuple[tuple[str, SoftwareAuthenticator], ...]

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """A TLS context that trusts its authority and nothing else."""
        return ssl.create_default_context(cafile=str(self.directory.authority))

    @contextlib.contextmanager
    def serving(self, participant: str, *, workers: int) -> Iterator[Running]:
        """Run `trustweft serve` until the end of the block, in which nobody may have killed it."""
        running = self.start(participant, workers=workers)
        try:
            yield running
        finally:
            status = running.stop()
        assert status == 0, running.log.read_text(encoding="utf-8")[-4000:]

    def start(self, participant: str, *, workers: int) -> Running:
        """Start `trustweft serve` and wait until all of its workers accept connections."""
        log = self.directory.path / f"{participant}.log"
        begun = log.stat().st_size if log.exists() else 0
        config = self.directory.path / participant / f"{participant}.toml"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "trustweft", "serve", participant),
                    *("--config", str(config), "--workers", str(workers)),
                ],
                stdout=subprocess.PIPE,
                stderr=sink,
            )
        assert process.stdout is not None
        answered = process.stdout.readline()  # at the latest its end, when the process ends
        assert b" answers at " in answered, log.read_text(encoding="utf-8")[-4000:]
        return Running(process, log, begun, process.stdout)


@dataclass
class Running:
    """A participant that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    begun: int
    stdout: IO[bytes]

    def lines(self, since: int | None = None) -> list[dict[str, Any]]:
        """Return the lines that it has logged since the log had that size; since its start otherwise."""
        with self.log.open("rb") as file:
            file.seek(self.begun if since is None else since)
            return [json.loads(line) for line in file if line.startswith(b"{") and line.endswith(b"\n")]

    @property
    def logged(self) -> int:
        """The size of the log."""
        return self.log.stat().st_size

    def refused_by(self, since: int) -> Counter[int]:
        """Return how many requests each worker has refused since the log had that size."""
        return Counter(line["worker"] for line in self.lines(since) if line["event"] == "refused")

    @property
    def worker_processes(self) -> list[int]:
        """The process ids of the workers, the latest of each number, by number."""
        latest = {line["worker"]: line["process"] for line in self.lines() if line["event"] == "worker-ready"}
        return [latest[number] for number in sorted(latest)]

    def wait_until_replaced(self, process_id: int) -> None:
        """Wait until a worker that was killed has a successor."""
        deadline = time.monotonic() + START_SECONDS
        while process_id in self.worker_processes:
            assert time.monotonic() < deadline, self.lines()[-5:]
            time.sleep(0.01)  # bounded polling: a log tells nobody that it grew

    def wait_until_killed(self) -> None:
        """Wait for the end of the parent and of every worker, after they were killed."""
        self.process.wait()
        self.stdout.close()
        wait_until_gone(self.worker_processes)

    def stop(self) -> int:
        """Stop it as an operator does, and return its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.stdout.close()


def wait_until_gone(process_ids: list[int]) -> None:
    """Wait until none of the processes is left; they may not be ours to wait for."""
    deadline = time.monotonic() + STOP_SECONDS
    while left := [each for each in process_ids if _is_alive(each)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.01)  # bounded polling: nobody tells whose child it is not


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for yet has ended all the same.
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False
    )
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


async def prepare_site(path: Path, *, base_port: int) -> Site:
    """Make what a first start of `trustweft up` makes, and customers enough for a crowd."""
    surroundings = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
    clock = surroundings.clock
    directory = DataDirectory.open_or_create(path, base_port=base_port, clock=clock)
    authority = load_or_create_authority(directory.path / "ca", now=clock.now())
    load_or_create_server_certificate(directory.path / "tls", authority=authority, now=clock.now())
    prepare_keys(directory, authority=authority, now=clock.now())
    client = Client(directory.ports)
    async with SqliteStore.open(directory.database) as store:
        await prepare_people(directory, store, surroundings=surroundings)
        prepare_settings(directory, customers={})
        assert await store.add_client(client.client_id, msgspec.json.encode(client.metadata))
        customers = await _add_customers(store, issuer=client.issuer, surroundings=surroundings)
    return Site(directory, client, customers)


async def _add_customers(
    store: SqliteStore, *, issuer: str, surroundings: Surroundings
) -> tuple[tuple[str, SoftwareAuthenticator], ...]:
    """Add customers, each with a passkey, all with one password: hashing one for each takes long, on purpose."""
    clock, entropy = surroundings.clock, surroundings.entropy
    passwords = Passwords(entropy=entropy)
    somebody = await create_user(
        username="",
        password=PASSWORD,
        name="Somebody",
        email="somebody@example.com",
        passwords=passwords,
        entropy=entropy,
        clock=clock,
    )
    passwords.close()
    customers = []
    for number in range(CUSTOMERS):
        username, subject = f"customer-{number}", new_subject(entropy)
        assert await store.add_user(msgspec.structs.replace(somebody, username=username, subject=subject))
        authenticator = SoftwareAuthenticator(
            origin=issuer, counts=False
        )  # one person may log in twice at once
        authenticator.user_handle = encode_base64url(subject.encode())
        passkey = Passkey(
            credential_id=authenticator.credential_id,
            subject=subject,
            public_key=cbor2.dumps(authenticator._cose()),
            sign_count=0,
            created_at=clock.now(),
            name="Passkey",
        )
        assert await store.add_passkey(passkey)
        customers.append((username, authenticator))
    return tuple(customers)
