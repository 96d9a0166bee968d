"""A value that never prints itself."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret:
    """Holds a secret string; ``repr``, ``str`` and formatting show ``***``, only ``reveal()`` gives the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; every call is a place to review."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, _spec: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled")

    __str__ = __repr__
    # Comparing secrets with == would leak through timing, and hashing would make them dictionary keys.
    __hash__ = None  # type: ignore[assignment] # the documented way to make a class unhashable

    def __eq__(self, _other: object) -> bool:
        raise TypeError("compare secrets by digest, not with ==")
