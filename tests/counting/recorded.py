"""The recorded counts: what was counted in a text, beside the rows of its table, with a word on each difference."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # msgspec reads the annotations when a file is decoded
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from counting.statements import Verbs  # noqa: TC001  # msgspec reads the annotations when a file is decoded
from trustweft.profile import load_requirements

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["Counts", "Section", "load_counts", "rows_by_section", "tables"]

_SUFFIX: Final = ".toml"


class Text(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The text that was read.

    Attributes:
        specification: the short id of its table.
        url: where anybody can fetch it.
        date: of the text, as it says itself.
        revision: the commit, draft number or edition that was read.
        read: the day on which it was counted.
        verbs: how it asks for something.
        sha256: of the file that was counted; absent where the text was read page by page, and not as one file.
        covers: which part of it the table covers, where it is not the whole.
    """

    specification: str
    url: Annotated[str, Meta(pattern=r"^https://")]
    date: dt.date
    revision: str
    read: dt.date
    verbs: Verbs
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    covers: Annotated[str, Meta(min_length=10)] | None = None


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section.

    Attributes:
        section: its number, as printed.
        statements: paragraphs and list items of the text that ask for something.
        rows: those of them that have a row; a paragraph with several rows counts once, and advice does not count.
        explanation: why the two differ; absent where they do not.
    """

    section: str
    statements: Annotated[int, Meta(ge=0)]
    rows: Annotated[int, Meta(ge=0)]
    explanation: Annotated[str, Meta(min_length=10)] | None = None


class Counts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file in `requirements/counts/`."""

    text: Text
    section: tuple[Section, ...]


def tables() -> tuple[str, ...]:
    """Return the names of the tables that have recorded counts."""
    names = (entry.name for entry in _folder().iterdir() if entry.name.endswith(_SUFFIX))
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names))


def load_counts(table: str) -> Counts:
    """Return what was recorded of the text behind a table, by the name of its file.

    Raises:
        msgspec.ValidationError: the file is malformed.
    """
    return msgspec.toml.decode((_folder() / (table + _SUFFIX)).read_bytes(), type=Counts)


def rows_by_section(specification: str) -> dict[str, int]:
    """Return how many paragraphs and list items have a row that is no advice, by section."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for row in load_requirements(specification):
        if row.level != "advice":
            place = row.id.removeprefix(f"{specification}-{row.section}-")
            places[row.section].add(place.partition(".")[0] if place.startswith("p") else place)
    return {section: len(found) for section, found in places.items()}


def _folder() -> Traversable:
    return files("trustweft.profile") / "requirements" / "counts"
