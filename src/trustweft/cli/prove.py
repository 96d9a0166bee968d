"""`trustweft prove`: search a profile for attacks by the attackers of the FAPI 2.0 Attacker Model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.profile import ProfileError, load_profile
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.profile.promises import broken_promises

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.matrix import Finding
    from trustweft.threats.proof import Proof, Subject

__all__ = ["command"]

_COULD_NOT: Final = 2
_LANGUAGES: Final = ("promela", "tamarin", "proverif", "clingo")
_SHORT: Final = {
    "authorization": "authorization",
    "authentication": "authentication",
    "session-integrity-authentication": "session (login)",
    "session-integrity-authorization": "session (resources)",
    "non-repudiation": "non-repudiation",
    "confidentiality-of-claims": "confidentiality",
}


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the command line says; the fields are the command's parameters."""

    profile: str | None
    page: Path | None
    attackers: str | None
    without: tuple[str, ...]
    more: tuple[str, ...]
    emitted: tuple[str, Path] | None
    goal: str | None
    explain: str | None
    as_json: bool
    deep: bool


@click.command(
    name="prove",
    epilog=examples(
        "trustweft prove fapi2-security",
        "trustweft prove fapi2-security --without iss",
        "trustweft prove my-profile.toml --html proof.html --deep",
        "trustweft prove fapi2-security --attackers a1,a4",
        "trustweft prove fapi2-security --emit promela model.pml --goal authentication",
        "trustweft prove --explain mix-up",
    ),
)
@click.argument("profile", metavar="PROFILE-or-FILE", required=False)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write a page with a diagram of each attack to FILE.",
    metavar="FILE",
)
@json_option
@click.option("--deep", is_flag=True, help="Look at twice as many sessions.")
@click.option(
    "--attackers", metavar="A1,A1A,...", help="Combine these attackers (default: a1,a1a,a2,a3a,a5)."
)
@click.option(
    "--without", multiple=True, metavar="MECHANISM", help="Switch a mechanism off, and what requires it."
)
@click.option("--with", "more", multiple=True, metavar="MECHANISM", help="Switch a mechanism on.")
@click.option(
    "--emit",
    "emitted",
    nargs=2,
    type=(click.Choice(_LANGUAGES), click.Path(path_type=Path)),
    metavar="PROVER PLACE",
    help=f"Write the model for another prover ({', '.join(_LANGUAGES)}) to a file, or for each goal to a folder;"
    " nothing is searched, with half as many sessions.",
)
@click.option("--goal", metavar="GOAL", help="Write the model for this goal alone (default: authorization).")
@click.option("--explain", metavar="ATTACK", help="Tell one known attack, found by search now.")
def command(**given: Any) -> None:
    """Search a profile for attacks by every combination of attackers, and tell what closes each.

    The exit status is 0 where nothing goes beyond what the profile accepts, 1 where something does, and 2 where
    nothing can be said: nobody could log in, the profile cannot be read, or its values do not keep what its mechanisms
    promise.
    """
    _require_engine()
    asked = _Asked(**given)
    if asked.explain is not None:
        _explain(asked.explain, as_json=asked.as_json)
        return
    subject = _asked_subject(asked)
    from trustweft.threats.matrix import DEFAULT_ATTACKERS

    attackers = DEFAULT_ATTACKERS if asked.attackers is None else _attackers(asked.attackers)
    if asked.emitted is None:
        _search(subject, attackers, asked)
    else:
        from trustweft.cli.prove_emit import emit

        language, place = asked.emitted
        emit(
            subject,
            language,
            place,
            attackers=attackers,
            goal=asked.goal,
            deep=asked.deep,
            as_json=asked.as_json,
        )


def _asked_subject(asked: _Asked) -> Subject:
    """Return what is examined, once it is certain that the options go together."""
    if asked.profile is None:
        raise click.UsageError("Name a profile, or the file of one.")
    if asked.goal is not None and asked.emitted is None:
        raise click.UsageError("--goal is for --emit: a search looks at every goal.")
    if asked.page is not None and asked.emitted is not None:
        raise click.UsageError("--emit writes a model, and searches nothing that --html could show.")
    if asked.page is not None and not asked.page.parent.is_dir():
        raise click.BadParameter(f"there is no folder {asked.page.parent}", param_hint="--html")
    return _subject(asked.profile, without=asked.without, more=asked.more)


def _search(subject: Subject, attackers: tuple[str, ...], asked: _Asked) -> None:
    from trustweft.threats.proof import prove
    from trustweft.threats.setting import DEEP, DEFAULT

    proof = prove(subject, attackers=attackers, bound=DEEP if asked.deep else DEFAULT)
    if asked.page is not None:
        from trustweft.threats.document import as_page

        try:
            asked.page.write_text(as_page(proof), encoding="utf-8")
        except OSError as cause:
            raise _CannotTell(f"{asked.page}: {cause.strerror}") from cause
    if asked.as_json:
        print_json(proof.as_document())
    else:
        _tell(proof)
    if proof.impossible:
        click.echo(f"INVALID PROFILE: impossible: {', '.join(proof.impossible)}.", err=True)
        raise click.exceptions.Exit(_COULD_NOT)
    if not proof.secure:
        raise click.exceptions.Exit(1)


def _require_engine() -> None:
    try:
        import clingo  # noqa: F401  # only whether it is there
    except ImportError as cause:
        raise _CannotTell("the prover needs clingo: install trustweft[prover]") from cause


class _CannotTell(click.ClickException):
    """Nothing can be said about the profile."""

    exit_code = _COULD_NOT


def _attackers(text: str) -> tuple[str, ...]:
    from trustweft.threats.setting import ATTACKERS

    named = [part.strip().lower() for part in text.split(",") if part.strip()]
    if not named:
        raise click.BadParameter("nobody is named", param_hint="--attackers")
    unknown = sorted(set(named) - set(ATTACKERS))
    if unknown:
        raise click.BadParameter(
            f"unknown: {', '.join(unknown)}; there are {', '.join(ATTACKERS)}", param_hint="--attackers"
        )
    return tuple(dict.fromkeys(["a1", *named]))


def _subject(name: str, *, without: Iterable[str], more: Iterable[str]) -> Subject:
    """Return what is examined: the profile with the changes that were asked for."""
    from trustweft.threats.proof import Subject, changed

    try:
        profile = load_profile(name)
    except ProfileError as cause:
        raise _CannotTell(str(cause)) from cause
    broken = tuple(broken_promises(profile))
    if broken:
        raise _CannotTell(f"{name}: what would be proved is not what participants do: {'; '.join(broken)}")
    registry = load_mechanisms()
    for identifier in (*without, *more):
        if identifier not in registry:
            raise click.BadParameter(f"there is no mechanism {identifier!r}: {', '.join(sorted(registry))}")
    subject = Subject(
        name=profile.name,
        title=profile.title,
        mechanisms=frozenset(profile.mechanisms.on),
        choices=tuple(profile.mechanisms.choices),
        residuals=tuple(profile.residuals),
        requirements=frozenset(row.id for row in profile.requirements),
    )
    return changed(subject, without=without, more=more, registry=registry)


def _tell(proof: Proof) -> None:
    from trustweft.threats.narrate import narrate, printed

    click.echo(f"{proof.subject.title}: {proof.sentence}\n")
    goals = tuple(dict.fromkeys(cell.goal for cell in proof.cells))
    rows: dict[tuple[str, ...], list[str]] = {}
    for cell in proof.cells:
        shown: str = cell.verdict
        if cell.findings:
            shown = f"{shown}: {cell.findings[0].name or 'unnamed'}"
        rows.setdefault(cell.attackers, []).append(shown)
    if rows:
        print_table(
            ["attackers", *(_SHORT[goal] for goal in goals)],
            [[printed(attackers), *cells] for attackers, cells in rows.items()],
        )
    for finding in proof.attacks:
        click.echo(f"\n{_heading(finding)}")
        for number, line in enumerate(narrate(finding.trace), start=1):
            click.echo(f"  {number}. {line.text}")
        _tell_fixes(proof, finding)
    if proof.accepted:
        click.echo("\nAccepted by the profile:")
    for finding in proof.accepted:
        if finding.residual is not None:
            click.echo(
                f"  {finding.name}, {finding.goal} ({finding.residual.section}): {finding.residual.condition}"
            )
    for run in proof.unused:
        attacker = run.split(" ", maxsplit=1)[0].upper()
        click.echo(f"\n{attacker} was let in, and found nothing here to read or to change.")


def _heading(finding: Finding) -> str:
    from trustweft.threats.narrate import printed

    who = printed(sorted(finding.attackers))
    return f"ATTACK {finding.name or 'without a name'} on {finding.goal} by {who}"


def _tell_fixes(proof: Proof, finding: Finding) -> None:
    missing = proof.missing(finding)
    if missing:
        click.echo(f"  Missing: {', '.join(missing)}")
    fixes = proof.closing(finding)
    if not fixes:
        click.echo("  No set of the known mechanisms that was tried closes it.")
    for fix in fixes:
        click.echo(f"  Closed by: {' + '.join(fix.mechanisms)} (cost {fix.cost})")


def _explain(identifier: str, *, as_json: bool) -> None:
    """Tell a known attack: what it is, where it lives, a trace that was found just now, and what closes it."""
    from trustweft.threats.explain import explain

    try:
        told = explain(identifier)
    except LookupError as cause:
        raise click.BadParameter(str(cause), param_hint="--explain") from cause
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['attack']}: {told['title']}")
    click.echo(f"  Source: {told['source']}")
    click.echo(
        f"  Lives in: {told['lives_in']}; breaks {told['goal']}; attackers {', '.join(told['attackers'])}"
    )
    for number, text in enumerate(told["trace"], start=1):
        click.echo(f"  {number}. {text}")
    click.echo(f"  Closed by: {'; or '.join(' + '.join(each) for each in told['closed_by']) or 'nothing'}")
    click.echo(f"  Requirements: {', '.join(told['requirements']) or 'none names it'}")
