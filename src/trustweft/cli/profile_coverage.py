"""`trustweft profile coverage`: what becomes of each requirement, from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from trustweft.audit.registry import audits
from trustweft.cli.coverage_document import coverage_page
from trustweft.cli.output import examples, json_option, print_json, print_table, write_page
from trustweft.coverage import attacks_closed, cover, holes_of
from trustweft.profile import ProfileError
from trustweft.profile.crosswalk import load_crosswalk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.coverage import Row
    from trustweft.profile.crosswalk import Crosswalk, Group

__all__ = ["coverage"]

_DEFAULT: Final = "FAPI2-SP"


@click.command(
    epilog=examples(
        "trustweft profile coverage",
        "trustweft profile coverage --holes",
        "trustweft profile coverage --specification FAPI2-SP --json",
        "trustweft profile coverage --html coverage.html",
        "trustweft profile coverage --crosswalk",
    )
)
@click.option(
    "--specification",
    "specifications",
    multiple=True,
    default=(_DEFAULT,),
    show_default=True,
    help="The short id of a specification; may be given several times.",
)
@click.option("--holes", is_flag=True, help="Only requirements with an empty cell and no reason for it.")
@click.option(
    "--crosswalk", is_flag=True, help="Which groups of requirements SOC 2, PCI DSS and ISO 27001 touch."
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this file, as a page."
)
@json_option
def coverage(
    specifications: tuple[str, ...], html: Path | None, *, holes: bool, crosswalk: bool, as_json: bool
) -> None:
    """Print for each requirement who enforces it, what audits it, and which attacks it closes.

    Enforced by: the function that is marked with the requirement, found in the code. An empty cell has a reason, or is a
    hole; a hole in a "shall" makes the command end with 1.
    """
    try:
        rows = tuple(
            row
            for each in dict.fromkeys(specifications)
            for row in cover(each, audits=audits(), attacks=attacks_closed())
        )
        groups = load_crosswalk().select(row.mechanism for row in rows)
    except ProfileError as cause:
        raise click.ClickException(str(cause)) from cause
    if html is not None:
        write_page(html, coverage_page(rows, load_crosswalk(), groups))
    if crosswalk:
        _print_crosswalk(load_crosswalk(), groups, rows, as_json=as_json)
        return
    shown = [row for row in rows if row.holes] if holes else rows
    if as_json:
        print_json(msgspec.to_builtins(shown))
    elif html is None or holes:
        _print_rows(shown)
    binding = holes_of(rows)
    if not as_json:
        click.echo(_sentence(rows, binding))
    if binding:
        raise SystemExit(1)


def _print_rows(rows: Sequence[Row]) -> None:
    audited = any(row.audited_by is not None for row in rows)  # else a column for nothing, on a narrow screen
    headings = ("requirement", "level", "enforced by", "attacks closed", *(["audited by"] if audited else []))
    print_table(headings, [_line(row)[: len(headings)] for row in rows])


def _line(row: Row) -> list[str]:
    return [
        row.requirement,
        row.level,
        _cell(
            "\n".join(each.removeprefix("trustweft.") for each in row.enforced_by),
            row,
            "enforced by",
            row.operational,
        ),
        _cell(", ".join(row.closes or ()), row, "attacks closed", row.not_modelled),
        _cell(", ".join(row.audited_by or ()), row, "audited by", row.not_observable),
    ]


def _cell(content: str, row: Row, column: str, reason: str | None) -> str:
    """Return what is in a cell: its content, HOLE, or in which way it is excused."""
    if content:
        return content
    if column in row.holes:
        return "HOLE"
    if row.operational:
        return "by people"
    if row.superseded_by:
        return f"see {row.superseded_by}"
    if row.not_built:
        return "not built yet"
    return (
        ""
        if reason is None
        else {"audited by": "not observable", "attacks closed": "not modelled"}.get(column, "")
    )


def _sentence(rows: Sequence[Row], binding: Sequence[Row]) -> str:
    enforced = sum(bool(row.enforced_by) for row in rows)
    audited = sum(bool(row.audited_by) for row in rows)
    people = sum(row.operational is not None for row in rows)
    others = sum(bool(row.holes) for row in rows) - len(binding)
    waiting = sum(row.not_built is not None for row in rows)
    replaced = sum(row.superseded_by is not None for row in rows)
    told = [
        (
            f"{len(rows)} requirements: {enforced} enforced in the code, {audited} tested by the auditor, "
            f"{people} for people to satisfy."
        ),
        f"Holes: {len(binding)} in what shall be, {others} in what should be.",
    ]
    if waiting:
        told.append(f"Not built yet: {waiting}.")
    if replaced:
        told.append(f"Another specification's clause is kept in their place: {replaced}.")
    return "\n".join(told)


def _print_crosswalk(
    table: Crosswalk, groups: Sequence[Group], rows: Sequence[Row], *, as_json: bool
) -> None:
    count = {group.id: sum(row.mechanism == group.id for row in rows) for group in groups}
    if as_json:
        print_json(
            {
                "schemes": msgspec.to_builtins(table.scheme),
                "groups": [
                    {**msgspec.to_builtins(group), "requirements": count[group.id]} for group in groups
                ],
            }
        )
        return
    touched = [group for group in groups if group.touched]
    print_table(
        ("group", "rows", *(scheme.title for scheme in table.scheme)),
        [
            [
                group.id,
                str(count[group.id]),
                *(", ".join(group.touched.get(scheme.id, ())) or "-" for scheme in table.scheme),
            ]
            for group in touched
        ],
    )
    nowhere = [group.id for group in groups if not group.touched]
    click.echo(
        f"\nTouched by none of them, {sum(count[each] for each in nowhere)} of {len(rows)} requirements:\n"
        + click.wrap_text(", ".join(nowhere), initial_indent="  ", subsequent_indent="  ")
    )
    if missing := table.missing(row.mechanism for row in rows):
        click.echo(f"Not compared yet: {', '.join(missing)}.")
    for scheme in table.scheme:
        untouched = sum(count[group.id] for group in groups if scheme.id not in group.touched)
        click.echo(f"{scheme.title} does not touch {untouched} of them. Read: {scheme.source}.")
        click.echo(f"  Its controls were compared with {scheme.compared}.")
    click.echo(
        "What each control asks for, and what it does not, is in the page that --html writes, and in --json."
    )
