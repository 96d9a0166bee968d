"""Sequence diagrams as self-contained SVG: no script, no outside font, readable in light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Message", "sequence_diagram"]

_COLUMN: Final = 210
_ROW: Final = 46
_TOP: Final = 64
_MARGIN: Final = 110
_HEAD_WIDTH: Final = 170
_HEAD_HEIGHT: Final = 34
_LABEL_LIMIT: Final = 60

_STYLE: Final = """
.lane{stroke:#9aa5b1;stroke-dasharray:3 4}
.head{fill:#eef3f8;stroke:#3b5b7a}
.head-text{fill:#1f2f3f;font-weight:600}
.arrow{stroke:#24578a;stroke-width:1.6;fill:none}
.answer{stroke-dasharray:5 4}
.refused .arrow{stroke:#b42318}
.refused .label{fill:#b42318}
.label{fill:#1f2f3f;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.number{fill:#5b6b7a}
text{font:12px system-ui,sans-serif}
@media (prefers-color-scheme:dark){
.label{stroke:#18222c}.head{fill:#1d2a36;stroke:#7fa6cc}.head-text,.label{fill:#e6edf3}.number{fill:#9aa5b1}
.arrow{stroke:#7fb2e5}.refused .arrow{stroke:#ff8a7a}.refused .label{fill:#ff8a7a}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One arrow: who tells whom what.

    Attributes:
        sender: a name among the participants.
        receiver: a name among the participants; the sender itself for a step of its own.
        text: one short line.
        answer: drawn dashed.
        refused: drawn in the colour of a refusal.
    """

    sender: str
    receiver: str
    text: str
    answer: bool = False
    refused: bool = False


def sequence_diagram(participants: Sequence[str], messages: Sequence[Message], *, title: str) -> str:
    """Return an SVG element with a lane per participant and an arrow per message, top to bottom.

    Raises:
        ValueError: a message names somebody who is not a participant.
    """
    lanes = {name: _MARGIN + index * _COLUMN for index, name in enumerate(participants)}
    width = 2 * _MARGIN + (len(participants) - 1) * _COLUMN
    height = _TOP + len(messages) * _ROW + 40
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
            f'aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path class="arrow" d="M1 1 7 4 1 7"/></marker></defs>'
        ),
    ]
    parts += [_lane(name, x, height) for name, x in lanes.items()]
    parts += [_arrow(message, lanes, _TOP + 28 + row * _ROW, row + 1) for row, message in enumerate(messages)]
    return "\n".join([*parts, "</svg>"])


def _lane(name: str, x: int, height: int) -> str:
    return (
        f'<line class="lane" x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{height - 12}"/>'
        f'<rect class="head" x="{x - _HEAD_WIDTH // 2}" y="14" width="{_HEAD_WIDTH}" height="{_HEAD_HEIGHT}" rx="7"/>'
        f'<text class="head-text" x="{x}" y="36" text-anchor="middle">{escape(name)}</text>'
    )


def _arrow(message: Message, lanes: dict[str, int], y: int, number: int) -> str:
    for name in (message.sender, message.receiver):
        if name not in lanes:
            raise ValueError(f"{name!r} is not a participant of the diagram")
    start, end = lanes[message.sender], lanes[message.receiver]
    kind = "arrow answer" if message.answer else "arrow"
    if start == end:
        path = f'<path class="{kind}" marker-end="url(#head)" d="M{start} {y}h34v14h-28"/>'
        label_x, anchor = start + 42, "start"
    else:
        gap = 5 if end > start else -5
        path = f'<path class="{kind}" marker-end="url(#head)" d="M{start} {y}H{end - gap}"/>'
        label_x, anchor = (start + end) // 2, "middle"
    text = message.text if len(message.text) <= _LABEL_LIMIT else message.text[: _LABEL_LIMIT - 1] + "…"
    return (
        f'<g class="{"refused" if message.refused else "message"}">{path}'
        f'<text class="label" x="{label_x}" y="{y - 7}" text-anchor="{anchor}">'
        f'<tspan class="number">{number}.</tspan> {escape(text)}</text></g>'
    )
