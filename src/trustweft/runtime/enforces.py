"""Ties a function to the requirements that it enforces.

The ids are plain strings here (this module imports nothing of ours); a test holds that each exists in the
profile's requirements, and that each is enforced in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Enforcement", "enforced_by", "enforcements", "enforces"]

F = TypeVar("F", bound="Callable[..., object]")
_ATTRIBUTE = "__enforces__"
_ENFORCEMENTS: list[Enforcement] = []


class Enforcement(NamedTuple):
    """One requirement and the function that enforces it."""

    requirement: str
    module: str
    function: str


def enforces(*requirements: str) -> Callable[[F], F]:
    """Mark the function where the comparison is made with the ids of the clauses that it satisfies."""

    def mark(function: F) -> F:
        setattr(function, _ATTRIBUTE, requirements)
        _ENFORCEMENTS.extend(
            Enforcement(requirement, function.__module__, function.__qualname__)
            for requirement in requirements
        )
        return function

    return mark


def enforced_by(function: object) -> tuple[str, ...]:
    """Return the ids that ``function`` is marked with."""
    found: tuple[str, ...] = getattr(function, _ATTRIBUTE, ())
    return found


def enforcements() -> tuple[Enforcement, ...]:
    """Return every mark of the modules imported so far."""
    return tuple(_ENFORCEMENTS)
