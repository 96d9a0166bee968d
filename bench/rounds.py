"""The run: everything is started, shows what it refuses, warms up, and is then measured in turns."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.bare import measure_bare
from bench.guards import PEER, Guards
from bench.identities import make_identities
from bench.refusals import server_refusals
from bench.results import Result
from bench.rows import ROWS, current_nonce
from bench.sampling import sample
from bench.sides import start_our_server, start_peer
from bench.signing import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.refusals import Refusal
    from bench.rows import Row
    from bench.sampling import Sample
    from bench.sides import Place, Side
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Plan", "Run", "run_guards", "run_servers"]

IN_PROCESS: Final = "guard in process"
OVER_TLS: Final = "guard over TLS"
GUARD_FLOOR_TARGET: Final = 0.75
SERVER_PEER: Final = "oidc-provider"
DURABLE: Final = "ours, SQLite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: after one round that only warms up.
        requests: in one measurement.
        bare_operations: of each kind, for the floor of one round.
        only: measure rows whose name has this in it.
    """

    rounds: int
    requests: int
    bare_operations: int
    only: str


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a run needs."""

    plan: Plan
    place: Place
    clock: Clock
    entropy: Entropy
    tell: Callable[[str], None]

    def workshop(self) -> Workshop:
        """Make the identities of one half of the run."""
        return Workshop(make_identities(), clock=self.clock, entropy=self.entropy)

    def wants(self, name: str) -> bool:
        """Say whether a row shall be measured."""
        return self.plan.only in name

    def bare(self, result: Result) -> None:
        """Measure the floor of this round."""
        result.bare.append(measure_bare(core=self.place.cores.measured, operations=self.plan.bare_operations))


def run_servers(run: Run) -> tuple[list[Refusal], list[Result]]:
    """Measure the authorization servers.

    Raises:
        LoaderError: a side accepted what it should have refused, or refused what is good.
    """
    rows = [row for row in ROWS if run.wants(row.name)]
    if not rows:
        return [], []
    workshop = run.workshop()
    with ExitStack() as stack:
        starts: tuple[Callable[[], Side], ...] = (
            lambda: start_our_server(run.place, workshop.identities, durable=True),
            lambda: start_peer(run.place, workshop.identities, entropy=run.entropy),
            lambda: start_our_server(run.place, workshop.identities, durable=False),
        )
        sides: list[Side] = []
        for start in starts:
            side = start()
            stack.callback(side.process.stop)
            sides.append(side)
        refusals = [refusal for side in sides for refusal in server_refusals(side, workshop)]
        return refusals, [_measure_row(run, row, sides, workshop) for row in rows]


def _measure_row(run: Run, row: Row, sides: list[Side], workshop: Workshop) -> Result:
    result = Result(row.name, SERVER_PEER, DURABLE, row.verifications, row.signatures, target=row.target)
    for side in sides:  # warm up: just-in-time compilers, caches, the file's pages
        _measure(run, row, side, workshop)
    for number in range(run.plan.rounds):
        for side in sides:
            result.add(side.name, _measure(run, row, side, workshop))
        run.bare(result)
        run.tell(f"{row.name}, round {number + 1}: {_rates(result)}")
    return result


def _measure(run: Run, row: Row, side: Side, workshop: Workshop) -> Sample:
    with side.process.running():
        nonce = current_nonce(workshop, side)
        requests = row.prepare(workshop, side, count=run.plan.requests, nonce=nonce)
        return sample(
            requests,
            process=side.process,
            port=side.endpoints.port,
            trust=run.place.trust,
            expected=row.expected,
        )


def run_guards(run: Run) -> tuple[list[Refusal], list[Result]]:
    """Measure the guards.

    Raises:
        LoaderError: a guard accepted what it should have refused, or refused what is good.
    """
    wanted = [name for name in (IN_PROCESS, OVER_TLS) if run.wants(name)]
    if not wanted:
        return [], []
    with ExitStack() as stack:
        guards = Guards(run.place, run.workshop(), clock=run.clock, entropy=run.entropy)
        for process in guards.processes:
            stack.callback(process.stop)
        measures: dict[str, Callable[[], dict[str, Sample]]] = {
            IN_PROCESS: lambda: guards.verify(run.plan.requests),
            OVER_TLS: lambda: guards.serve_all(run.plan.requests),
        }
        return guards.refusals(), [_measure_guards(run, name, measures[name]) for name in wanted]


def _measure_guards(run: Run, name: str, measure: Callable[[], dict[str, Sample]]) -> Result:
    target = GUARD_FLOOR_TARGET if name == IN_PROCESS else None
    result = Result(name, PEER, "ours", 2, 0, floor_target=target)
    measure()
    for number in range(run.plan.rounds):
        for side, measured in measure().items():
            result.add(side, measured)
        run.bare(result)
        run.tell(f"{name}, round {number + 1}: {_rates(result)}")
    return result


def _rates(result: Result) -> str:
    last: dict[str, Any] = {side: samples[-1] for side, samples in result.samples.items()}
    sides = [
        f"{side} {each.per_second:,.0f}/s (computing {each.server_share:.0%})" for side, each in last.items()
    ]
    return ", ".join([*sides, f"bare verification {result.bare[-1].verifications:,.0f}/s"])
