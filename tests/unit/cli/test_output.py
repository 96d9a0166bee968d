"""Tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from trustweft.cli.output import print_table, write_page

if TYPE_CHECKING:
    from pathlib import Path


def test_a_narrow_screen_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every character of a long address is there, on as many lines as it takes."""
    monkeypatch.setenv("COLUMNS", "40")
    address = "https://localhost:8441/a/very/long/path/that/does/not/fit"
    print_table(("name", "address"), [["issuer", address]])
    shown = capsys.readouterr().out
    assert address in "".join(line.removeprefix("issuer").strip() for line in shown.splitlines())


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Headings over nothing would look like a failure."""
    print_table(("name",), [])
    assert capsys.readouterr().out == "There are none.\n"


def test_what_stands_in_a_cell_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Others wrote it: brackets and colons are neither markup nor pictures, and end no command."""
    said = "[bold] [EUR] [/path] :smile:"
    print_table(("name",), [[said]])
    assert said in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "page.html"
    with pytest.raises(click.ClickException, match=r"nowhere/page\.html: No such file or directory"):
        write_page(file, "<p>")
