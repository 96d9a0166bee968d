"""How a profile builds on another: what it does not say itself, the profile that it extends says.

Tables (limits, duties, rules of the directory, deadlines) are completed value by value, lists of things with an id (participants,
responsibilities, interactions) thing by thing. Mechanisms and residual risks are never inherited: whoever writes a
profile says what is on and what is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["inherited"]

_TABLES: Final = ("limits", "duties", "directory", "onboarding", "offboarding")
_LISTS: Final = ("participant", "responsibility", "interaction")
_MOST_GENERATIONS: Final = 5


def inherited(
    document: dict[str, Any], base: Callable[[str], dict[str, Any]], *, generation: int = 0
) -> dict[str, Any]:
    """Return ``document`` with what it inherits.

    Args:
        document: the profile as read from its file.
        base: gives the file of the profile with a name.
        generation: how many profiles have been passed on the way here.

    Raises:
        ProfileError: profiles extend each other in a circle, or too deeply.
    """
    about = document.get("profile")
    name = about.get("extends") if isinstance(about, dict) else None
    if not isinstance(name, str):
        return document
    if generation == _MOST_GENERATIONS:
        raise ProfileError(
            f"the profile extends {name} over more than {_MOST_GENERATIONS} others - at `$.profile.extends`"
        )
    parent = inherited(base(name), base, generation=generation + 1)
    tables = {key: {**_table(parent, key), **_table(document, key)} for key in _TABLES}
    lists = {key: _by_id(_list(parent, key), _list(document, key)) for key in _LISTS}
    return {**document, **tables, **lists}


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key, [])
    return value if isinstance(value, list) else []


def _by_id(older: list[Any], newer: list[Any]) -> list[Any]:
    """Return both lists as one, in which a newer thing takes the place of an older one with its id."""
    ids = {item.get("id") for item in newer if isinstance(item, dict)}
    kept = [item for item in older if not (isinstance(item, dict) and item.get("id") in ids)]
    return [*kept, *newer]
