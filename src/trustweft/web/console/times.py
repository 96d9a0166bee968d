"""Times in addresses and forms: always UTC, to the minute or the second."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from trustweft.runtime.errors import Shown, reason

__all__ = ["parse_day", "parse_time"]

MALFORMED = reason(
    "console.malformed-time",
    error="invalid_request",
    public="A time is written as 2027-01-15T08:00Z, and a month as 2027-01.",
    shown=Shown.PAGE,
)
FUTURE = reason(
    "console.future-time",
    error="invalid_request",
    public="Nobody knows yet what will be so then.",
    shown=Shown.PAGE,
)

# What a person types, what `instant` writes, and what a browser's own field sends, which has no Z.
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z?)?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def parse_time(text: str, *, now: float) -> float:
    """Return seconds since the epoch, of a time that has come.

    Raises:
        Reject: ``console.malformed-time``, ``console.future-time``.
    """
    if not _TIME.fullmatch(text):
        raise MALFORMED.reject(repr(text)[:80])
    try:
        at = dt.datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=dt.UTC).timestamp()
    except ValueError as cause:
        raise MALFORMED.reject(repr(text)[:80]) from cause
    if at > now:
        raise FUTURE.reject(text)
    return at


def parse_day(text: str) -> float:
    """Return the seconds since the epoch at which a day begins.

    Raises:
        Reject: ``console.malformed-time``.
    """
    if not _DAY.fullmatch(text):
        raise MALFORMED.reject(repr(text)[:80])
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()
    except ValueError as cause:
        raise MALFORMED.reject(repr(text)[:80]) from cause
