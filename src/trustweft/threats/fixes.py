"""The smallest sets of mechanisms that close an attack, cheapest first, each checked again against everything.

Implicit hitting sets: every attack survives some largest set of further mechanisms; whatever is missing from that set
is a core, and a fix has something of every core. A smallest candidate that no attack survives is a minimal fix.
A candidate with which nobody can log in is none. Mechanisms are not all monotone (pushed requests make audience
injection possible), so each fix is held once more against every goal and all attackers, those goals too that it brings
itself: who was without an attack stays so, and who can do what is accepted can do nothing else. All that in as many
sessions as the proof looks at.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.profile.mechanisms import KINDS
from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.matrix import only_accepted
from trustweft.threats.model.goals import goals_for
from trustweft.threats.oracle import Oracle
from trustweft.threats.setting import SMALLEST
from trustweft.threats.solve import Searcher

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trustweft.profile.governance import Residual
    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.setting import Bound

__all__ = ["Fix", "Promises", "Safe", "Workshop", "candidates"]

_PRICE: Final = {"configuration": 1, "server": 2, "client": 3, "client-and-server": 4, "hardware": 7}
# What an ecosystem offers, not what it defends itself with.
_FEATURES: Final = frozenset({"refresh", "second_client", "introspection", "dcr", "ciba", "device"})
_NAMED: Final = 4  # fixes for one attack; the page and the manual say so
_QUESTIONS: Final = 40  # for one attack; the search for fixes ends then, with what it has

Safe = tuple[frozenset[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What a fix must not take away.

    Attributes:
        none: attackers and goals without an attack.
        accepted: attackers and goals with attacks that the profile accepts, and no others.
        goals: what the profile is held to before the fix.
        attackers: who takes part; they must not break a goal that the fix brings.
        requirements: ids of the clauses that the profile follows.
        residuals: what the profile accepts.
    """

    none: tuple[Safe, ...]
    accepted: tuple[Safe, ...]
    goals: tuple[str, ...]
    attackers: tuple[str, ...]
    requirements: frozenset[str]
    residuals: tuple[Residual, ...]


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
        promises: what holds before a fix, and has to hold after it.
        registry: every mechanism there is.
    """

    def __init__(
        self,
        mechanisms: frozenset[str],
        *,
        bound: Bound,
        promises: Promises,
        registry: Mapping[str, Mechanism],
    ) -> None:
        self.mechanisms = mechanisms
        self.registry = registry
        self._promises = promises
        self.candidates = candidates(mechanisms, registry)
        self.small = Oracle(mechanisms, self.candidates, registry, SMALLEST)
        self._bound = bound
        self._mended: dict[frozenset[str], Searcher] = {}
        self._kept: dict[frozenset[str], bool] = {}

    def fixes(self, attackers: frozenset[str], goal: str, *, limit: int = _NAMED) -> tuple[Fix, ...]:
        """Return fixes for what these attackers do to ``goal``, cheapest first; none where nothing helps."""
        found = _Search(self, attackers, goal).fixes(limit)
        priced = [
            Fix(
                mechanisms=tuple(sorted(mechanisms)),
                cost=sum(_PRICE[self.registry[identifier].cost] for identifier in mechanisms),
            )
            for mechanisms in found
        ]
        return tuple(sorted(priced, key=lambda fix: (fix.cost, len(fix.mechanisms), fix.mechanisms)))

    def closes(self, added: frozenset[str], attackers: frozenset[str], goal: str) -> bool:
        """Say whether these mechanisms leave no attack in as many sessions as the proof looks at."""
        return self._checked(added).attack(attackers, goal) is None

    def keeps_promises(self, added: frozenset[str]) -> bool:
        """Say whether these mechanisms let nothing in elsewhere; asked once for each set."""
        if added not in self._kept:
            self._kept[added] = all(
                self.closes(added, attackers, goal) for attackers, goal in self._promises.none
            ) and all(
                self._within_accepted(added, attackers, goal)
                for attackers, goal in (*self._promises.accepted, *self._brought(added))
            )
        return self._kept[added]

    def _brought(self, added: frozenset[str]) -> list[Safe]:
        """Return the goals that a profile with these mechanisms is held to, and was not before."""
        goals = goals_for(with_mechanisms(self.mechanisms, added), self._promises.requirements)
        everybody = frozenset(self._promises.attackers)
        return [(everybody, goal) for goal in goals if goal not in self._promises.goals]

    def _within_accepted(self, added: frozenset[str], attackers: frozenset[str], goal: str) -> bool:
        return only_accepted(
            with_mechanisms(self.mechanisms, added),
            attackers=attackers,
            goal=goal,
            bound=self._bound,
            residuals=self._promises.residuals,
        )

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
        """Say whether it holds in more sessions too, breaks nothing else, and honest people still get their due."""
        if not self._workshop.small.possible(added=candidate):
            return False
        closes = self._workshop.closes(candidate, self._attackers, self._goal)
        return closes and self._workshop.keeps_promises(candidate)

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
