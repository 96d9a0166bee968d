"""The chapter of the manual about states, made from the tables: ``python -m trustweft.directory.manual docs``.

A test holds that what stands in `docs/` is what the tables say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.directory.cascade import CASCADE
from trustweft.directory.duties import DUTIES
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.report.states import State, Step, draw_states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.lifecycle import Arrow, Lifecycle

__all__ = ["pages"]

_NAME: Final = "directory-states"
_NEEDS: Final = {
    "parents": "what it depends on is active",
    "certification": "a certification is valid, where the profile asks for one",
    "key": "a key is active",
    "retention": "it ended as long ago as the profile keeps it",
}
_INTRODUCTION: Final = """# States of the directory

Made from the tables in `src/trustweft/directory/` by `python -m trustweft.directory.manual docs`; a test holds that
they say the same.

Everything that the directory knows has a life of its own: states, and arrows between them. What is no arrow is
refused. A state counts as `active`, `suspended` or `ended`, which is what everybody else is told; before it was active
for the first time, nobody is told anything. Whoever depends on something counts as the worst of itself and of that, so
that no combination of states is undefined, and a suspension that is taken back restores exactly what was.

*Withdrawn* is what a participant does by itself, *revoked* what an authority does to it; what *lapsed* had its time.
What has ended never becomes active again. An auditor reads everything and stands at no arrow; an administrator acts
for the own organisation alone; the directory acts where a date has come. Where "two people" stands, a profile may ask
that a second person approves (`[directory] two_people`), who is never the one who proposed it. A compromised key waits
for nobody.

In the pictures a dot is where an action starts and the tip where it leads; bold are those that two people may be asked for.
"""


def pages() -> dict[str, str]:
    """Return each file of the chapter by its path below the folder of the manual."""
    drawn = {f"{_NAME}/{name}.svg": _drawn(each) + "\n" for name, each in LIFECYCLES.items()}
    return {f"{_NAME}.md": "\n".join(_chapter()), **drawn}


def _drawn(lifecycle: Lifecycle) -> str:
    states = [State(name, meaning.effect or "waiting") for name, meaning in lifecycle.states.items()]
    steps = [
        Step(tuple(each.source for each in arrows), arrows[0].target, arrows[0].action, arrows[0].two_people)
        for arrows in _alike(lifecycle)
    ]
    return draw_states(lifecycle.title, states, steps)


def _alike(lifecycle: Lifecycle) -> list[list[Arrow]]:
    """Return the arrows, those together that differ in nothing but the state that they start from."""
    found: dict[object, list[Arrow]] = {}
    for arrow in lifecycle.arrows:
        found.setdefault(msgspec.structs.replace(arrow, source=""), []).append(arrow)
    return list(found.values())


def _chapter() -> Iterator[str]:
    yield _INTRODUCTION
    for lifecycle in LIFECYCLES.values():
        yield from _section(lifecycle)
    yield from _cascade()
    yield from _duties()


def _section(lifecycle: Lifecycle) -> Iterator[str]:
    yield f"## {lifecycle.title}\n"
    yield f"![States of: {lifecycle.title}]({_NAME}/{lifecycle.name}.svg)\n"
    yield f"Entered by: {_several(lifecycle.adds)}. The first state is `{lifecycle.initial}`.\n"
    yield "| from | action | to | who | two people | evidence | needs |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for arrows in _alike(lifecycle):
        arrow = arrows[0]
        two = "where the profile asks" if arrow.two_people else "no"
        needs = "; ".join(_NEEDS[need] for need in arrow.needs) or "-"
        sources = _several(tuple(each.source for each in arrows))
        yield (
            f"| {sources} | {arrow.action} | {arrow.target} | {_several(arrow.who)} | {two} "
            f"| {arrow.evidence} | {needs} |"
        )
    yield ""


def _several(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _cascade() -> Iterator[str]:
    yield "## What is touched besides\n"
    yield "| stopped, or going on | by | touched, over any number of steps |"
    yield "| --- | --- | --- |"
    rows: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, action), kinds in CASCADE.items():
        rows.setdefault((name, kinds), []).append(action)
    for (name, kinds), actions in rows.items():
        yield f"| {name} | {', '.join(actions)} | {', '.join(kinds) or 'nothing'} |"
    yield ""


def _duties() -> Iterator[str]:
    yield "## What each effect asks of whoever holds the data\n"
    yield (
        "| counts as | discloses | takes new authorisations | customers can withdraw | ends consents "
        "| removes the registration |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for effect, duty in DUTIES.items():
        said = ("yes" if getattr(duty, name) else "no" for name in duty.__struct_fields__)
        yield f"| {effect} | {' | '.join(said)} |"
    yield ""


def main(folder: Path) -> None:
    """Write the chapter into the folder of the manual."""
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
