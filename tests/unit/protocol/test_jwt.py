"""RFC 7519: claims are read by type, never guessed."""

from __future__ import annotations

import pytest

from trustweft.protocol.jwt import MAXIMUM_TIME, read_audience, read_text, read_time


@pytest.mark.parametrize("value", [0, 1_800_000_000, 1_800_000_000.5])
def test_a_numeric_date_is_a_number_of_seconds(value: float) -> None:
    """Integers and fractions since 1970 are dates."""
    assert read_time(value) == value


@pytest.mark.parametrize(
    "value",
    [None, True, "1800000000", -1, MAXIMUM_TIME, 10**400, float("inf"), float("nan"), [], {}],
    ids=repr,
)
def test_anything_else_is_no_numeric_date(value: object) -> None:
    """Text, booleans, negative, endless and absurd numbers are not taken for a date."""
    assert read_time(value) is None


@pytest.mark.parametrize(
    "value", [None, True, 1, "", "a" * 2_049, ["a"], {}], ids=lambda value: repr(value)[:20]
)
def test_only_text_is_text(value: object) -> None:
    """Empty, endless and other values are not taken for text."""
    assert read_text(value) is None


def test_text_is_returned_as_it_is() -> None:
    """Text is not trimmed or changed."""
    assert read_text(" a ") == " a "


@pytest.mark.parametrize(("value", "audience"), [("a", ("a",)), (["a"], ("a",)), (["a", "b"], ("a", "b"))])
def test_an_audience_is_one_string_or_several(value: object, audience: tuple[str, ...]) -> None:
    """Both forms of RFC 7519 section 4.1.3 are read."""
    assert read_audience(value) == audience


@pytest.mark.parametrize("value", [None, "", [], [""], ["a", 1], [["a"]], {"a": 1}, 1], ids=repr)
def test_anything_else_is_no_audience(value: object) -> None:
    """An empty or mixed array, or another type, names nobody."""
    assert read_audience(value) is None
