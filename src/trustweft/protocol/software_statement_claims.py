"""Readers of a software statement's claims: each returns what it promises, or refuses the statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLAIMS", "IDENTIFIER", "identifier_of", "objects_of", "text_of", "texts_of"]

# What the directory's own identifiers are made of.
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_LONGEST: Final = 2_048
_MAXIMUM_LIST: Final = 100

CLAIMS = reason(
    "software-statement.claims",
    error="invalid_software_statement",
    public="A claim of the software statement is missing or malformed.",
)


def text_of(claims: Mapping[str, object], name: str, *, longest: int = _LONGEST) -> str:
    """Return a claim that is text and not empty.

    Raises:
        Reject: ``software-statement.claims``.
    """
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise CLAIMS.reject(name)
    return value


def identifier_of(claims: Mapping[str, object], name: str) -> str:
    """Return a claim that is an identifier of the directory.

    Raises:
        Reject: ``software-statement.claims``.
    """
    value = text_of(claims, name)
    if not IDENTIFIER.fullmatch(value):
        raise CLAIMS.reject(f"{name}: {value!r:.140}")
    return value


def texts_of(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a claim that is a list of distinct texts; none of them where it is absent.

    Raises:
        Reject: ``software-statement.claims``.
    """
    values = claims.get(name, [])
    if not isinstance(values, list) or len(values) > _MAXIMUM_LIST:
        raise CLAIMS.reject(name)
    if not all(isinstance(each, str) and 0 < len(each) <= _LONGEST for each in values):
        raise CLAIMS.reject(name)
    if len(set(values)) != len(values):
        raise CLAIMS.reject(f"{name} says something twice")
    return tuple(values)


def objects_of(claims: Mapping[str, object], name: str) -> tuple[dict[str, object], ...]:
    """Return a claim that is a list of objects; none of them where it is absent.

    Raises:
        Reject: ``software-statement.claims``.
    """
    values = claims.get(name, [])
    if not isinstance(values, list) or len(values) > _MAXIMUM_LIST:
        raise CLAIMS.reject(name)
    if not all(isinstance(each, dict) for each in values):
        raise CLAIMS.reject(name)
    return tuple(values)
