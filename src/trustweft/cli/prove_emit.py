"""`trustweft prove --emit`: the model of a profile as text, for provers that others wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustweft.cli.output import print_json
from trustweft.threats.emit.languages import LANGUAGES
from trustweft.threats.model.goals import goals_for
from trustweft.threats.proof import variants
from trustweft.threats.setting import DEFAULT, SMALLEST, Setting

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from trustweft.threats.proof import Subject

__all__ = ["emit"]


def emit(
    subject: Subject,
    language: str,
    place: Path,
    *,
    attackers: Collection[str],
    goal: str | None,
    deep: bool,
    as_json: bool,
) -> None:
    """Write what is on in ``subject`` as text, one file for each goal.

    Args:
        subject: what is examined; alternatives that it leaves are named, and not written.
        language: one of `LANGUAGES`.
        place: a file, for one goal; or a folder that is there.
        attackers: all of them attack together.
        goal: the only one that is written; None for the first, or for all where ``place`` is a folder.
        deep: twice as many sessions.
        as_json: print what was written as JSON.

    Raises:
        click.BadParameter: the goal is none of this profile's, or the file cannot be written.
    """
    goals = _goals(subject, goal)
    if not place.is_dir():
        files = {goals[0]: place}
    else:
        files = {each: place / f"{subject.name}-{each}{LANGUAGES[language].suffix}" for each in goals}
    setting = Setting(subject.mechanisms, frozenset(attackers), DEFAULT if deep else SMALLEST)
    for each, file in files.items():
        _write(file, LANGUAGES[language].text(setting, each))
    if as_json:
        print_json([{"goal": each, "file": str(file)} for each, file in files.items()])
    else:
        _tell(subject, language, files)


def _goals(subject: Subject, goal: str | None) -> tuple[str, ...]:
    known = goals_for(subject.mechanisms, subject.requirements)
    if goal is not None and goal not in known:
        raise click.BadParameter(f"{goal!r} is none of {', '.join(known)}", param_hint="--goal")
    return known if goal is None else (goal,)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as cause:
        raise click.BadParameter(f"{file}: {cause.strerror}", param_hint="--emit") from cause


def _tell(subject: Subject, language: str, files: dict[str, Path]) -> None:
    for goal, file in files.items():
        click.echo(f"{goal}: {LANGUAGES[language].run.format(file=file)}")
    click.echo(LANGUAGES[language].answer)
    click.echo("What the profile accepts is not told apart there: it is found like any other attack.")
    if len(variants(subject.mechanisms, subject.choices)) > 1:
        others = ", ".join(f"--with {choice}" for choice in subject.choices)
        click.echo(f"The profile also allows other mechanisms, which are not in these texts: {others}.")
