"""Which characters a profile's texts may have: none that changes how the rest is printed, since people decide by that."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from trustweft.profile.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_characters"]

_CONTROL: Final = "Cc"  # a terminal obeys them
_BREAKS: Final = frozenset("\n\t")
# They turn what follows around, so that it reads as something else (Unicode Standard Annex 9, section 2).
_TURNS: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def check_characters(document: object, *, source: object) -> None:
    """Hold that no text of a document as read from its file has controls in it.

    Raises:
        ProfileError: one has, with its number and the place.
    """
    for path, text in _texts(document, "$"):
        for character in sorted(set(text) - _BREAKS):
            if character in _TURNS or unicodedata.category(character) == _CONTROL:
                raise ProfileError(
                    f"{source}: the character U+{ord(character):04X} is a control - at `{path}`"
                )


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield each text with its path, keys among them."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield path, key
            yield from _texts(each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, f"{path}[{index}]")
