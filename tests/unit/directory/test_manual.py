"""The manual's chapter about states says what the tables say."""

from __future__ import annotations

from pathlib import Path

import pytest

from trustweft.directory.manual import main, pages

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", pages())
def test_the_manual_is_in_step_with_the_tables(name: str) -> None:
    """Where it is not: ``python -m trustweft.directory.manual docs``."""
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name]


def test_no_picture_is_left_of_a_kind_that_is_gone() -> None:
    """Every picture in the folder is one of the chapter's."""
    assert {f"directory-states/{each.name}" for each in (DOCS / "directory-states").iterdir()} == {
        name for name in pages() if name.endswith(".svg")
    }


def test_the_command_writes_the_chapter(tmp_path: Path) -> None:
    """All of it, into any folder."""
    main(tmp_path)
    assert {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*.*")} >= set(pages())
