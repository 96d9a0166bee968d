"""`trustweft profile lint`: whether a profile can be meant, may be used, and is up to date."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.directory.terms import terms_of
from trustweft.profile import ProfileError, load_profile
from trustweft.profile.implemented import not_implemented, unbuilt_specifications
from trustweft.profile.lint import judge
from trustweft.runtime.clock import SystemClock
from trustweft.threats.corpus import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["findings", "lint"]


@click.command(
    epilog=examples(
        "trustweft profile lint our-profile.toml",
        "trustweft profile lint our-profile.toml --implemented",
        "trustweft profile lint our-profile.toml --json",
    )
)
@click.option("--implemented", is_flag=True, help="Also list what this version cannot do of it.")
@json_option
@click.argument("profile", metavar="NAME-or-FILE")
def lint(profile: str, *, implemented: bool, as_json: bool) -> None:
    """Judge a profile: is it weaker than what it builds on, does it contradict itself, and is it up to date?

    Ends with 1 where anything is found.
    """
    found = tuple(findings(profile, today=_today(), implemented=implemented))
    if as_json:
        print_json([{"kind": kind, "text": text} for kind, text in found])
    elif found:
        print_table(("kind", "what is wrong"), found)
    else:
        click.echo("Nothing is wrong with it.")
    if found:
        raise SystemExit(1)


def findings(name_or_file: str, *, today: dt.date, implemented: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of what is wrong with a profile; of one that does not load, why it does not."""
    try:
        profile = load_profile(name_or_file)
    except ProfileError as cause:
        yield "refused", str(cause)
        return
    for finding in judge(profile, today=today):
        yield finding.kind, finding.text
    for risk in profile.residuals:
        if risk.attack not in corpus().by_id:
            yield "contradiction", f"it accepts {risk.attack}, and no known attack is called {risk.attack}"
    try:
        terms_of(profile)
    except ProfileError as cause:
        yield "contradiction", str(cause)
    if implemented:
        for text in (*not_implemented(profile), *unbuilt_specifications(profile)):
            yield "not-implemented", text


def _today() -> dt.date:
    return dt.datetime.fromtimestamp(SystemClock().now(), tz=dt.UTC).date()
