"""Compares answers: whether an attack was given what its control was given, by the values in both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from trustweft.audit.harvest import json_of, leaves

if TYPE_CHECKING:
    from trustweft.audit.exchange import Exchange

__all__ = ["served", "telling", "values_of"]

SHORTEST: Final = 3  # shorter values are in any answer
SMALLEST: Final = 100
# Two answers of one moment bear the same time, whoever they are for: as text, or as (milli)seconds since 1970.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d|$)|\w{3}, \d\d \w{3} \d{4}")
_MOMENTS: Final = ((1.5e9, 2.5e9), (1.5e12, 2.5e12))
_LENGTHS_APART: Final = 0.1  # two pages of one address differ by less: a date, a token


def values_of(exchange: Exchange) -> frozenset[str]:
    """Return the values in a JSON answer that are long enough to tell one answer from another."""
    return frozenset(value for _, value in leaves(json_of(exchange.body)) if telling(value))


def telling(value: str) -> bool:
    """Whether a value is long enough to be found by its own accord in one answer only."""
    if value in ("True", "False") or _MOMENT.match(value):
        return False
    try:
        number = abs(float(value))
        return number >= SMALLEST and not any(first < number < last for first, last in _MOMENTS)
    except ValueError:
        return len(value) >= SHORTEST


def served(attack: Exchange, control: Exchange) -> bool:
    """Whether the attack got what the control got: 2xx, and not an error that merely has such a status."""
    if not attack.ok:
        return False
    wanted, document = values_of(control), json_of(control.body)
    if not control.body or control.request.method == "HEAD" or attack.request.method == "HEAD":
        return True
    if wanted:
        return len(wanted & values_of(attack)) * 2 >= len(wanted)
    if document is not None:
        return _shape(document) == _shape(json_of(attack.body))
    sizes = len(attack.body), len(control.body)
    return (attack.header("content-type") or "").split(";")[0] == (
        control.header("content-type") or ""
    ).split(";")[0] and abs(sizes[0] - sizes[1]) <= _LENGTHS_APART * max(sizes)


def _shape(document: Any) -> object:
    return frozenset(document) if isinstance(document, dict) else type(document)
