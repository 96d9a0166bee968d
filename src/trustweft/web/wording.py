"""How values are put into words: dates, amounts, and names that strangers chose.

Escaping keeps markup out; it does not keep out characters that are invisible or turn the reading direction,
with which an application could make its name read like the bank's own sentence (Unicode TR 36 section 2).
"""

from __future__ import annotations

import datetime as dt
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.web.views import Amount

__all__ = [
    "LAST_INSTANT",
    "amount",
    "cleaned",
    "day",
    "initial",
    "instant",
    "moment",
    "month",
    "printable",
    "shell_word",
    "shortened",
]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
# Control characters (tab and line ends stay), soft hyphen, marks and overrides of direction, zero-width and
# other invisible characters, interlinear marks, tags. Joiners that writing systems need (U+200C, U+200D) stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_NAME = 80
# Seconds since the epoch: the end of the year 9999, the last one that dates are written in.
LAST_INSTANT = 253_402_300_799.0


def printable(text: str) -> str:
    """Take out what is invisible, changes the reading direction, or cannot be encoded."""
    return _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", text))


def cleaned(value: object) -> object:
    """Clean every string on its way into a page; what a template has already escaped (``__html__``) stays."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def shortened(text: str) -> str:
    """Return a stranger's name on one line, cut so that it cannot push the page's own words away."""
    line = " ".join(printable(text).split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def initial(name: str) -> str:
    """Return the letter that stands for a name in a picture."""
    return next((character.upper()[:1] for character in name if character.isalnum()), "?")


def day(date: dt.date) -> str:
    """Write a day out, so that nobody takes the month for the day."""
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def month(date: dt.date) -> str:
    """Write a month out."""
    return f"{_MONTHS[date.month - 1]} {date.year}"


def moment(seconds: float) -> str:
    """Write a time out, which is seconds since the epoch, in UTC and to the minute."""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{day(at.date())}, {at:%H:%M} UTC"


def instant(seconds: float) -> str:
    """Return a time, which is seconds since the epoch, as machines read it (RFC 3339)."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def amount(money: Amount) -> str:
    """Write an amount with the digits that the bank gave, and a true minus sign."""
    sign = "\u2212" if money.value < 0 else ""
    return f"{sign}{abs(money.value):,f}"


def shell_word(text: str) -> str:
    """Quote a file name for a command that people copy."""
    return shlex.quote(text)
