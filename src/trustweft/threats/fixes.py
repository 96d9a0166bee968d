"""The smallest sets of mechanisms that close an attack, cheapest first, each checked again against everything.

Implicit hitting sets: every attack survives some largest set of further mechanisms; whatever is missing from that set
is a core, and a fix has something of every core. A smallest candidate that no attack survives is a minimal fix.
A candidate with which nobody can log in is none. Mechanisms are not all monotone (pushed requests make audience
injection possible), so each fix is held once more against every goal and all attackers that were without an attack,
in as many sessions as the proof looks at.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.profile.mechanisms import KINDS
from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.oracle import Oracle
from trustweft.threats.setting import SMALLEST
from trustweft.threats.solve import Searcher

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.setting import Bound

__all__ = ["Fix", "Safe", "Workshop", "candidates"]

_PRICE: Final = {"configuration": 1, "server": 2, "client": 3, "client-and-server": 4, "hardware": 7}
# What an ecosystem offers, not what it defends itself with.
_FEATURES: Final = frozenset({"refresh", "second_client", "introspection", "dcr", "ciba", "device"})
_NAMED: Final = 4  # fixes for one attack; the page and the manual say so
_QUESTIONS: Final = 40  # for one attack; the search for fixes ends then, with what it has

Safe = tuple[frozenset[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Mechanisms that together close an attack.

    Attributes:
        mechanisms: what to switch on, with all that it requires.
        cost: what it takes, in points: configuration 1, server 2, client 3, both 4, hardware 7.
    """

    mechanisms: tuple[str, ...]
    cost: int


def candidates(mechanisms: frozenset[str], registry: Mapping[str, Mechanism]) -> frozenset[str]:
    """Return what could still be switched on: mechanisms that are off, and stronger grades of those that have them."""
    offered = set()
    for identifier, mechanism in registry.items():
        kind, graded, grade = identifier.partition("=")
        if identifier in mechanisms or identifier in _FEATURES or mechanism.not_modelled:
            continue
        if graded and KINDS[kind].index(grade) <= _grade(mechanisms, kind):
            continue
        offered.add(identifier)
    return frozenset(offered)


class Workshop:
    """Finds fixes for attacks on one set of mechanisms.

    Args:
        mechanisms: what is on.
        bound: in which fixes are checked.
        safe: attackers and goals without an attack before a fix; they have to be without one after it.
        registry: every mechanism there is.
    """

    def __init__(
        self,
        mechanisms: frozenset[str],
        *,
        bound: Bound,
        safe: Sequence[Safe],
        registry: Mapping[str, Mechanism],
    ) -> None:
        self.mechanisms = mechanisms
        self.registry = registry
        self._safe = safe
        self.candidates = candidates(mechanisms, registry)
        self.small = Oracle(mechanisms, self.candidates, registry, SMALLEST)
        self._bound = bound
        self._mended: dict[frozenset[str], Searcher] = {}

    def fixes(self, attackers: frozenset[str], goal: str, *, limit: int = _NAMED) -> tuple[Fix, ...]:
        """Return fixes for what these attackers do to ``goal``, cheapest first; none where nothing helps."""
        found = _Search(self, attackers, goal).fixes(limit)
        kept = [mechanisms for mechanisms in found if self._keeps_promises(mechanisms)]
        priced = [
            Fix(
                mechanisms=tuple(sorted(mechanisms)),
                cost=sum(_PRICE[self.registry[identifier].cost] for identifier in mechanisms),
            )
            for mechanisms in kept
        ]
        return tuple(sorted(priced, key=lambda fix: (fix.cost, len(fix.mechanisms), fix.mechanisms)))

    def closes(self, added: frozenset[str], attackers: frozenset[str], goal: str) -> bool:
        """Say whether these mechanisms leave no attack in as many sessions as the proof looks at."""
        return self._checked(added).attack(attackers, goal) is None

    def _keeps_promises(self, added: frozenset[str]) -> bool:
        return all(self.closes(added, attackers, goal) for attackers, goal in self._safe)

    def _checked(self, added: frozenset[str]) -> Searcher:
        if added not in self._mended:
            self._mended[added] = Searcher(with_mechanisms(self.mechanisms, added), self._bound)
        return self._mended[added]


class _Search:
    """The search for the fixes of one attack."""

    def __init__(self, workshop: Workshop, attackers: frozenset[str], goal: str) -> None:
        self._workshop = workshop
        self._attackers = attackers
        self._goal = goal
        self._cores: list[frozenset[str]] = []
        self._useless: list[frozenset[str]] = []

    def fixes(self, limit: int) -> list[frozenset[str]]:
        """Return minimal fixes, with all that they require."""
        found: list[frozenset[str]] = []
        for _ in range(_QUESTIONS):
            candidate = None if len(found) >= limit else self._smallest_hitting_set(found)
            if candidate is None:
                break
            # In few sessions the question is quick, and nearly every attack fits into them.
            survivors = self._workshop.small.survivors(self._attackers, self._goal, required=candidate)
            if survivors is None:
                (found if self._closes(candidate) else self._useless).append(candidate)
                continue
            core = self._workshop.candidates - survivors
            if not core:
                break  # the attack survives everything there is
            self._cores.append(core)
        return _without_supersets(found)

    def _closes(self, candidate: frozenset[str]) -> bool:
        """Say whether it holds in more sessions too, and honest people still get what they came for."""
        if not self._workshop.small.possible(added=candidate):
            return False
        return self._workshop.closes(candidate, self._attackers, self._goal)

    def _smallest_hitting_set(self, found: Collection[frozenset[str]]) -> frozenset[str] | None:
        """Return the cheapest set, with all that it requires, that has something of every core."""
        universe = sorted(frozenset().union(*self._cores))
        for size in range(len(universe) + 1):
            for chosen in itertools.combinations(universe, size):
                bare = frozenset(chosen)
                if not all(bare & core for core in self._cores):
                    continue
                closed = self._with_requirements(bare)
                if closed is None or closed in self._useless or any(fix <= closed for fix in found):
                    continue
                return closed
        return None

    def _with_requirements(self, chosen: frozenset[str]) -> frozenset[str] | None:
        """Return the set with what it requires; None where it contradicts itself."""
        closed, todo = set(chosen), list(chosen)
        while todo:
            for needed in self._workshop.registry[todo.pop()].requires:
                if needed not in closed and needed not in self._workshop.mechanisms:
                    closed.add(needed)
                    todo.append(needed)
        kinds = [identifier.partition("=")[0] for identifier in closed if "=" in identifier]
        clash = any(
            other in closed or other in self._workshop.mechanisms
            for identifier in closed
            for other in self._workshop.registry[identifier].conflicts
        )
        return None if clash or len(kinds) != len(set(kinds)) else frozenset(closed)


def _grade(mechanisms: Iterable[str], kind: str) -> int:
    """Return how strong the grade in force is; below all where none is named."""
    grades = [each.partition("=")[2] for each in mechanisms if each.startswith(f"{kind}=")]
    return max((KINDS[kind].index(grade) for grade in grades), default=-1)


def _without_supersets(sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    return [each for each in sets if not any(other < each for other in sets)]
