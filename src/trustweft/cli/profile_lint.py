"""`trustweft profile lint`: whether a profile can be meant, may be used, and is up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click
import msgspec
from msgspec import Struct

from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.profile import ProfileError, load_profile
from trustweft.profile.contradictions import contradictions
from trustweft.profile.implemented import not_implemented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.profile import Profile

__all__ = ["Finding", "findings", "lint"]


class Finding(Struct, frozen=True):
    """One thing that is wrong with a profile.

    Attributes:
        kind: `refused`: it does not load, because it is malformed or weaker than its specifications; `contradiction`: it
            cannot be meant; `not-implemented`: this version cannot do it.
        text: what is wrong.
    """

    kind: Literal["refused", "contradiction", "not-implemented"]
    text: str


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
    """Judge a profile: is it weaker than its specifications allow, and does it contradict itself?

    Ends with 1 where anything is found.
    """
    found = tuple(findings(profile, implemented=implemented))
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found:
        print_table(("kind", "what is wrong"), [[each.kind, each.text] for each in found])
    else:
        click.echo("Nothing is wrong with it.")
    if found:
        raise SystemExit(1)


def findings(name_or_file: str, *, implemented: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with a profile; of one that does not load, why it does not."""
    try:
        profile = load_profile(name_or_file)
    except ProfileError as cause:
        yield Finding("refused", str(cause))
        return
    yield from _judged(profile, implemented=implemented)


def _judged(profile: Profile, *, implemented: bool) -> Iterator[Finding]:
    for text in contradictions(profile):
        yield Finding("contradiction", text)
    if implemented:
        for text in not_implemented(profile):
            yield Finding("not-implemented", text)
