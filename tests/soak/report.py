"""What a long run did, as one page: docs/soak.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from soak.crashes import Crashes

__all__ = ["Race", "Report", "dated"]


@dataclass(frozen=True, slots=True)
class Race:
    """All rounds of one race."""

    name: str
    rounds: int
    crowd: int
    reasons: Counter[str]
    refused_by: Counter[int]
    fewest_workers: int
    seconds: float

    @property
    def row(self) -> str:
        """The race as a row of the table."""
        refused = ", ".join(f"{number:,} `{reason}`" for reason, number in sorted(self.reasons.items()))
        shares = " / ".join(f"{number:,}" for _, number in sorted(self.refused_by.items()))
        return (
            f"| {self.name} | {self.rounds} rounds of {self.crowd} requests at one instant "
            f"| {self.rounds} winners; refused: {refused}. By worker: {shares}; in no round fewer than "
            f"{self.fewest_workers} workers | {self.seconds:.0f} s |"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    workers: int
    races: list[Race]
    crashes: Crashes
    seed: int
    crash_seconds: float

    def text(self) -> str:
        """Return the page."""
        return "\n".join(
            [
                "# The last long run",
                "",
                "Written by `script/soak`, which runs for real what the tests run in short: races for what can be",
                "used once, over HTTPS, at servers with several worker processes on one SQLite file; and servers",
                "that are killed with SIGKILL in the middle of their work and started again on the same data. The",
                "script ends with an error, and leaves this page as it was, as soon as anything is lost, used twice,",
                "or answered with another error than the right one.",
                "",
                f"{dated()} {self.workers} workers for each server, who share the machine",
                "with the driver.",
                "",
                "| what | how much | what came of it | time |",
                "|---|---|---|---|",
                *(race.row for race in self.races),
                self._crash_row,
                "",
            ]
        )

    @property
    def _crash_row(self) -> str:
        found = self.crashes
        return (
            f"| kills among flows | {found.flows:,} flows; {found.whole_server} times the parent and all workers, "
            f"{found.one_worker} times one worker (seed {self.seed}) | acknowledged before a kill, and all found as "
            f"acknowledged: {_counts(found.acknowledged)}. Under way at a kill: {_counts(found.interrupted)}; of "
            f"these carried out: {_counts(found.carried_out)}. Nothing was lost, nothing could be used twice "
            f"| {self.crash_seconds:.0f} s |"
        )


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {kind}s" for kind, number in counts.items() if number) or "none"


def dated() -> str:
    """Return when a run was, and on which machine, as sentences."""
    return f"Date: {dt.datetime.now(dt.UTC).date().isoformat()}. Machine: {_machine()}."


def _machine() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    system = f"{platform.system()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{model}, {os.cpu_count()} cores, {system}"
