"""How commands print: a table for people, JSON for machines."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["examples", "json_option", "own_name", "preformatted", "print_json", "print_table", "write_page"]

_NAME: Final = "trustweft"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def own_name() -> str:
    """Return what to type to run this program again: its name where that is found, otherwise how it was called."""
    if shutil.which(_NAME) is not None:
        return _NAME
    called = Path(sys.argv[0])
    return f"{sys.executable} -m {_NAME}" if called.name == "__main__.py" else str(called)


def preformatted(heading: str, *lines: str) -> str:
    """Return a paragraph for a help text whose lines are printed as they stand."""
    return "\n".join(("\b", heading, *(f"  {line}" for line in lines)))


def examples(*lines: str) -> str:
    """Return the end of a help text: how the command is called."""
    return preformatted("Examples:", *lines)


def print_json(value: object) -> None:
    """Print ``value`` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def write_page(file: Path, page: str) -> None:
    """Write a page, and say where it is.

    Raises:
        click.ClickException: it cannot be written.
    """
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as cause:
        raise click.ClickException(f"{file}: {cause.strerror}") from cause
    click.echo(f"Written to {file}.", err=True)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; nothing but a sentence where it would be empty."""
    if not rows:
        click.echo("There are none.")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")  # a narrow screen breaks lines, and cuts nothing off
    for row in rows:
        table.add_row(*row)
    # What stands in a cell was written by others: nothing in it is an instruction to the printer.
    Console(markup=False, emoji=False, highlight=False).print(table)
