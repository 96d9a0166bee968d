"""How values are put into words."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from trustweft.web import wording
from trustweft.web.views import Amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MoneyView", "MoneyView"),
        ("a\x00b\x1b\x7f\x85c", "abc"),
        ("a\u202eb\u2066c\u200ed\u061c", "abcd"),
        ("a\u200b\u2060\ufeff\xadb", "ab"),
        ("a\U000e0041b", "ab"),
        ("a\u3164\u115fb", "ab"),
        ("\ud800x", "\ufffdx"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("👩\u200d🌾", "👩\u200d🌾"),
        ("Łódź 東京 🏦", "Łódź 東京 🏦"),
        ("line\none\ttab", "line\none\ttab"),
    ],
)
def test_invisible_characters_are_taken_out(text: str, expected: str) -> None:
    """Controls, marks of direction and invisible characters go; what writing systems need stays."""
    assert wording.printable(text) == expected


def test_names_are_one_short_line() -> None:
    """A name is cut at 80 characters and has no line ends."""
    assert wording.shortened("  Money\n\n View ") == "Money View"
    assert wording.shortened("x" * 80) == "x" * 80
    assert wording.shortened("x" * 81) == "x" * 79 + "…"


@pytest.mark.parametrize(
    ("name", "expected"), [("moneyView", "M"), ("“Öko”", "Ö"), ("…", "?"), ("", "?"), ("ßa", "S")]
)
def test_initials(name: str, expected: str) -> None:
    """The first letter or digit stands for a name."""
    assert wording.initial(name) == expected


def test_days_are_written_out() -> None:
    """The month has its name, whatever the machine's language."""
    assert wording.day(dt.date(2026, 1, 2)) == "2 January 2026"
    assert wording.day(dt.date(2026, 12, 31)) == "31 December 2026"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1234567.50", "1,234,567.50"),
        ("-0.05", "\u22120.05"),
        ("0", "0"),
        ("1200", "1,200"),
        ("1E+3", "1,000"),
    ],
)
def test_amounts(value: str, expected: str) -> None:
    """Digits stay as the bank gave them, thousands are set apart, minus is a true minus sign."""
    assert wording.amount(Amount(value=Decimal(value), currency="EUR")) == expected
