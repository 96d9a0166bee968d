"""The tables, as Markdown: what the terminal shows and what README.md holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.refusals import Refusal
    from bench.results import Result

__all__ = ["machine_lines", "refusal_lines", "table_lines"]


def machine_lines(machine: Mapping[str, str]) -> list[str]:
    """Return where and when."""
    return [f"- {name}: {value}" for name, value in machine.items()]


def refusal_lines(refusals: Iterable[Refusal]) -> list[str]:
    """Return what each side refused, a line for each side."""
    by_side: dict[str, list[str]] = {}
    for side, what, status, error in refusals:
        by_side.setdefault(side, []).append(f"{what} ({status} {error})")
    return [f"{side} refuses: {'; '.join(found)}." for side, found in by_side.items()]


def table_lines(results: Sequence[Result], *, columns: Sequence[str], peer: str) -> list[str]:
    """Return one table: a row for each result, two columns for each side of ours."""
    ours = [column for column in columns if column != peer]
    head = ["requests per second", f"`{peer}`"]
    for column in ours:
        head += [column, "of peer (rounds)", "of floor"]
    head.append("target")
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 2) + ["---"])]
    for result in results:
        cells = [result.name, f"{result.rate(peer):,.0f}"]
        for column in ours:
            cells += _cells(result, column)
        lines.append(_line([*cells, _target(result)]))
    return lines


def _cells(result: Result, side: str) -> list[str]:
    if side not in result.samples:
        return ["", "", ""]
    ratio, share = result.ratio(side), result.floor_share(side)
    return [
        f"{result.rate(side):,.0f}",
        f"**{ratio.of_medians:.2f}** ({ratio.lowest:.2f} to {ratio.highest:.2f})",
        "" if share is None else f"{share:.2f}",
    ]


def _target(result: Result) -> str:
    if result.met is None:
        return ""
    wanted = []
    if result.target is not None:
        wanted.append(f"≥ {result.target} of peer")
    if result.floor_target is not None:
        wanted.append(f"≥ {result.floor_target} of floor")
    return f"{', '.join(wanted)}: {'met' if result.met else '**missed**'}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
