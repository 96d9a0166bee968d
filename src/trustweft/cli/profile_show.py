"""`trustweft profile list` and `show`: which profiles there are, and what one of them asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from trustweft.cli.output import examples, json_option, print_json, print_table, write_page
from trustweft.cli.profile_document import profile_page
from trustweft.cli.profile_words import PARTICIPANTS, duration, name_of, said, sentence, source_of
from trustweft.profile import Profile, ProfileError, load_profile, profile_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.profile import Requirement

__all__ = ["list_", "read_profile_argument", "show"]


def read_profile_argument(name_or_file: str) -> Profile:
    """Load a profile that somebody named on the command line.

    Raises:
        click.ClickException: there is none, or it is refused; with the reason.
    """
    try:
        return load_profile(name_or_file)
    except ProfileError as cause:
        raise click.ClickException(str(cause)) from cause


@click.command(name="list", epilog=examples("trustweft profile list", "trustweft profile list --json"))
@json_option
def list_(*, as_json: bool) -> None:
    """List the profiles that come with this version."""
    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        print_json([_about(profile) for profile in profiles])
        return
    print_table(
        ("name", "title", "builds on", "review by"),
        [
            [
                profile.name,
                profile.title,
                profile.extends or "-",
                str(profile.review_by),
            ]
            for profile in profiles
        ],
    )


def _about(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name,
        "title": profile.title,
        "summary": profile.summary,
        "version": profile.version,
        "date": profile.date,
        "review_by": profile.review_by,
        "extends": profile.extends,
        "specifications": [each.id for each in profile.specifications],
        "requirements": len(profile.requirements),
    }


@click.command(
    epilog=examples(
        "trustweft profile show fapi2-security",
        "trustweft profile show our-profile.toml",
        "trustweft profile show fapi2-security --html profile.html",
        "trustweft profile show fapi2-security --json",
    )
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the profile to this file, as a document for its participants.",
)
@json_option
@click.argument("profile", metavar="NAME-or-FILE")
def show(profile: str, html: Path | None, *, as_json: bool) -> None:
    """Show a profile: what binds its participants, the values in force, and where each comes from."""
    found = read_profile_argument(profile)
    if html is not None:
        write_page(html, profile_page(found))
    if as_json:
        print_json(msgspec.to_builtins(found, enc_hook=dict))  # the mappings that cannot be changed
    elif html is None:
        _print(found)


def _print(profile: Profile) -> None:
    click.echo(
        f"{profile.title} ({profile.name} {profile.version} of {profile.date}, review by {profile.review_by})"
    )
    click.echo(f"{profile.summary}\n")
    if profile.extends:
        click.echo(f"Builds on {profile.extends}.")
    for each in profile.specifications:
        click.echo(f"Binding: {each.name}, {each.status}, {each.date}, {each.url}")
    click.echo(f"Mechanisms: {', '.join(profile.mechanisms.on)}")
    if profile.mechanisms.choices:
        click.echo(f"Allowed instead: {', '.join(profile.mechanisms.choices)}")
    if profile.requirements:
        click.echo()
        print_table(("participant", "shall", "should", "may", "advice"), list(_counts(profile.requirements)))
    click.echo()
    print_table(("responsible", "for what", "within"), list(_responsibilities(profile)))
    click.echo()
    print_table(("value", "in force", "comes from"), list(_values(profile)))
    if profile.residuals:
        click.echo("\nRisks that are accepted:")
        rows = [
            [each.attack, name_of(each.goal), " ".join(map(sentence, each.attackers)), each.condition]
            for each in profile.residuals
        ]
        print_table(("attack", "goal", "attackers", "when"), rows)


def _responsibilities(profile: Profile) -> Iterable[list[str]]:
    titles = {each.id: each.title for each in profile.participants}
    for each in profile.responsibilities:
        yield [titles[each.who], each.duty, "" if each.deadline is None else duration(each.deadline)]


def _values(profile: Profile) -> Iterable[list[str]]:
    for part in (profile.limits, profile.duties, profile.directory):
        for name, value in msgspec.structs.asdict(part).items():
            yield [name_of(name), said(name, value), source_of(profile, name)]
    for title, deadlines in (("On-boarding", profile.onboarding), ("Off-boarding", profile.offboarding)):
        for name, each in deadlines.items():
            yield [f"{title}: {name_of(name).lower()}", duration(each.value), sentence(each.why)]


def _counts(requirements: Iterable[Requirement]) -> Iterable[list[str]]:
    """Return how many requirements of each level each participant has."""
    rows = list(requirements)
    for participant, title in PARTICIPANTS.items():
        levels = [row.level.removesuffix(" not") for row in rows if participant in row.participants]
        yield [title, *(str(levels.count(level)) for level in ("shall", "should", "may", "advice"))]
