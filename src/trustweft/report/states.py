"""State diagrams as self-contained SVG: a lane for each state, a row for each action, so that nothing ever overlaps.

No script, no outside font; readable in light and dark, and without telling colours apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Kind", "State", "Step", "draw_states"]

Kind: TypeAlias = Literal["waiting", "active", "suspended", "ended"]

_COLUMN: Final = 118
_MARGIN: Final = 66
_BOX: Final = 104
_HEAD: Final = 44
_ROW: Final = 40

_STYLE: Final = """
svg.states text{font:12px system-ui,sans-serif;fill:#1f2f3f}
svg.states .lane{stroke:#9aa5b1;stroke-dasharray:3 4}
svg.states .box{fill:#f4f5f7;stroke:#5b6b7a}
svg.states .active .box{fill:#e6f4ea;stroke:#1a7f37}
svg.states .suspended .box{fill:#fff4d6;stroke:#9a6700}
svg.states .ended .box{fill:#fde8e6;stroke:#b42318}
svg.states .name{font-weight:600}
svg.states .kind{font-size:10px;fill:#5b6b7a}
svg.states .line{stroke:#24578a;stroke-width:1.6;fill:none}
svg.states .tip,svg.states .from{fill:#24578a}
svg.states .label{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
svg.states .two{font-weight:600}
@media screen and (prefers-color-scheme:dark){
svg.states text{fill:#e6edf3}
svg.states .kind{fill:#9aa5b1}
svg.states .label{stroke:#18222c}
svg.states .box{fill:#22303c;stroke:#9aa5b1}
svg.states .active .box{fill:#12351f;stroke:#57ab5a}
svg.states .suspended .box{fill:#3a2d0b;stroke:#d4a72c}
svg.states .ended .box{fill:#43201c;stroke:#ff8a7a}
svg.states .line{stroke:#7fb2e5}
svg.states .tip,svg.states .from{fill:#7fb2e5}}
"""
# Only where something is in a state: the manual's pictures show none.
_STYLE_OF_CURRENT: Final = """svg.states .current .box{stroke-width:3.5}
svg.states .current .lane{stroke-dasharray:none}
"""


@dataclass(frozen=True, slots=True)
class State:
    """A lane: its name, and what being in it means."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Step:
    """A row: an action that leads from each of ``sources`` to ``target``; ``marked`` ones stand out."""

    sources: tuple[str, ...]
    target: str
    action: str
    marked: bool = False


def draw_states(
    title: str, states: Sequence[State], steps: Sequence[Step], *, current: str | None = None
) -> str:
    """Return an SVG element with the states from left to right and the steps from top to bottom.

    Args:
        title: what it is a picture of.
        states: the lanes.
        steps: the rows.
        current: the state that something is in, which stands out.

    Raises:
        ValueError: a step names a state that is not there.
    """
    lanes = {state.name: _MARGIN + index * _COLUMN for index, state in enumerate(states)}
    for step in steps:
        for name in (*step.sources, step.target):
            if name not in lanes:
                raise ValueError(f"{name!r} is no state of the diagram")
    top = 8 + _HEAD
    height = top + _ROW * len(steps) + 24
    width = 2 * _MARGIN + (len(states) - 1) * _COLUMN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="states" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img" aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{_STYLE}{_STYLE_OF_CURRENT if current else ''}</style>",
    ]
    parts += [
        _lane(state, lanes[state.name], top=top, bottom=height - 8, current=state.name == current)
        for state in states
    ]
    parts += [_row(step, lanes, top + _ROW * (index + 1) - 4) for index, step in enumerate(steps)]
    return "\n".join([*parts, "</svg>"])


def _lane(state: State, x: int, *, top: int, bottom: int, current: bool) -> str:
    now, said = (" current", "now, ") if current else ("", "")
    return (
        f'<g class="{state.kind}{now}"><line class="lane" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>'
        f'<rect class="box" x="{x - _BOX // 2}" y="8" width="{_BOX}" height="{_HEAD}" rx="7"/>'
        f'<text class="name" text-anchor="middle" x="{x}" y="27">{escape(state.name)}</text>'
        f'<text class="kind" text-anchor="middle" x="{x}" y="42">{said}{state.kind}</text></g>'
    )


def _row(step: Step, lanes: Mapping[str, int], y: int) -> str:
    """Return one action: a dot at each state that it starts from, and a tip at the one that it leads to."""
    end = lanes[step.target]
    starts = [lanes[name] for name in step.sources]
    farthest = [min(starts), max(starts)]
    drawn = [f'<circle class="from" cx="{x}" cy="{y}" r="4"/>' for x in starts]
    for x, side in zip(farthest, (1, -1), strict=True):
        if (end - x) * side > 0:
            drawn.append(f'<path class="line" d="M{x} {y}H{end - 6 * side}"/>')
            drawn.append(f'<path class="tip" d="M{end} {y}l{-9 * side} -4.5v9z"/>')
    middle = (min(*farthest, end) + max(*farthest, end)) // 2
    two = " two" if step.marked else ""
    label = (
        f'<text class="label{two}" text-anchor="middle" x="{middle}" y="{y - 7}">{escape(step.action)}</text>'
    )
    said = f"{step.action}: from {' or '.join(step.sources)} to {step.target}"
    return f'<g class="step"><title>{escape(said)}</title>{"".join(drawn)}{label}</g>'
