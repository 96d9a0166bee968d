"""``python -m bench``: measures everything and prints the tables of README.md."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bench.cores import choose_cores, on_core
from bench.directory import directory_lines, measure_directory
from bench.evidence import evidence_lines, measure_evidence
from bench.guards import GUARD_VARIANTS, PEER
from bench.loader import LoaderError
from bench.machine import describe_machine, describe_prover_machine
from bench.prover import measure_prover, prover_lines
from bench.report import machine_lines, refusal_lines, table_lines
from bench.rounds import SERVER_PEER, Plan, Run, run_guards, run_servers
from bench.sides import NODE_FOLDER, Place
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from bench.refusals import Refusal
    from bench.results import Result

ROUNDS: Final = 5
REQUESTS: Final = 2_000
BARE_OPERATIONS: Final = 4_000
QUICK: Final = 10  # a tenth of everything


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="Measured rounds.")
@click.option(
    "--requests", default=REQUESTS, show_default=True, type=click.IntRange(16), help="In one measurement."
)
@click.option("--quick", is_flag=True, help="Two rounds of a tenth of the requests: does it work at all?")
@click.option("--only", default="", help="Measure only the rows whose name has this in it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every round instead of tables.")
@click.option("--prover", is_flag=True, help="Measure the prover on each profile, and nothing else.")
@click.option("--directory", is_flag=True, help="Measure the directory's changes and feed, and nothing else.")
@click.option("--evidence", is_flag=True, help="Measure the evidence log, and nothing else.")
@click.option("--node", type=click.Path(path_type=Path, exists=True), help="The Node to run the peers with.")
def main(  # noqa: PLR0913  # one option of the command each
    *,
    rounds: int,
    requests: int,
    quick: bool,
    only: str,
    as_json: bool,
    prover: bool,
    directory: bool,
    evidence: bool,
    node: Path | None,
) -> None:
    r"""Compare server and guard with independent peers and with the bare cryptography, on one core.

    \b
    Examples:
      script/bench
      script/bench --only token --rounds 7
      script/bench --quick --json > result.json
      script/bench --prover --rounds 3
      script/bench --directory --json
    """
    if directory:
        _measure_directory(rounds=rounds, as_json=as_json)
        return
    if evidence:
        _measure_evidence(
            rounds=rounds, entries=max(requests // QUICK, 16) if quick else requests, as_json=as_json
        )
        return
    if prover:
        _prove(rounds=rounds, only=only, as_json=as_json)
        return
    plan = Plan(
        rounds=min(rounds, 2) if quick else rounds,
        requests=max(requests // QUICK, 16) if quick else requests,
        bare_operations=BARE_OPERATIONS // QUICK if quick else BARE_OPERATIONS,
        only=only,
    )
    with ExitStack() as stack:
        cores = choose_cores()
        stack.enter_context(on_core(cores.loader))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trustweft-bench-")))
        log = stack.enter_context((folder / "log").open("w+", encoding="utf-8"))
        node = node or _installed_node()
        machine = describe_machine(node=node, cores=cores)
        clock = SystemClock()
        place = Place.make(folder, cores=cores, node=node, log=log, clock=clock)
        run = Run(plan, place, clock, SystemEntropy(), tell=lambda line: click.echo(line, err=True))
        try:
            server_refusals, servers = run_servers(run)
            guard_refusals, guards = run_guards(run)
        except (LoaderError, RuntimeError) as cause:
            log.seek(0)
            click.echo(log.read()[-4000:], err=True)
            raise click.ClickException(str(cause)) from cause
    refusals = [*server_refusals, *guard_refusals]
    if as_json:
        click.echo(json.dumps(_document(machine, plan, refusals, servers, guards), indent=1))
    else:
        click.echo("\n".join(_lines(machine, refusals, servers, guards)))


def _prove(*, rounds: int, only: str, as_json: bool) -> None:
    machine = describe_prover_machine()
    results = measure_prover(rounds=rounds, only=only, tell=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"machine": machine, "results": [asdict(each) for each in results]}, indent=1))
    else:
        click.echo("\n".join([*machine_lines(machine), "", *prover_lines(results)]))


def _measure_directory(*, rounds: int, as_json: bool) -> None:
    machine = describe_prover_machine()
    results = measure_directory(rounds=rounds, tell=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({"machine": machine, "results": [asdict(each) for each in results]}, indent=1))
    else:
        click.echo("\n".join([*machine_lines(machine), "", *directory_lines(results)]))


def _measure_evidence(*, rounds: int, entries: int, as_json: bool) -> None:
    results = measure_evidence(rounds=rounds, entries=entries)
    if as_json:
        click.echo(json.dumps([result._asdict() for result in results], indent=1))
    else:
        click.echo("\n".join(evidence_lines(results)))


def _installed_node() -> Path:
    """Install the peers where they are missing, and return the Node that they come with."""
    done = subprocess.run([NODE_FOLDER / "ensure_node.sh"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


def _document(
    machine: dict[str, str],
    plan: Plan,
    refusals: list[Refusal],
    servers: list[Result],
    guards: list[Result],
) -> dict[str, Any]:
    return {
        "machine": machine,
        "rounds": plan.rounds,
        "requests": plan.requests,
        "refusals": [refusal._asdict() for refusal in refusals],
        "results": [result.as_json() for result in (*servers, *guards)],
    }


def _lines(
    machine: dict[str, str], refusals: list[Refusal], servers: list[Result], guards: list[Result]
) -> list[str]:
    lines = [*machine_lines(machine), "", *refusal_lines(refusals)]
    if servers:
        columns = (SERVER_PEER, "ours, SQLite", "ours, memory")
        lines += ["", *table_lines(servers, columns=columns, peer=SERVER_PEER)]
    if guards:
        variants = [name for name, _, _ in GUARD_VARIANTS]
        lines += ["", *table_lines(guards, columns=[PEER, *variants], peer=PEER)]
    return lines


if __name__ == "__main__":
    sys.exit(main())
