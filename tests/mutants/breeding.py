"""The ecosystem that becomes one mutant after the other, and the auditor that meets it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from ecosystem import free_base_port
from mutants.staging import concerns_clients, probe_target, staging_of_mutant
from mutants.time_travel import TravellingClock
from trustweft.audit.engine import run_check
from trustweft.audit.preflight import open_wire, prepare, reach
from trustweft.audit.run import stager
from trustweft.audit.verdict import Safety
from trustweft.cli.check.box import target_of_box
from trustweft.cli.data_directory import DataDirectory
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trustweft.audit.check import Check
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.results import Result
    from trustweft.audit.target import Target

__all__ = ["Breeder", "CannotBreedError", "breeding"]

RATE: Final = 2_000.0  # requests in a second


class CannotBreedError(Exception):
    """The mutant cannot be made: its row no longer fits the source."""


@dataclass
class Breeder:
    """An ecosystem in a process of its own that changes on order.

    Attributes:
        order: what it is now.
        clock: of the auditor; that of the ecosystem goes with it.
    """

    process: subprocess.Popen[str]
    orders: IO[str]
    answers: IO[str]
    target: Target
    whole: Deployment
    data: DataDirectory
    order: Mapping[str, Any] = field(default_factory=dict)
    clock: TravellingClock = field(default_factory=TravellingClock)

    def become(self, order: Mapping[str, object]) -> None:
        """Make it a mutant; ``{}`` makes it whole again."""
        self._tell(order)
        self.order = order

    def _tell(self, order: Mapping[str, object]) -> None:
        self.orders.write(json.dumps(order) + "\n")
        self.orders.flush()
        answer = json.loads(self.answers.readline())
        if not answer["ok"]:
            raise CannotBreedError(answer["why"])

    def skip(self, seconds: float) -> None:
        """Let time pass, for the ecosystem and for the auditor."""
        self._tell({"skip": seconds})
        self.clock.skip(seconds)

    def audit(self, checks: Sequence[Check]) -> dict[str, Result]:
        """Let the auditor meet it with these checks alone."""
        changes = self.order.get("change", ())
        client = self.order.get("client", "moneyview")
        target = self.target if client == "moneyview" else probe_target(self.target, changes=changes)
        with contextlib.ExitStack() as opened:
            wire = opened.enter_context(open_wire(target))
            deployment = prepare(target, wire, clock=self.clock, entropy=SystemEntropy())
            deployment.wait = self.skip
            if not self.order or concerns_clients(changes):
                folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
                staging = staging_of_mutant(folder, self.data, client=client, changes=changes)
                deployment.stage_client = stager(deployment, staging, checks, opened)
            # What works while it is whole; a mutant's own answers would say something else.
            deployment.operations, deployment.harvests = self.whole.operations, self.whole.harvests
            # Those that wait come last: whatever was held until then may have expired.
            ordered = sorted(checks, key=lambda each: each.waits)
            results = {
                each.id: run_check(deployment, each, safety=Safety.STATE, waits=True) for each in ordered
            }
        # The clients that are led to the hostile server have the machine's time.
        self.skip(-self.clock.skipped)
        return results


_STARTING = threading.Lock()  # ports that are free are free to one


@contextlib.contextmanager
def breeding(folder: Path) -> Iterator[Breeder]:
    """Start the ecosystem, and stop it in the end."""
    folder.mkdir(exist_ok=True)
    log = folder / "host.log"
    with log.open("wb") as sink, contextlib.ExitStack() as opened:
        with _STARTING:
            process = opened.enter_context(_host(folder / "data", sink))
            assert process.stdin is not None
            assert process.stdout is not None
            assert json.loads(process.stdout.readline() or '{"ok": false}')["ok"], log.read_text()
        data = DataDirectory.open(folder / "data")
        # Nobody else uses it: there is nobody to be polite to.
        target = msgspec.structs.replace(target_of_box(data), rate=RATE)
        yield Breeder(process, process.stdin, process.stdout, target, _reached(target), data)
        process.stdin.close()
        assert process.wait(20) == 0, log.read_text()[-2000:]


def _host(data: Path, sink: IO[bytes]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mutants.host", str(data), str(free_base_port())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=sink,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _reached(target: Target) -> Deployment:
    """Return the deployment as it is while it is whole."""
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        reach(deployment)
        return deployment
