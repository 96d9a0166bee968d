"""`trustweft check`: attack a deployment, and say with evidence whether it is really secure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from trustweft.cli.check.box import target_of_box
from trustweft.cli.check.explain import explain, show_result
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
_FILE: Final = click.Path(path_type=Path, dir_okay=False, writable=True)


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
        "trustweft check --target bank.toml --html report.html --sarif report.sarif",
        "trustweft check --only TK --only DP-07 --level 2",
        "trustweft check --target bank.toml --baseline last.json --json",
        "trustweft check init https://login.example --output bank.toml",
        "trustweft check explain TK-01",
        "trustweft check replay TK-01 --target bank.toml",
        "trustweft check client --target application.toml",
    ),
)
@target_option
@box_option
@json_option
@click.option("--html", type=_FILE, help="Write the report as one page to FILE.", metavar="FILE")
@click.option("--sarif", type=_FILE, help="Write every result as SARIF 2.1.0 to FILE.", metavar="FILE")
@click.option("--junit", type=_FILE, help="Write every check as a JUnit test case to FILE.", metavar="FILE")
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

    The exit status is 0 where no check fails, 1 where one does, and 2 where nothing could be tried, or nobody logged in.
    """
    context.obj = options
    if context.invoked_subcommand is None:
        _check(options)


command.add_command(explain)


@command.command(
    epilog=examples("trustweft check replay TK-01", "trustweft check replay TK-01 --target bank.toml --json")
)
@click.argument("check", metavar="ID")
@target_option
@box_option
@json_option
def replay(check: str, file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Carry out one check again, with everything fresh, and show each exchange.

    The exit status is 0 where it does not fail, 1 where it does, and 2 where it could not be tried.
    """
    from trustweft.audit.verdict import Safety, Verdict

    target = read(file, data)
    (chosen,) = choose((check,), exactly=True)
    with Narrator(1, silent=True) as narrator:
        run = carry_out(
            target,
            (chosen,),
            safety=Safety.STATE,
            waits=True,
            narrator=narrator,
            box=None if file else data or default_directory(),
        )
    (result,) = run.checks
    if as_json:
        print_json(result)
    else:
        show_result(result)
    if result.verdict is Verdict.FAIL:
        raise click.exceptions.Exit(1)
    if result.verdict is Verdict.INCONCLUSIVE:
        raise click.exceptions.Exit(COULD_NOT)


@command.command(
    epilog=examples(
        "trustweft check init https://login.example",
        "trustweft check init https://login.example --output bank.toml",
    )
)
@click.argument("issuer", metavar="ISSUER")
@click.option("--trust", metavar="FILE", help="PEM file of the authorities that signed its certificate.")
@click.option(
    "--output", type=_FILE, help="Write the target file to FILE, which must not exist.", metavar="FILE"
)
def init(issuer: str, trust: str | None, output: Path | None) -> None:
    """Write a first target file from what a server says of itself, and say what it still lacks."""
    import msgspec

    from trustweft.audit.target import TargetError
    from trustweft.cli.check.first_target import first_target

    if not issuer.startswith(("https://", "http://")):
        raise click.BadParameter("an issuer is a URL: https://login.example", param_hint="ISSUER")
    try:
        text, missing = first_target(issuer, trust=trust)
    except (TargetError, msgspec.ValidationError) as cause:
        raise CouldNotRun(str(cause)) from cause
    if output is None:
        click.echo(text)
    else:
        try:
            with output.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as cause:
            raise CouldNotRun(f"{output}: {cause.strerror}") from cause
        output.chmod(0o600)
    for line in ("It still needs:", *(f"  - {each}" for each in missing)):
        click.echo(line, err=True)


@command.command(
    epilog=examples(
        "trustweft check client",
        "trustweft check client --target application.toml",
        "trustweft check client --target application.toml --only RP-06 --json",
    )
)
@target_option
@box_option
@json_option
@click.option("--only", multiple=True, metavar="CHECK", help="Run these checks or groups only.")
def client(file: Path | None, data: Path | None, *, as_json: bool, only: tuple[str, ...]) -> None:
    """Play a hostile authorization server to a client application, and see what the client does.

    It says where the server is, whom to trust and what the client must do in each scenario. Where the target file
    names neither `start` nor `command`, a person starts each flow.
    """
    from trustweft.audit.results import failures
    from trustweft.audit.verdict import Safety

    target = read(file, data)
    checks = choose(only or ("RP",))
    with Narrator(len(checks), silent=as_json) as narrator:
        run = carry_out(
            target,
            checks,
            safety=Safety.REQUESTS,
            waits=False,
            narrator=narrator,
            box=None if file else data or default_directory(),
            introduced=not as_json,
        )
    if as_json:
        print_json(run.as_document())
    else:
        tell(run, known=frozenset())
    if failures(run.checks):
        raise click.exceptions.Exit(1)


def _check(options: dict[str, Any]) -> None:
    from trustweft.audit.results import failures
    from trustweft.audit.verdict import Safety

    for name in ("html", "sarif", "junit"):
        if options[name] is not None and not options[name].parent.is_dir():
            raise click.BadParameter(f"there is no folder {options[name].parent}", param_hint=f"--{name}")
    known = _known_failures(options["baseline"])
    target = read(options["file"], options["data"], rate=options["rate"])
    checks = choose(options["only"], options["skip"])
    if options["dry_run"]:
        plan(target, checks, level=options["level"], waits=options["waits"], as_json=options["as_json"])
        return
    narrator = Narrator(len(checks), silent=options["as_json"])
    with narrator:
        run = carry_out(
            target,
            checks,
            safety=Safety(options["level"]),
            waits=options["waits"],
            narrator=narrator,
            box=None if options["file"] else options["data"] or default_directory(),
        )
    _write(run, options, known)
    if options["as_json"]:
        print_json(run.as_document())
    else:
        tell(run, known=known)
    if any(each.fingerprint not in known for each in failures(run.checks)):
        raise click.exceptions.Exit(1)
    if not run.could_run:
        click.echo("Nothing can be said: see what is missing.", err=True)
        raise click.exceptions.Exit(COULD_NOT)


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


def choose(only: Sequence[str], skip: Sequence[str] = (), *, exactly: bool = False) -> tuple[Check, ...]:
    """Return the checks with these ids and, unless ``exactly`` these are meant, of groups that ids begin with.

    Raises:
        click.BadParameter: nothing is called so.
    """
    from trustweft.audit.registry import all_checks

    def named(each: Check, names: Sequence[str]) -> bool:
        return any(
            each.id.upper() == name or (not exactly and _is_group(each.id.upper(), name))
            for name in map(str.upper, names)
        )

    for name in (*only, *skip):
        if not any(named(each, (name,)) for each in all_checks()):
            raise click.BadParameter(
                f"no check is called {name}", param_hint="--only" if name in only else "--skip"
            )
    return tuple(each for each in all_checks() if (not only or named(each, only)) and not named(each, skip))


def _is_group(check: str, name: str) -> bool:
    """Whether a check's id begins with the name of a group, such as ``API``, ``API1`` or ``TK-05``."""
    rest = check.removeprefix(name)
    return rest != check and (rest.startswith("-") or (name.isalpha() and rest[:1].isdigit()))


def carry_out(
    target: Target,
    checks: Sequence[Check],
    *,
    safety: Any,
    waits: bool,
    narrator: Narrator,
    box: Path | None = None,
    introduced: bool = False,
) -> Run:
    """Audit the target.

    Args:
        target: what is audited.
        checks: which.
        safety: how much they may do.
        waits: whether those run that wait for something to expire.
        narrator: hears of it.
        box: the data directory of the ecosystem, where the target is that.
        introduced: say where the hostile server is, and let a person start flows where nothing else can.

    Raises:
        CouldNotRun: nothing could be tried.
    """
    from trustweft.audit.hostile.hosting import HostingError
    from trustweft.audit.run import Options, audit, audit_client
    from trustweft.audit.target import TargetError
    from trustweft.audit.verdict import Role
    from trustweft.cli.check.client import introduce, staging_of
    from trustweft.runtime.files import KeyFileError

    directory = None if box is None else DataDirectory.open(box)
    with staging_of(target, directory, ask=introduced) as found:
        staging = replace(found, staged=introduce) if found is not None and introduced else found
        options = Options(
            checks=checks,
            safety=safety,
            waits=waits,
            progress=narrator.hear,
            reached=narrator.reached,
            staging=staging,
        )
        clients_alone = not target.issuer and all(each.role is Role.CLIENT for each in checks)
        carried_out = audit_client if clients_alone else audit
        try:
            return carried_out(target, options, clock=SystemClock(), entropy=SystemEntropy())
        except (TargetError, HostingError, KeyFileError) as cause:
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


def _write(run: Run, options: dict[str, Any], known: frozenset[str]) -> None:
    from trustweft.audit.reports import as_html, as_junit, as_sarif

    if options["html"] is not None:
        options["html"].write_text(as_html(run), encoding="utf-8")
    if options["sarif"] is not None:
        options["sarif"].write_bytes(as_sarif(run, known=known if options["baseline"] else None))
    if options["junit"] is not None:
        options["junit"].write_bytes(as_junit(run))
