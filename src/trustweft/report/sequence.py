"""Sequence diagrams that tell a story: labels of any length, attacks and notes, as self-contained SVG.

No script, no outside font, no ids that would clash with another drawing on the page; readable in light and dark.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Kind", "Message", "draw_sequence"]

Kind: TypeAlias = Literal["normal", "answer", "refused", "attack", "note"]

_COLUMN: Final = 208
_MARGIN: Final = 96
_HEAD_WIDTH: Final = 164
_LINE: Final = 15  # from one line of text to the next
_GAP: Final = 22  # between a message and the next
_CHARACTER: Final = 6.3  # how wide one is on average, at 12 pixels
_OWN_STEP: Final = 150  # the width of the label of a step that somebody does alone
# Whoever cannot tell the colours apart hears or hovers over it.
_SAID: Final[Mapping[Kind, str]] = {"attack": "step of the attack", "refused": "refused"}

_STYLE: Final = """
svg.sequence text{font:12px system-ui,sans-serif;fill:#1f2f3f}
svg.sequence .lane{stroke:#9aa5b1;stroke-dasharray:3 4}
svg.sequence .head{fill:#eef3f8;stroke:#3b5b7a}
svg.sequence .name{font-weight:600}
svg.sequence .line{stroke:#24578a;stroke-width:1.6;fill:none}
svg.sequence .tip{fill:#24578a}
svg.sequence .answer .line,svg.sequence .refused .line{stroke-dasharray:5 4}
svg.sequence .attack .line,svg.sequence .refused .line{stroke:#b42318}
svg.sequence .attack .line{stroke-width:3}
svg.sequence .attack .tip,svg.sequence .refused .tip{fill:#b42318}
svg.sequence .attack .label,svg.sequence .refused .label{fill:#b42318}
svg.sequence .attack .label{font-weight:600}
svg.sequence .label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
svg.sequence .number{fill:#5b6b7a;font-weight:400}
svg.sequence .box{fill:#fff8e1;stroke:#b08900}
svg.sequence .note .label{stroke:none}
@media screen and (prefers-color-scheme:dark){
svg.sequence text{fill:#e6edf3}
svg.sequence .label{stroke:#18222c}
svg.sequence .head{fill:#1d2a36;stroke:#7fa6cc}
svg.sequence .line{stroke:#7fb2e5}
svg.sequence .tip{fill:#7fb2e5}
svg.sequence .attack .line,svg.sequence .refused .line{stroke:#ff8a7a}
svg.sequence .attack .tip,svg.sequence .refused .tip{fill:#ff8a7a}
svg.sequence .attack .label,svg.sequence .refused .label{fill:#ff8a7a}
svg.sequence .number{fill:#9aa5b1}
svg.sequence .box{fill:#2e2a18;stroke:#c9a227}}
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One arrow: who tells whom what.

    Attributes:
        source: a name among the participants.
        target: a name among the participants; the source itself for a step of its own.
        text: what is said; long ones are wrapped.
        kind: an `answer` is dashed; one that is `refused` is red and dashed, one of an `attack` red and thick; a `note` is a box.
    """

    source: str
    target: str
    text: str
    kind: Kind = "normal"


def draw_sequence(title: str, participants: Sequence[str], messages: Sequence[Message]) -> str:
    """Return an SVG element with a lane per participant and an arrow per message, top to bottom.

    Raises:
        ValueError: a message names somebody who is not a participant.
    """
    lanes = {name: _MARGIN + index * _COLUMN for index, name in enumerate(participants)}
    heads = {name: textwrap.wrap(name, 22) for name in participants}
    head_height = 18 + _LINE * max(map(len, heads.values()), default=1)
    y = top = 10 + head_height
    steps: list[str] = []
    numbers = _numbers(messages)
    for message, number in zip(messages, numbers, strict=True):
        drawn, y = _step(message, lanes, y, number)
        steps.append(drawn)
    width = 2 * _MARGIN + max(len(lanes) - 1, 0) * _COLUMN + _overhang(lanes, messages)
    height = y + _GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="sequence" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img" aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
    ]
    parts += [_lane(heads[name], x, head_height, top=top, bottom=height - 8) for name, x in lanes.items()]
    return "\n".join([*parts, *steps, "</svg>"])


def _numbers(messages: Sequence[Message]) -> list[str]:
    """Return the number of each message; notes have none."""
    numbers: list[str] = []
    for message in messages:
        count = sum(bool(number) for number in numbers) + 1
        numbers.append("" if message.kind == "note" else f"{count}. ")
    return numbers


def _overhang(lanes: Mapping[str, int], messages: Sequence[Message]) -> int:
    """Return the room that steps of the last participant need on the right."""
    last = max(lanes, key=lambda name: lanes[name], default=None)
    own = any(each.source == each.target == last and each.kind != "note" for each in messages)
    return _OWN_STEP - _MARGIN + 40 if own else 0


def _lane(name: list[str], x: int, head_height: int, *, top: int, bottom: int) -> str:
    return (
        f'<line class="lane" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>'
        f'<rect class="head" x="{x - _HEAD_WIDTH // 2}" y="10" width="{_HEAD_WIDTH}" height="{head_height}" rx="7"/>'
        + _text(name, x, 10 + (head_height - _LINE * len(name)) // 2 + 12, anchor="middle", kind="name")
    )


def _step(message: Message, lanes: Mapping[str, int], y: int, number: str) -> tuple[str, int]:
    """Return a message as it is drawn below ``y``, and where it ends."""
    for name in (message.source, message.target):
        if name not in lanes:
            raise ValueError(f"{name!r} is not a participant of the diagram")
    start, end = lanes[message.source], lanes[message.target]
    if message.kind == "note":
        drawn, bottom = _note(message.text, min(start, end), max(start, end), y)
    elif start == end:
        drawn, bottom = _own_step(number, message.text, start, y)
    else:
        drawn, bottom = _arrow(number, message.text, start, end, y)
    said = _SAID.get(message.kind)
    title = f"<title>{said}</title>" if said else ""
    return f'<g class="{message.kind}">{title}{drawn}</g>', bottom


def _arrow(number: str, text: str, start: int, end: int, y: int) -> tuple[str, int]:
    lines = _wrapped(number + text, abs(end - start) - 20)
    at = y + _GAP + _LINE * len(lines)
    side = 1 if end > start else -1
    tip = f"M{end} {at}l{-9 * side} -4.5v9z"
    line = f'<path class="line" d="M{start} {at}H{end - 6 * side}"/><path class="tip" d="{tip}"/>'
    label = _text(lines, (start + end) // 2, y + _GAP + 8, anchor="middle", number=number)
    return line + label, at


def _own_step(number: str, text: str, x: int, y: int) -> tuple[str, int]:
    lines = _wrapped(number + text, _OWN_STEP)
    top = y + _GAP
    line = f'<path class="line" d="M{x} {top}h22v16h-16"/><path class="tip" d="M{x} {top + 16}l9 -4.5v9z"/>'
    label = _text(lines, x + 30, top + 9, anchor="start", number=number)
    return line + label, top + max(16, _LINE * len(lines))


def _note(text: str, left: int, right: int, y: int) -> tuple[str, int]:
    x, width = left - _HEAD_WIDTH // 2, right - left + _HEAD_WIDTH
    lines = _wrapped(text, width - 16)
    height = _LINE * len(lines) + 12
    box = f'<rect class="box" x="{x}" y="{y + 14}" width="{width}" height="{height}" rx="4"/>'
    return box + _text(lines, x + width // 2, y + 14 + 18, anchor="middle"), y + 14 + height


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(int(width / _CHARACTER), 8)) or [""]


def _text(lines: Sequence[str], x: int, y: int, *, anchor: str, kind: str = "label", number: str = "") -> str:
    spans = []
    for index, line in enumerate(lines):
        shown = escape(line)
        if index == 0 and number and line.startswith(number.strip()):
            rest = escape(line[len(number.strip()) :])
            shown = f'<tspan class="number">{number.strip()}</tspan>{rest}'
        spans.append(f'<tspan x="{x}" y="{y + index * _LINE}">{shown}</tspan>')
    return f'<text class="{kind}" text-anchor="{anchor}">{"".join(spans)}</text>'
