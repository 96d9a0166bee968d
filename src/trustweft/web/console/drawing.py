"""The graph of trust as a picture: trees from left to right, each thing a box, its keys and certificates marks in it.

What something counts as is told by colour, by the shape of its mark and by a word. The style sheet is the page's own.
"""

from __future__ import annotations

import unicodedata
from html import escape
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.web.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Box", "Mark", "draw_forest", "draw_mark"]

_WIDTH: Final = 256
_GAP: Final = 58
_LINE: Final = 52
_MARKS: Final = 26
_SPACE: Final = 14
_MARGIN: Final = 8
_MOST_MARKS: Final = 7
_LETTERS: Final = 25  # of the usual width, in a box
_SMALL_LETTERS: Final = 34


class Mark(Struct, frozen=True, kw_only=True):
    """A key or a certificate of a box."""

    letter: str
    title: str
    effect: str
    href: str


class Box(Struct, frozen=True, kw_only=True):
    """A thing, and what depends on it.

    Attributes:
        title: a stranger's name.
        kind: what it is, in a word.
        effect: what it counts as, ``active``, ``waiting``, ``suspended`` or ``ended``.
        state: where it stands in its lifecycle.
    """

    title: str
    kind: str
    effect: str
    state: str
    href: str
    marks: tuple[Mark, ...] = ()
    children: tuple[Box, ...] = ()

    @property
    def height(self) -> int:
        """Of the box itself."""
        return _LINE + (_MARKS if self.marks else 0)


class _Placed(Struct, frozen=True):
    box: Box
    x: int
    y: int


def draw_forest(trees: Sequence[Box], *, title: str, description: str) -> str:
    """Return an SVG element; its text alternative is the list that the page shows beside it."""
    placed: list[_Placed] = []
    wires: list[str] = []
    top, deepest = _MARGIN, 0
    for tree in trees:
        top, depth = _place(tree, 0, top, placed, wires)
        deepest = max(deepest, depth)
    width = 2 * _MARGIN + (deepest + 1) * _WIDTH + deepest * _GAP
    height = max(top, _LINE)
    boxes = "\n".join(map(_draw_box, placed))
    return (
        f'<svg class="forest" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" '
        f'aria-labelledby="forest-title forest-text"><title id="forest-title">{escape(title)}</title>'
        f'<desc id="forest-text">{escape(description)}</desc>'
        f'<g class="forest-wires">{"".join(wires)}</g>\n{boxes}</svg>'
    )


def _place(box: Box, depth: int, top: int, placed: list[_Placed], wires: list[str]) -> tuple[int, int]:
    """Place a box and what hangs off it from ``top`` on; return where the next one begins, and the deepest column."""
    x = _MARGIN + depth * (_WIDTH + _GAP)
    placed.append(_Placed(box, x, top))
    below, deepest = top, depth
    for child in box.children:
        wires.append(_wire(x + _WIDTH, top + _LINE // 2, x + _WIDTH + _GAP, below + _LINE // 2, child.effect))
        below, reached = _place(child, depth + 1, below, placed, wires)
        deepest = max(deepest, reached)
    return max(below, top + box.height + _SPACE), deepest


def _wire(x1: int, y1: int, x2: int, y2: int, effect: str) -> str:
    middle = (x1 + x2) // 2
    return f'<path class="wire-{effect}" d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _draw_box(placed: _Placed) -> str:
    box, x, y = placed.box, placed.x, placed.y
    name = shortened(box.title)
    said = f"{box.kind} {name}: {box.state}, counts as {box.effect}"
    own = "" if box.state == box.effect else f" ({box.state})"
    small = _cut(f"{box.kind}, {box.effect}{own}", _SMALL_LETTERS)
    parts = [
        f'<g class="forest-box effect-{box.effect}"><a href="{escape(box.href)}">',
        f"<title>{escape(said)}</title>",
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{box.height}" rx="9"/>',
        f'<g transform="translate({x + 18} {y + 20})">{draw_mark(box.effect)}</g>',
        f'<text class="forest-name" x="{x + 34}" y="{y + 24}">{escape(_cut(name, _LETTERS))}</text>',
        f'<text class="forest-kind" x="{x + 34}" y="{y + 42}">{escape(small)}</text></a>',
    ]
    for number, mark in enumerate(box.marks[:_MOST_MARKS]):
        parts.append(_draw_key(mark, x + 34 + number * _MARKS, y + _LINE - 4))
    more = len(box.marks) - _MOST_MARKS
    if more > 0:
        parts.append(
            f'<text class="forest-kind" x="{x + 34 + _MOST_MARKS * _MARKS}" y="{y + _LINE + 12}">+{more}</text>'
        )
    return "".join([*parts, "</g>"])


def _draw_key(mark: Mark, x: int, y: int) -> str:
    said = f"{mark.title}: {mark.effect}"
    return (
        f'<g class="forest-mark effect-{mark.effect}"><a href="{escape(mark.href)}" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>"
        f'<rect x="{x}" y="{y}" width="24" height="24" rx="{12 if mark.letter == "K" else 4}"/>'
        f'<text x="{x + 12}" y="{y + 16.5}">{escape(mark.letter)}</text></a></g>'
    )


def draw_mark(effect: str) -> str:
    """Return the mark of an effect, around the origin: each has a shape of its own, so that colour is not needed."""
    return {
        "active": '<circle class="sign sign-solid" r="6"/>',
        "waiting": '<circle class="sign" r="5.5" stroke-dasharray="2.5 2.500"/>',
        "suspended": '<path class="sign" d="M-3 -6V6M3 -6V6"/>',
        "ended": '<path class="sign" d="M-5 -5 5 5M5 -5 -5 5"/>',
    }[effect]


def _cut(text: str, most: int) -> str:
    """Cut a text to what fits into a box; letters of East Asian scripts are twice as wide."""
    width = 0
    for kept, character in enumerate(text):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > most:
            return text[: max(kept - 1, 0)] + "…"
    return text
