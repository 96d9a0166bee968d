"""What a run of the auditor prints for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.output import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress

    from trustweft.audit.check import Check
    from trustweft.audit.results import Reached, Result, Run
    from trustweft.audit.target import Target

__all__ = ["Narrator", "plan", "tell"]

_COLOURS: Final = {"critical": "red", "high": "red", "medium": "yellow", "low": "yellow", "info": None}


class Narrator:
    """Shows how far a run is, on the terminal; in a file or pipe a line for each finding.

    Args:
        count: of checks.
        silent: nothing is shown.
    """

    def __init__(self, count: int, *, silent: bool) -> None:
        self._count = count
        self._silent = silent
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._bar.add_task("Logging in", total=self._count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def reached(self, reached: Reached) -> None:
        """Say what was reached before the first check."""
        if self._silent:
            return
        click.echo(
            f"Clients: {', '.join(reached.clients) or 'none'}. Users: {', '.join(reached.users) or 'none'}. "
            f"Operations: {len(reached.operations)} that read, {len(reached.writing)} that write."
        )
        for line in reached.missing:
            click.secho(f"  missing: {line}", fg="yellow")
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description="Attacking")

    def hear(self, result: Result) -> None:
        """Take note of a result; a finding is shown at once."""
        if self._bar is not None:
            if result.found:
                self._bar.console.print(f"{result.verdict} {result.id} {result.title}", highlight=False)
            self._bar.advance(self._bar.task_ids[0])


def tell(run: Run, *, known: frozenset[str]) -> None:
    """Print the verdict, what an attacker obtains, and each finding with its mend."""
    for result in run.findings():
        new = "" if result.fingerprint not in known else " (known)"
        click.secho(
            f"\n{result.verdict} {result.id} [{result.severity}] {result.title}{new}",
            fg=_COLOURS.get(result.severity),
            bold=result.verdict == "FAIL",
        )
        click.echo(f"  {result.reason}")
        click.echo(f"  Mend ({result.role}): {result.fix}")
    for result in run.checks:
        if result.advice:
            click.echo(f"\nADVICE {result.id} {result.title}\n  {result.reason}")
    if run.chains:
        click.secho("\nWhat an attacker obtains:", bold=True)
        for chain in run.chains:
            click.secho(f"  {chain.obtains} [{chain.severity}]", fg=_COLOURS.get(chain.severity))
            click.echo(f"    by {', '.join(chain.checks)}")
    counts = ", ".join(f"{number} {verdict}" for verdict, number in run.summary().items() if number)
    click.secho(f"\nGrade {run.grade}. {counts}. {run.sent} requests in {run.seconds:.0f} s.", bold=True)


def plan(target: Target, checks: Sequence[Check], *, level: int, waits: bool, as_json: bool) -> None:
    """Print what a run would send, and to whom."""
    sent = [each for each in checks if each.safety <= level and (waits or not each.waits)]
    if as_json:
        print_json(
            {
                "target": target.issuer,
                "hosts": sorted(target.allowed_hosts()),
                "rate": target.rate,
                "checks": [{"id": each.id, "level": each.safety.value, "sends": each.sends} for each in sent],
            }
        )
        return
    click.echo(
        f"To {', '.join(sorted(target.allowed_hosts()))}, at most {target.rate:g} requests in a second:"
    )
    click.echo("  first: both metadata documents, one login per client and user, each reading operation once")
    for each in sent:
        click.echo(f"  {each.id} (level {each.safety.value}): {each.sends}")
    click.echo(f"{len(sent)} of {len(checks)} checks. Nothing was sent.")
