"""A profile as a document that an ecosystem could hand to its participants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.cli.coverage_document import crosswalk_parts
from trustweft.cli.profile_parties import deadline_chapters, party_chapters, threat_chapters
from trustweft.cli.profile_words import PARTICIPANTS, name_of, said, source_of
from trustweft.coverage import cover
from trustweft.profile import load_profile
from trustweft.profile.crosswalk import load_crosswalk
from trustweft.report.document import Chapter, Html, chips, document, heading, joined, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from trustweft.profile import Participant, Profile, Requirement

__all__ = ["profile_page"]

_LONG: Final = 25
_LEAD: Final = (
    "Who has to do what in this ecosystem, how its participants talk to each other, "
    "which threats that answers, and which risks are left."
)


def profile_page(profile: Profile) -> str:
    """Return the profile as a page: responsibilities, interactions, requirements, values, threats, certificates."""
    return document(
        title=profile.title,
        lead=f"{profile.summary} {_LEAD}",
        facts=_facts(profile),
        chapters=list(_chapters(profile)),
    )


def _facts(profile: Profile) -> list[tuple[str, str]]:
    facts = [
        ("Profile", profile.name),
        ("Version", f"{profile.version} of {profile.date}"),
        ("Review by", str(profile.review_by)),
    ]
    if profile.extends:
        facts.append(("Builds on", load_profile(profile.extends).title))
    facts += [
        (each.id, f"{each.name}, {each.status}, {each.date}: {each.url}") for each in profile.specifications
    ]
    return facts


def _chapters(profile: Profile) -> Iterator[Chapter]:
    yield from party_chapters(profile)
    if profile.requirements:
        yield Chapter("requirements", "Requirements by participant", list(_requirements(profile)))
    yield from deadline_chapters(profile)
    yield from threat_chapters(profile)
    yield Chapter("limits", "Limits", [_values(profile, profile.limits)])
    yield Chapter("duties", "Duties", [_values(profile, profile.duties)])
    yield Chapter("directory", "Directory", [_values(profile, profile.directory)])
    if profile.requirements:
        yield Chapter("certificates", "What other certificates say about this", _certificates(profile))
    if profile.sources:
        rows = [[each.title, str(each.date), each.url] for each in profile.sources]
        yield Chapter("sources", "Sources", [table(("Document", "Revision read", "Where"), rows)])


def _requirements(profile: Profile) -> Iterator[Html]:
    yield paragraph(
        "Each sentence is in our words; its number is the section and the list item of the specification. "
        "“Shall” binds, “should” binds unless there is a reason that is written down."
    )
    for participant, title in PARTICIPANTS.items():
        rows = [row for row in profile.requirements if participant in row.participants]
        if rows:
            yield heading(title)
            yield table(
                ("Requirement", "Level", "What", "Together with"),
                [_requirement(row, participant) for row in rows],
                caption=f"{len(rows)} requirements",
            )


def _requirement(row: Requirement, participant: Participant | str) -> list[str]:
    others = [PARTICIPANTS[each] for each in row.participants if each != participant]
    return [row.id, row.level, row.sentence, ", ".join(others)]


def _values(profile: Profile, part: Struct) -> Html:
    rows = [
        [name_of(name), _value(name, value), _source(profile, name)]
        for name, value in msgspec.structs.asdict(part).items()
    ]
    return table(("Name", "In force", "Comes from"), rows)


def _value(name: str, value: object) -> str:
    """Return a value as people say it; of several that are long, each in its line."""
    long = isinstance(value, tuple) and any(len(str(each)) > _LONG for each in value)
    return joined(*map(str, value)) if isinstance(value, tuple) and long else said(name, value)


def _source(profile: Profile, name: str) -> str:
    source = source_of(profile, name)
    return chips([source]) if source == profile.why(name) else source


def _certificates(profile: Profile) -> list[Html]:
    crosswalk = load_crosswalk()
    rows = [row for each in profile.specifications for row in cover(each.id)]
    return crosswalk_parts(crosswalk, crosswalk.select(row.mechanism for row in rows), rows)
