"""`trustweft profile diff`: what is different between two profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.cli.profile_show import read_profile_argument
from trustweft.cli.profile_words import duration, name_of, said, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.profile import Profile

__all__ = ["Difference", "diff", "differences"]


class Difference(Struct, frozen=True):
    """One thing that two profiles say differently.

    Attributes:
        part: limits, duties, requirements, ...
        name: the value's name, or the id of what only one of them has.
        before: what the first says; None where it has no such thing.
        after: what the second says; likewise.
    """

    part: str
    name: str
    before: str | None
    after: str | None


@click.command(
    epilog=examples(
        "trustweft profile diff fapi2-security our-profile.toml",
        "trustweft profile diff fapi2-security our-profile.toml --json",
    )
)
@json_option
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def diff(first: str, second: str, *, as_json: bool) -> None:
    """Show what is different between the profiles A and B; each is a name or a file."""
    found = tuple(differences(read_profile_argument(first), read_profile_argument(second)))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    if not found:
        click.echo("They say the same.")
        return
    print_table(
        ("part", "name", first, second),
        [[name_of(each.part), each.name, _shown(each.before), _shown(each.after)] for each in found],
    )


def _shown(value: str | None) -> str:
    return "-" if value is None else value


def differences(first: Profile, second: Profile) -> Iterator[Difference]:
    """Yield everything that the two do not say alike, part by part, in the order of the first."""
    ours, theirs = _parts(first), _parts(second)
    for part, before in ours.items():
        after = theirs[part]
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                yield Difference(part, name, before.get(name), after.get(name))


def _parts(profile: Profile) -> dict[str, Mapping[str, str]]:
    """Return all that a profile says, as words, by its parts."""
    values = {
        part: {name: said(name, value) for name, value in msgspec.structs.asdict(struct).items()}
        for part, struct in (("limits", profile.limits), ("duties", profile.duties))
    }
    return {
        "about": {
            "name": profile.name,
            "title": profile.title,
            "version": f"{profile.version} of {profile.date}",
            "review by": str(profile.review_by),
            "extends": profile.extends or "nothing",
        },
        "specifications": {each.id: f"{each.status}, {each.date}" for each in profile.specifications},
        "mechanisms": {
            **dict.fromkeys(profile.mechanisms.choices, "allowed instead"),
            **dict.fromkeys(profile.mechanisms.on, "on"),
        },
        **values,
        **{
            part: {name: duration(each.value) for name, each in deadlines.items()}
            for part, deadlines in (
                ("on-boarding", profile.onboarding),
                ("off-boarding", profile.offboarding),
            )
        },
        "responsibilities": {each.id: each.duty for each in profile.responsibilities},
        "interactions": {each.id: each.title for each in profile.interactions},
        "accepted risks": {
            f"{each.attack}, {each.goal}": f"{' '.join(map(sentence, each.attackers))}: {each.condition}"
            for each in profile.residuals
        },
        "requirements": {each.id: f"{each.level}: {each.sentence}" for each in profile.requirements},
    }
