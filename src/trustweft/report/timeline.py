"""Timelines as self-contained SVG: who did what how long after something, on a scale that shows tenths and minutes.

No script, no outside font; readable in light and dark, and without telling colours apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Kind", "Limit", "Mark", "Row", "draw_timeline"]

Kind: TypeAlias = Literal["good", "late", "open", "told"]

_LEFT: Final = 196
_WIDTH: Final = 640
_RIGHT: Final = 92
_TOP: Final = 46
_ROW: Final = 26
_GROUP: Final = 30
_LINEAR: Final = 0.1  # seconds; from there on the scale is logarithmic
_TICKS: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0)

_STYLE: Final = """
svg.timeline text{font:12px system-ui,sans-serif;fill:#1f2f3f}
svg.timeline .soft{fill:#5b6b7a;font-size:11px}
svg.timeline .group{font-weight:600}
svg.timeline .axis{stroke:#d0d7de}
svg.timeline .limit{stroke:#9a6700;stroke-dasharray:5 4}
svg.timeline .limitname{fill:#9a6700;font-size:11px}
svg.timeline .bar{stroke:#9aa5b1;stroke-width:2}
svg.timeline .good{fill:#1a7f37;stroke:#1a7f37}
svg.timeline .told{fill:#24578a;stroke:#24578a}
svg.timeline .late{fill:#b42318;stroke:#b42318}
svg.timeline .open{fill:none;stroke:#5b6b7a;stroke-width:2}
svg.timeline text.late{stroke:none;font-weight:600}
@media screen and (prefers-color-scheme:dark){
svg.timeline text{fill:#e6edf3}
svg.timeline .soft{fill:#a3b1be}
svg.timeline .axis{stroke:#2c3946}
svg.timeline .limit{stroke:#d4a72c}
svg.timeline .limitname{fill:#d4a72c}
svg.timeline .good{fill:#57ab5a;stroke:#57ab5a}
svg.timeline .told{fill:#7fb2e5;stroke:#7fb2e5}
svg.timeline .late{fill:#ff8a7a;stroke:#ff8a7a}}
@media print{svg.timeline text{fill:#000}}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, or did not.

    Attributes:
        at: seconds after the beginning; None where it never happened.
        kind: ``good`` in time, ``late`` too late or never, ``open`` not due yet, ``told`` what somebody says.
        text: beside it.
    """

    at: float | None
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a name and its mark. A row without a mark heads those after it."""

    name: str
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A time by which something has to be done, in seconds after the beginning."""

    at: float
    name: str


def draw_timeline(title: str, rows: Sequence[Row], *, limits: Sequence[Limit], end: float) -> str:
    """Return an SVG element.

    Args:
        title: what it shows, for those who do not see it.
        rows: from top to bottom.
        limits: drawn through all rows, as far as they lie before the end.
        end: seconds; what has not happened by then is drawn at the right edge.
    """
    last = max(end, *(row.mark.at or 0.0 for row in rows if row.mark), 1.0)
    height = _TOP + sum(_GROUP if row.mark is None else _ROW for row in rows) + 12
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img" aria-label="{escape(title)}">'
        ),
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
    ]
    parts += [_tick(at, last, height) for at in _TICKS if at <= last]
    parts += [_limit(limit, last, height) for limit in limits if limit.at <= last]
    y = _TOP
    for row in rows:
        if row.mark is None:
            parts.append(f'<text class="group" x="8" y="{y + 20}">{escape(row.name)}</text>')
            y += _GROUP
        else:
            parts.append(_row(row.name, row.mark, y + _ROW // 2, last))
            y += _ROW
    return "\n".join([*parts, "</svg>"])


def _x(at: float, last: float) -> float:
    def scaled(seconds: float) -> float:
        return math.log10(1.0 + seconds / _LINEAR)

    return round(_LEFT + _WIDTH * scaled(max(at, 0.0)) / scaled(last), 1)


def _tick(at: float, last: float, height: int) -> str:
    x = _x(at, last)
    return (
        f'<line class="axis" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{height - 8}"/>'
        f'<text class="soft" text-anchor="middle" x="{x}" y="{_TOP - 14}">{_time(at)}</text>'
    )


def _time(seconds: float) -> str:
    if seconds >= 3_600:  # noqa: PLR2004  # an hour
        return f"{seconds / 3_600:.0f} h"
    if seconds >= 60:  # noqa: PLR2004  # a minute
        return f"{seconds / 60:.0f} min"
    return f"{seconds:g} s"


def _limit(limit: Limit, last: float, height: int) -> str:
    x = _x(limit.at, last)
    return (
        f'<line class="limit" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{height - 8}"/>'
        f'<text class="limitname" text-anchor="middle" x="{x}" y="14">{escape(limit.name)}</text>'
    )


def _row(name: str, mark: Mark, y: int, last: float) -> str:
    at = last if mark.at is None else mark.at
    x = _x(at, last)
    start = _x(0.0, last)
    drawn = {
        "good": f'<circle class="good" cx="{x}" cy="{y}" r="5"/>',
        "told": f'<rect class="told" x="{x - 4.5}" y="{y - 4.5}" width="9" height="9"/>',
        "open": f'<circle class="open" cx="{x}" cy="{y}" r="5"/>',
        "late": f'<path class="late" d="M{x - 6} {y + 5}h12l-6 -11z"/>',
    }[mark.kind]
    said = f"{name}: {mark.text}"
    emphasis = "late" if mark.kind == "late" else "soft"
    return (
        f"<g><title>{escape(said)}</title>"
        f'<text class="soft" text-anchor="end" x="{_LEFT - 14}" y="{y + 4}">{escape(name)}</text>'
        f'<line class="bar" x1="{start}" y1="{y}" x2="{x}" y2="{y}"/>{drawn}'
        f'<text class="{emphasis}" x="{x + 11}" y="{y + 4}">{escape(mark.text)}</text></g>'
    )
