"""How far a profile may go: the rules that a clause sets for a limit or a duty.

A bound stands in the row of its clause (`requirements/*.toml`), so that the number, the clause and the sentence
are read together and a refusal names all three. This module only knows how to compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bound", "Rule", "Value", "broken"]

Value = bool | int | str | tuple[str | int, ...]
Rule = Literal["at least", "at most", "below", "equal to", "one of", "only from", "including", "without"]


class Bound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One comparison that a profile has to pass.

    Attributes:
        on: the name of a limit or of a duty.
        must_be: how the profile's value is compared.
        value: what it is compared with.
    """

    on: str
    must_be: Rule
    value: Value

    def __str__(self) -> str:
        """Say it as a person would: ``authorization_code_lifetime must be at most 60``."""
        value = ", ".join(map(str, self.value)) if isinstance(self.value, tuple) else str(self.value)
        return f"{self.on} must be {self.must_be} {value}"


# The comparisons are untyped because a rule fits some kinds of value only; a test holds that each shipped bound
# can be compared, and one that cannot be is broken, never passed.
_COMPARE: Final[dict[Rule, Callable[..., bool]]] = {
    "at least": lambda ours, bound: ours >= bound,
    "at most": lambda ours, bound: ours <= bound,
    "below": lambda ours, bound: ours < bound,
    "equal to": lambda ours, bound: ours == bound,
    "one of": lambda ours, bound: ours in bound,
    "only from": lambda ours, bound: bool(ours) and set(ours) <= set(bound),
    "including": lambda ours, bound: set(bound) <= set(ours),
    "without": lambda ours, bound: set(bound).isdisjoint(ours),
}


def broken(bound: Bound, ours: object) -> bool:
    """Say whether ``ours``, a profile's value, goes beyond ``bound``."""
    try:
        return not _COMPARE[bound.must_be](ours, bound.value)
    except TypeError:  # not comparable: fail closed
        return True
