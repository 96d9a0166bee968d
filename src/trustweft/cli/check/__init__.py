"""`trustweft check`: attack a deployment, and say with evidence whether it is really secure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.check.box import target_of_box
from trustweft.cli.check.narration import Narrator, plan, tell
from trustweft.cli.data_directory import DataDirectory, default_directory
from trustweft.cli.output import examples, json_option, print_json
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from trustweft.audit.check import Check
    from trustweft.audit.results import Run
    from trustweft.audit.target import Target

__all__ = ["command"]

COULD_NOT: Final = 2


class CouldNotRun(click.ClickException):
    """Nothing can be said about the deployment."""

    exit_code = COULD_NOT


target_option = click.option(
    "--target",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Audit what this file describes.",
    metavar="FILE",
)
box_option = click.option(
    "--data",
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Audit the ecosystem in this data directory (the default: the user's).",
)


@click.group(
    name="check",
    invoke_without_command=True,
    epilog=examples(
        "trustweft check",
        "trustweft check --target bank.toml",
        "trustweft check --only TK --only DP-07 --level 2",
        "trustweft check --target bank.toml --baseline last.json --json",
    ),
)
@target_option
@box_option
@json_option
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Fail only on what an earlier --json did not fail on.",
    metavar="FILE",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run these checks or groups only.")
@click.option("--skip", multiple=True, metavar="CHECK", help="Leave these checks or groups out.")
@click.option(
    "--level",
    type=click.IntRange(0, 3),
    default=1,
    show_default=True,
    help="0 reads, 1 sends what must be refused, 2 writes to own objects, 3 changes what others notice.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait for what must expire.")
@click.option("--rate", type=click.FloatRange(0.1, 1000), help="Requests in a second, over everything.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Attack a deployment, and say with evidence whether it is really secure.

    The exit status is 0 where no check fails, 1 where one does, and 2 where nothing could be tried.
    """
    context.obj = options
    if context.invoked_subcommand is None:
        _check(options)


def _check(options: dict[str, Any]) -> None:
    from trustweft.audit.results import failures
    from trustweft.audit.verdict import Safety

    known = _known_failures(options["baseline"])
    target = read(options["file"], options["data"], rate=options["rate"])
    checks = choose(options["only"], options["skip"])
    if options["dry_run"]:
        plan(target, checks, level=options["level"], waits=options["waits"], as_json=options["as_json"])
        return
    narrator = Narrator(len(checks), silent=options["as_json"])
    with narrator:
        run = carry_out(
            target, checks, safety=Safety(options["level"]), waits=options["waits"], narrator=narrator
        )
    if options["as_json"]:
        print_json(run.as_document())
    else:
        tell(run, known=known)
    if any(each.fingerprint not in known for each in failures(run.checks)):
        raise click.exceptions.Exit(1)


def read(file: Path | None, data: Path | None, *, rate: float | None = None) -> Target:
    """Return the target of a file or of a data directory.

    Raises:
        CouldNotRun: it cannot be read.
    """
    import msgspec

    from trustweft.audit.target import TargetError, read_target

    if file is not None and data is not None:
        raise click.UsageError("Name a target file or a data directory, not both.")
    try:
        target = read_target(file) if file else target_of_box(DataDirectory.open(data or default_directory()))
    except TargetError as cause:
        raise CouldNotRun(str(cause)) from cause
    except click.ClickException as cause:
        raise CouldNotRun(cause.message) from cause
    return target if rate is None else msgspec.structs.replace(target, rate=rate)


def choose(only: Sequence[str], skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """Return the checks with these ids, or of groups whose name the ids begin with.

    Raises:
        click.BadParameter: nothing is called so.
    """
    from trustweft.audit.registry import all_checks

    def named(each: Check, names: Sequence[str]) -> bool:
        own = each.id.upper()
        return any(own == name.upper() or own.startswith(f"{name.upper()}-") for name in names)

    for name in (*only, *skip):
        if not any(named(each, (name,)) for each in all_checks()):
            raise click.BadParameter(
                f"no check is called {name}", param_hint="--only" if name in only else "--skip"
            )
    return tuple(each for each in all_checks() if (not only or named(each, only)) and not named(each, skip))


def carry_out(
    target: Target, checks: Sequence[Check], *, safety: Any, waits: bool, narrator: Narrator
) -> Run:
    """Audit the target.

    Raises:
        CouldNotRun: nothing could be tried.
    """
    from trustweft.audit.run import Options, audit
    from trustweft.audit.target import TargetError

    options = Options(
        checks=checks, safety=safety, waits=waits, progress=narrator.hear, reached=narrator.reached
    )
    try:
        return audit(target, options, clock=SystemClock(), entropy=SystemEntropy())
    except TargetError as cause:
        raise CouldNotRun(str(cause)) from cause


def _known_failures(baseline: Path | None) -> frozenset[str]:
    """Return the fingerprints of what an earlier run failed on."""
    import msgspec

    if baseline is None:
        return frozenset()
    try:
        checks = msgspec.json.decode(baseline.read_bytes())["checks"]
        return frozenset(each["fingerprint"] for each in checks if each["verdict"] == "FAIL")
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as cause:
        raise CouldNotRun(f"{baseline} is no result of trustweft check --json: {cause!r}") from cause
