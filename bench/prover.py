"""How long the prover takes for each packaged profile: the whole command, from its start to its end."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.profile import profile_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Proving", "measure_prover", "prover_lines"]

# What is called long enough to be a bug: seconds of wall time on two cores.
TARGETS: Final = {"": 5.0, "--deep": 60.0}
_VERDICTS: Final = (0, 1)  # no attack beyond what the profile accepts, or some


@dataclass(frozen=True, slots=True)
class Proving:
    """One profile in one mode: seconds of wall and of processor time, one of each for each round."""

    profile: str
    mode: str
    seconds: tuple[float, ...]
    processor: tuple[float, ...]

    @property
    def cell(self) -> str:
        """Median and range, and the median of the processor time."""
        spread = f"{min(self.seconds):.1f} to {max(self.seconds):.1f}"
        median, processor = statistics.median(self.seconds), statistics.median(self.processor)
        return f"{median:.1f} ({spread}); {processor:.1f}"

    @property
    def met(self) -> bool:
        """Whether even the slowest round was within the target."""
        return max(self.seconds) < TARGETS[self.mode]


def measure_prover(*, rounds: int, only: str, tell: Callable[[str], None]) -> list[Proving]:
    """Run ``trustweft prove`` on each profile whose name has ``only`` in it, in both modes.

    Raises:
        RuntimeError: it ended with something else than a verdict.
    """
    found = []
    for profile in profile_names():
        if only not in profile:
            continue
        for mode in TARGETS:
            wall, processor = zip(*(_run(profile, mode) for _ in range(rounds)), strict=True)
            found.append(Proving(profile, mode, wall, processor))
            tell(f"{profile} {mode}: {found[-1].cell}")
    return found


def _run(profile: str, mode: str) -> tuple[float, float]:
    """Return seconds of wall and of processor time."""
    command = [sys.executable, "-m", "trustweft", "prove", profile, "--json", *filter(None, [mode])]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in _VERDICTS:
        raise RuntimeError(f"{profile} {mode}: {done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prover_lines(results: Iterable[Proving]) -> list[str]:
    """Return the table."""
    rows: dict[str, list[Proving]] = {}
    for result in results:
        rows.setdefault(result.profile, []).append(result)
    heads = [
        f"`{' '.join(filter(None, ['prove', mode]))}`, below {limit:.0f}" for mode, limit in TARGETS.items()
    ]
    lines = [f"| seconds | {' | '.join(heads)} | target |", "| --- | ---: | ---: | --- |"]
    for profile, modes in rows.items():
        verdict = "met" if all(mode.met for mode in modes) else "**missed**"
        lines.append(f"| {profile} | {' | '.join(mode.cell for mode in modes)} | {verdict} |")
    return lines
