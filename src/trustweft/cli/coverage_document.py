"""The coverage of requirements, and the crosswalk to certificates, as parts of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.report.document import Chapter, Html, chips, document, joined, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.coverage import Row
    from trustweft.profile.crosswalk import Crosswalk, Group, Scheme

__all__ = ["coverage_page", "crosswalk_parts"]


def coverage_page(rows: Sequence[Row], crosswalk: Crosswalk, groups: Sequence[Group]) -> str:
    """Return the table of coverage as a page, grouped by section."""
    sections = list(dict.fromkeys((row.requirement.removesuffix(_item(row)), row.section) for row in rows))
    chapters = [
        Chapter(
            prefix.lower().replace(".", "-"),
            f"{prefix.removesuffix(f'-{section}')}, section {section}",
            [_table([row for row in rows if row.requirement.removesuffix(_item(row)) == prefix])],
        )
        for prefix, section in sections
    ]
    chapters.append(Chapter("crosswalk", "What certificates touch", crosswalk_parts(crosswalk, groups, rows)))
    return document(
        title="Coverage of the requirements",
        lead="Each clause: where the code enforces it, what audits it, which attacks succeed without it; or why not.",
        facts=[
            ("Requirements", str(len(rows))),
            ("Enforced in the code", str(sum(bool(row.enforced_by) for row in rows))),
            ("For people to satisfy", str(sum(row.operational is not None for row in rows))),
            ("With a hole", str(sum(bool(row.holes) for row in rows))),
        ],
        chapters=chapters,
    )


def _item(row: Row) -> str:
    return f"-{row.requirement.rpartition('-')[2]}"


def _table(rows: Sequence[Row]) -> Html:
    headings = ("Requirement", "Level", "What", "Enforced by", "Audited by", "Attacks closed")
    return table(headings, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    audited = chips(row.audited_by or ()) or _empty(
        row, "audited by", row.not_observable, unknown=row.audited_by is None
    )
    closes = chips(row.closes or ()) or _empty(
        row, "attacks closed", row.not_modelled, unknown=row.closes is None
    )
    enforced = chips([each.removeprefix("trustweft.") for each in row.enforced_by])
    return [
        row.requirement,
        row.level,
        row.sentence,
        enforced or (f"People: {row.operational}." if row.operational else _empty(row, "enforced by")),
        audited,
        closes,
    ]


def _empty(row: Row, column: str, reason: str | None = None, *, unknown: bool = False) -> str:
    if reason is not None:
        return f"{reason[0].upper()}{reason[1:]}."
    if column in row.holes:
        return Html('<span class="bad">hole</span>')
    return "not yet" if unknown and not row.operational else ""


def crosswalk_parts(crosswalk: Crosswalk, groups: Sequence[Group], rows: Sequence[Row]) -> list[Html]:
    """Return the crosswalk as parts of a chapter."""
    headings = ("Group", *(scheme.title for scheme in crosswalk.scheme), "What that means")
    missing = crosswalk.missing(row.mechanism for row in rows)
    cells = [
        [
            group.id,
            *(", ".join(group.touched.get(scheme.id, ())) or "not touched" for scheme in crosswalk.scheme),
            group.sentence,
        ]
        for group in groups
    ]
    left = [paragraph(f"Not compared yet: {', '.join(missing)}.")] if missing else []
    return [
        paragraph(
            "A control is named where it asks for something in the same area, not where it asks for the same. "
            "Where nothing is named, no such certificate says anything about these requirements."
        ),
        table(headings, cells),
        *left,
        paragraph(joined(*(_untouched(scheme, groups, rows) for scheme in crosswalk.scheme))),
    ]


def _untouched(scheme: Scheme, groups: Sequence[Group], rows: Sequence[Row]) -> str:
    names = {group.id for group in groups if scheme.id not in group.touched}
    count = sum(row.mechanism in names for row in rows)
    return (
        f"{scheme.title} ({scheme.source}) does not touch {count} of {len(rows)} requirements. "
        f"Its controls were compared with {scheme.compared}."
    )
