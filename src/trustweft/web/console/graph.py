"""Who trusts whom: organisations, what they bring in, and the keys and certificates that it is known by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup
from msgspec import Struct

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.web.console.drawing import Box, Mark, draw_forest, draw_mark
from trustweft.web.console.overview import EFFECTS
from trustweft.web.console.rights import NOT_FOUND, visible_records
from trustweft.web.console.words import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.directory.snapshot import Record
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit
    from trustweft.web.console.words import Named

__all__ = ["Branch", "show_graph"]

# What hangs off what in the picture; a software's authorisation is drawn at the software, not at the role.
_BOXES: Final = {
    "organisation": ("role", "brand", "software"),
    "brand": ("api",),
    "software": ("authorisation",),
}
_MARKS: Final = {"key": "K", "certificate": "C"}
_KINDS: Final = {
    "organisation": "Organisation",
    "role": "Role",
    "brand": "Brand",
    "api": "API",
    "software": "Software",
    "authorisation": "Authorisation",
    "key": "Key",
    "certificate": "Certificate",
}
# Our choice: about so many organisations still make one picture; all are reached by naming one.
_MOST_TREES: Final = 60


class Branch(Struct, frozen=True, kw_only=True):
    """A subject with what is drawn below it: the same as the picture, as a list."""

    shown: Named
    marks: tuple[Named, ...]
    children: tuple[Branch, ...]


async def show_graph(visit: Visit) -> HttpResponse:
    """The picture and its text; of one organisation, if one is named."""
    snapshot, wanted = visit.snapshot, visit.query.get("organisation") or ""
    organisations = list(visible_records(visit.person, snapshot, snapshot.records("organisation")))
    drawn = [each for each in organisations if wanted in ("", each.subject.id)]
    if wanted and not drawn:
        raise NOT_FOUND.reject(repr(wanted)[:200])
    effect = visit.query.get("effect") or ""
    branches = [_branch(visit, record) for record in drawn]
    if effect:
        branches = [each for each in branches if _counts_as(each, effect)]
    shown = branches[:_MOST_TREES]
    description = (
        f"{len(shown)} organisations from left to right with their roles, brands, APIs and software. "
        "The list below says the same in words."
    )
    trees = [_box(visit, each) for each in shown]
    # Everything in it is escaped where it is drawn.
    picture = Markup(draw_forest(trees, title="Graph of trust", description=description))  # noqa: S704
    return visit.page(
        "graph",
        place="graph",
        picture=picture,
        branches=shown,
        total=len(branches),
        organisations=[named(snapshot, each) for each in organisations],
        wanted=wanted,
        effect=effect,
        effects=EFFECTS,
        signs={name: Markup(draw_mark(name)) for name in EFFECTS},  # noqa: S704  # drawings of ours
        kinds=_KINDS,
    )


def _branch(visit: Visit, record: Record) -> Branch:
    snapshot = visit.snapshot
    children = [snapshot.find(child) for child in snapshot.children(record.subject)]
    below = [
        child for species in _BOXES.get(record.species, ()) for child in children if child.species == species
    ]
    return Branch(
        shown=named(snapshot, record),
        marks=tuple(
            named(snapshot, child)
            for child in children
            if child.species in _MARKS and child.parents[0] == str(record.subject)
        ),
        children=tuple(_branch(visit, child) for child in below),
    )


def _counts_as(branch: Branch, effect: str) -> bool:
    """Say whether anything in a tree counts as an effect."""
    return (
        branch.shown.effect == effect
        or any(mark.effect == effect for mark in branch.marks)
        or any(_counts_as(child, effect) for child in branch.children)
    )


def _box(visit: Visit, branch: Branch) -> Box:
    frame, shown = visit.frame("graph"), branch.shown
    return Box(
        title=shown.title,
        kind=_KINDS[shown.species],
        effect=shown.effect,
        state=shown.state,
        href=frame.to(shown.path),
        marks=_marks(visit, branch.marks),
        children=tuple(_box(visit, child) for child in branch.children),
    )


def _marks(visit: Visit, marks: Sequence[Named]) -> tuple[Mark, ...]:
    frame = visit.frame("graph")
    return tuple(
        Mark(
            letter=_MARKS[mark.species],
            title=f"{LIFECYCLES[mark.species].title} {mark.title}",
            effect=mark.effect,
            href=frame.to(mark.path),
        )
        for mark in marks
    )
