"""Finds the checks: those of this package, and those that others installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from trustweft.audit import checks
from trustweft.audit.check import checks_of

if TYPE_CHECKING:
    from trustweft.audit.check import Check

__all__ = ["ENTRY_POINTS", "DuplicateCheckError", "all_checks", "audits"]

ENTRY_POINTS: Final = "trustweft.checks"  # each names a module whose checks join ours


class DuplicateCheckError(Exception):
    """Two checks have the same id."""


@cache
def all_checks() -> tuple[Check, ...]:
    """Return every check, in the order of their ids.

    Raises:
        DuplicateCheckError: an id stands for two checks.
    """
    modules = [import_module(f"{checks.__name__}.{module.name}") for module in iter_modules(checks.__path__)]
    modules += [entry.load() for entry in entry_points(group=ENTRY_POINTS)]
    found: dict[str, Check] = {}
    for module in modules:
        for each in checks_of(module):
            if each.id in found:
                raise DuplicateCheckError(each.id)
            found[each.id] = each
    return tuple(sorted(found.values(), key=lambda each: each.id))


def audits() -> dict[str, tuple[str, ...]]:
    """Return the ids of the checks that test each requirement, by its id."""
    found: dict[str, list[str]] = {}
    for each in all_checks():
        for requirement in each.requirements:
            found.setdefault(requirement, []).append(each.id)
    return {requirement: tuple(ids) for requirement, ids in found.items()}
