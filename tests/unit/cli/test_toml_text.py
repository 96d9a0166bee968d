"""Settings as TOML text."""

from __future__ import annotations

import tomllib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trustweft.cli.toml_text import to_toml

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a table of tables."""

    name: str
    count: int


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """A table."""

    text: str
    flag: bool
    names: tuple[str, ...]
    nothing: str | None = None


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that settings are made of."""

    title: str
    inner: Inner
    items: tuple[Item, ...]
    mapping: dict[str, str]


@given(
    st.builds(
        Outer,
        title=TEXT,
        inner=st.builds(
            Inner,
            text=TEXT,
            flag=st.booleans(),
            names=st.lists(TEXT, max_size=3).map(tuple),
            nothing=st.none(),
        ),
        items=st.lists(st.builds(Item, name=TEXT, count=st.integers(0, 2**40)), max_size=3).map(tuple),
        mapping=st.dictionaries(TEXT, TEXT, max_size=3),
    )
)
def test_what_is_written_is_read_again(settings: Outer) -> None:
    """Any settings come back from their TOML text as they were."""
    assert msgspec.convert(tomllib.loads(to_toml(settings, heading="two\nlines")), Outer) == settings
