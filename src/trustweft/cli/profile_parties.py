"""What a profile says of its participants, as chapters: who does what, how they talk, what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.cli.profile_words import duration, name_of, sentence
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.report.document import Chapter, Html, chips, heading, joined, paragraph, picture, table
from trustweft.report.sequence import Message, draw_sequence
from trustweft.threats.corpus import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trustweft.profile import Profile
    from trustweft.profile.governance import Deadline, Interaction, Residual, Responsibility

__all__ = ["deadline_chapters", "party_chapters", "threat_chapters"]


def party_chapters(profile: Profile) -> Iterator[Chapter]:
    """Yield who takes part, who is responsible for what, and how they talk to each other."""
    if profile.participants:
        rows = [[each.title, each.role] for each in profile.participants]
        yield Chapter("participants", "Participants", [table(("Participant", "Part"), rows)])
    if profile.responsibilities:
        yield Chapter("responsibilities", "Responsibilities", list(_responsibilities(profile)))
    if profile.interactions:
        yield Chapter("interactions", "Interactions", list(_interactions(profile)))


def _responsibilities(profile: Profile) -> Iterator[Html]:
    titles = _titles(profile)
    yield paragraph(
        "Who does each thing, who answers for it, what shows that it was done, and by when. "
        "Doing can be delegated, answering cannot."
    )
    for participant in profile.participants:
        own = [each for each in profile.responsibilities if each.who == participant.id]
        if own:
            yield heading(participant.title)
            yield table(
                ("Duty", "Answers for it", "Evidence", "By when", "Requirements"),
                [_responsibility(each, titles) for each in own],
            )


def _responsibility(each: Responsibility, titles: Mapping[str, str]) -> list[str]:
    return [
        each.duty,
        titles[each.accountable or each.who],
        sentence(each.evidence or ""),
        "" if each.deadline is None else f"within {duration(each.deadline)}",
        chips(each.requirements),
    ]


def _interactions(profile: Profile) -> Iterator[Html]:
    titles = _titles(profile)
    for each in profile.interactions:
        yield heading(each.title)
        yield picture(_drawn(each, titles), name=each.title)
        yield table(
            ("Step", "Message", "Requirements"),
            [
                [
                    f"{number}. {titles[message.source]} to {titles[message.target]}",
                    sentence(message.text),
                    chips(message.requirements),
                ]
                for number, message in enumerate(each.message, start=1)
            ],
        )


def _drawn(interaction: Interaction, titles: Mapping[str, str]) -> str:
    messages = [Message(titles[each.source], titles[each.target], each.text) for each in interaction.message]
    lanes = dict.fromkeys(name for each in messages for name in (each.source, each.target))
    return draw_sequence(interaction.title, list(lanes), messages)


def _titles(profile: Profile) -> dict[str, str]:
    return {each.id: each.title for each in profile.participants}


def deadline_chapters(profile: Profile) -> Iterator[Chapter]:
    """Yield how fast somebody comes in, and how fast somebody is out."""
    for anchor, title, deadlines in (
        ("on-boarding", "On-boarding", profile.onboarding),
        ("off-boarding", "Off-boarding", profile.offboarding),
    ):
        if deadlines:
            yield Chapter(anchor, title, [_deadlines(deadlines)])


def _deadlines(deadlines: Mapping[str, Deadline]) -> Html:
    rows = [[name_of(name), duration(each.value), sentence(each.why)] for name, each in deadlines.items()]
    return table(("What", "Within", "Why"), rows)


def threat_chapters(profile: Profile) -> Iterator[Chapter]:
    """Yield the mechanisms that are on, what they close, and the risks that are accepted."""
    if profile.mechanisms.on:
        yield Chapter("mechanisms", "Mechanisms", list(_mechanisms(profile)))
    yield Chapter("risks", "Threats, and the risks that are accepted", list(_risks(profile)))


def _mechanisms(profile: Profile) -> Iterator[Html]:
    known, titles = load_mechanisms(), _titles(profile)
    rows = [
        [
            known[each].title,
            titles.get(known[each].participant, name_of(known[each].participant)),
            sentence(profile.mechanisms.why.get(each, "")),
            chips(_closed_by(each)),
            chips(known[each].requirements),
        ]
        for each in profile.mechanisms.on
    ]
    yield table(("Mechanism", "At", "Why", "Helps against", "Requirements"), rows)
    if profile.mechanisms.choices:
        yield paragraph(
            "Allowed in place of them: " + ", ".join(known[each].title for each in profile.mechanisms.choices)
        )


def _closed_by(mechanism: str) -> list[str]:
    return [attack.id for attack in corpus().attack if any(mechanism in each for each in attack.closed_by)]


def _risks(profile: Profile) -> Iterator[Html]:
    known = corpus().by_id
    yield paragraph("What is accepted knowingly: who could do what, when, and what would close it.")
    rows = [
        [*_residual(each), known[each.attack].title if each.attack in known else each.attack]
        for each in profile.residuals
    ]
    yield table(
        ("Condition", "Attackers", "Goal", "Closed by", "Reason", "Attack"), rows, empty="None is accepted."
    )


def _residual(each: Residual) -> list[str]:
    return [
        each.condition,
        ", ".join(map(sentence, each.attackers)),
        name_of(each.goal),
        chips(each.closed_by) or "nothing that is known",
        joined(each.reason, each.section),
    ]
