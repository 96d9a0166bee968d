"""The corpus of known attacks: data to which the model is held, in both directions."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Corpus", "KnownAttack", "Variant", "corpus", "with_mechanisms"]

_SEPARATOR: Final = "="


class KnownAttack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"with_": "with"}):
    """One attack that has a name.

    Attributes:
        id: its name, everywhere.
        title: one line for people.
        source: where it is described.
        base: the set of mechanisms in which it is shown, before ``without`` and ``with_``.
        attackers: who is needed beside A1.
        goal: what it breaks there.
        closed_by: sets of mechanisms, each of which alone closes it there.
        requirements: ids of clauses that ask for what closes it.
    """

    id: str
    title: str
    source: str
    base: str
    goal: str
    closed_by: tuple[tuple[str, ...], ...]
    requirements: tuple[str, ...]
    without: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()
    attackers: tuple[str, ...] = ()


class Variant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"with_": "with"}):
    """A further setting whose verdict is known: it tells rules of the model apart that the attacks alone do not.

    Attributes:
        attack: the id of what is found there, or "none".
        base, without, with_, attackers, goal: as in `KnownAttack`.
    """

    attack: str
    base: str
    goal: str
    without: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()
    attackers: tuple[str, ...] = ()


class Corpus(Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, and the sets of mechanisms that they start from."""

    bases: dict[str, tuple[str, ...]]
    attack: tuple[KnownAttack, ...]
    variant: tuple[Variant, ...]

    @property
    def by_id(self) -> Mapping[str, KnownAttack]:
        """Return the attacks by their names."""
        return {attack.id: attack for attack in self.attack}

    def mechanisms(self, attack: KnownAttack | Variant) -> frozenset[str]:
        """Return the mechanisms of the setting in which ``attack`` lives."""
        return with_mechanisms(frozenset(self.bases[attack.base]) - set(attack.without), attack.with_)


@cache
def corpus() -> Corpus:
    """Return the corpus that comes with the package."""
    return msgspec.toml.decode((files(__package__) / "attacks.toml").read_bytes(), type=Corpus)


def with_mechanisms(mechanisms: Iterable[str], more: Iterable[str]) -> frozenset[str]:
    """Return ``mechanisms`` with ``more``; of a graded kind (``auth=mtls``) the new value takes the old one's place."""
    result = frozenset(mechanisms)
    for mechanism in more:
        kind, separator, _ = mechanism.partition(_SEPARATOR)
        if separator:
            result = frozenset(other for other in result if not other.startswith(kind + separator))
        result |= {mechanism}
    return result
