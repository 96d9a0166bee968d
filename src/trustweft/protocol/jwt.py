"""JSON Web Tokens (RFC 7519): readers of the registered claims that never guess a type.

Each returns the value, or None where the claim is missing or has another form; the caller refuses with its own reason.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MAXIMUM_TIME", "read_audience", "read_text", "read_time"]

MAXIMUM_TIME: Final = 253_402_300_800  # our choice: the year 10000; a larger number is no date but an attack
_MAXIMUM_TEXT: Final = 2_048  # our choice: identifiers and URLs, never documents


def read_time(value: object) -> float | None:
    """Return a NumericDate (RFC 7519 section 2); True is no number, and neither is text."""
    if type(value) is int or type(value) is float:
        return value if 0 <= value < MAXIMUM_TIME else None
    return None


def read_text(value: object) -> str | None:
    """Return text that is not empty."""
    return value if type(value) is str and 0 < len(value) <= _MAXIMUM_TEXT else None


def read_audience(value: object) -> tuple[str, ...] | None:
    """Return the ``aud`` claim, one string or an array of strings (RFC 7519 section 4.1.3)."""
    if type(value) is str:
        return (value,) if value else None
    if type(value) is list and value and all(type(item) is str and item for item in value):
        return tuple(value)
    return None
