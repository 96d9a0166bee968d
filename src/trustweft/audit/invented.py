"""Identifiers that nothing has: whoever answers to them as to real ones has looked nothing up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from trustweft.audit.api import Operation

__all__ = ["changed", "invented", "with_place"]

_UUID: Final = re.compile(
    r"([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)([0-9a-f]{12})", re.IGNORECASE
)
_LONG: Final = 8


def invented(operation: Operation) -> str:
    """Return the URL with an identifier that nothing has in its last place, of the form of the real one.

    One of another form would be refused for its form, before anything is looked up.
    """
    name, value = operation.places[-1]
    return with_place(operation, name, "999999983" if value.isdigit() else changed(value))


def changed(value: str) -> str:
    """Return an identifier of the same form that nothing should have."""
    if found := _UUID.fullmatch(value):  # what lies between says which kind of UUID it is
        return _other(found[1]) + found[2] + _other(found[3])
    return _other(value) + ("" if len(value) > _LONG else "-none")  # long ones stay as long as they are


def _other(value: str) -> str:
    return "".join(
        "7" if each.isdigit() and each != "7" else "e" if each in "abcdf" else each for each in value
    )


def with_place(operation: Operation, name: str, value: str, *, raw: bool = False) -> str:
    """Return the URL with another value in one place."""
    old = dict(operation.places)[name]
    parts = urlsplit(operation.url)
    segments = parts.path.split("/")
    encoded = value if raw else quote(value, safe="")
    index = len(segments) - 1 - segments[::-1].index(quote(old, safe=""))
    segments[index] = encoded
    return parts._replace(path="/".join(segments)).geturl()
