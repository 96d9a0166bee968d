"""`trustweft profile diff`: what is different between two profiles."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import click
import msgspec
from msgspec import Struct

from trustweft.cli.output import examples, json_option, print_json, print_table
from trustweft.cli.profile_show import read_profile_argument
from trustweft.cli.profile_words import duration, name_of, said, sentence
from trustweft.profile.strength import Part, weaknesses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from trustweft.profile import Profile
    from trustweft.profile.governance import Responsibility

__all__ = ["Difference", "diff", "differences"]

Side = Literal["first", "second", "each in part"]
# Clauses of these levels bind; whoever is held to one more is held to more.
_BINDING: Final = ("shall", "should")


class Difference(Struct, frozen=True):
    """One thing that two profiles say differently.

    Attributes:
        part: limits, duties, requirements, ...
        name: the value's name, or the id of what only one of them has.
        before: what the first says; None where it has no such thing.
        after: what the second says; likewise.
        stricter: which of the two asks for more here; None where neither does, or where nothing says which would be.
    """

    part: Part
    name: str
    before: str | None
    after: str | None
    stricter: Side | None


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
    """Show what is different between the profiles A and B, and which is stricter; each is a name or a file.

    A line without a stricter side changes nothing about strength, or nothing that is known to.
    """
    found = tuple(differences(read_profile_argument(first), read_profile_argument(second)))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    if not found:
        click.echo("They say the same.")
        return
    print_table(
        ("part", "name", first, second, "stricter"),
        [
            [
                name_of(each.part),
                each.name,
                _shown(each.before),
                _shown(each.after),
                _shown({"first": first, "second": second}.get(each.stricter or "", each.stricter)),
            ]
            for each in found
        ],
    )
    click.echo(f"\n{_summary(found, first, second)}")


def _shown(value: str | None) -> str:
    return "-" if value is None else value


def _summary(found: Iterable[Difference], first: str, second: str) -> str:
    """Return how many lines have which stricter side, as a sentence."""
    count = Counter(each.stricter for each in found)
    return (
        f"Stricter: {first} in {count['first']}, {second} in {count['second']}, each in part in"
        f" {count['each in part']}, neither in {count[None]}."
    )


def differences(first: Profile, second: Profile) -> Iterator[Difference]:
    """Yield everything that the two do not say alike, part by part, in the order of the first."""
    ours, theirs = _parts(first), _parts(second)
    weaker = [
        {(weakness.part, weakness.name) for weakness in weaknesses(profile, other)}
        for profile, other in ((first, second), (second, first))
    ]
    for part, before in ours.items():
        after = theirs[part]
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                said = before.get(name), after.get(name)
                side = _more_bound(*said) if part == "requirements" else _stricter(part, name, *weaker)
                yield Difference(part, name, *said, side)


def _stricter(
    part: Part, name: str, first: set[tuple[Part, str]], second: set[tuple[Part, str]]
) -> Side | None:
    """Return the side that is stricter in one line, from the points in which each is weaker than the other."""
    point = (part, name.partition("=")[0])  # a graded mechanism is weighed by its kind
    if point in first:
        return "each in part" if point in second else "second"
    return "first" if point in second else None


def _more_bound(before: str | None, after: str | None) -> Side | None:
    """Return which of two is held to a clause that binds; both say the same of one that they share."""
    if not (before or after or "").startswith(_BINDING):
        return None
    return "second" if before is None else "first"


def _parts(profile: Profile) -> dict[Part, Mapping[str, str]]:
    """Return all that a profile says, as words, by its parts."""
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
        "limits": _values(profile.limits),
        "duties": _values(profile.duties),
        "directory": _values(profile.directory),
        "on-boarding": {name: duration(each.value) for name, each in profile.onboarding.items()},
        "off-boarding": {name: duration(each.value) for name, each in profile.offboarding.items()},
        "responsibilities": {each.id: _responsibility(each) for each in profile.responsibilities},
        "interactions": {each.id: each.title for each in profile.interactions},
        "accepted risks": {
            f"{each.attack}, {each.goal}": f"{' '.join(map(sentence, each.attackers))}: {each.condition}"
            for each in profile.residuals
        },
        "requirements": {each.id: f"{each.level}: {each.sentence}" for each in profile.requirements},
    }


def _values(part: Struct) -> dict[str, str]:
    return {name: said(name, value) for name, value in msgspec.structs.asdict(part).items()}


def _responsibility(each: Responsibility) -> str:
    return each.duty if each.deadline is None else f"{each.duty} Within {duration(each.deadline)}."
