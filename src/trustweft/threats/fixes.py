"""The smallest sets of mechanisms that close an attack, cheapest first, each checked again against everything.

Implicit hitting sets: every attack survives some largest set of further mechanisms; whatever is missing from that set
is a core, and a fix has something of every core. A smallest candidate that no attack survives is a minimal fix.
A candidate with which nobody can log in is none. Mechanisms are not all monotone (pushed requests make audience
injection possible), so each fix is held once more against every goal and every attacker, in more sessions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.profile.mechanisms import KINDS
from trustweft.threats.oracle import Oracle, switch_on
from trustweft.threats.setting import DEEP, Setting
from trustweft.threats.solve import honest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.setting import Bound

__all__ = ["Fix", "Safe", "candidates", "minimal_fixes"]

_PRICE: Final = {"configuration": 1, "server": 2, "client": 3, "client-and-server": 4, "hardware": 7}
# What an ecosystem offers, not what it defends itself with.
_FEATURES: Final = frozenset({"refresh", "second_client", "dcr", "ciba", "device"})
_QUESTIONS: Final = 80  # for one attack; the search for fixes ends then, with what it has

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
    for identifier in registry:
        kind, graded, grade = identifier.partition("=")
        if identifier in mechanisms or identifier in _FEATURES:
            continue
        if graded and KINDS[kind].index(grade) <= _grade(mechanisms, kind):
            continue
        offered.add(identifier)
    return frozenset(offered)


def minimal_fixes(
    setting: Setting,
    goal: str,
    *,
    registry: Mapping[str, Mechanism],
    safe: Sequence[Safe],
    limit: int = 6,
    larger: Bound = DEEP,
) -> tuple[Fix, ...]:
    """Return fixes for what the attackers of ``setting`` do to ``goal``, cheapest first; none where nothing helps.

    Args:
        registry: every mechanism there is.
        safe: attackers and goals without an attack before the fix; they have to be without one after it.
        limit: how many fixes are looked for.
        larger: the bound in which each is checked again.
    """
    search = _Search(setting, goal, registry)
    fixes = []
    for mechanisms in search.fixes(limit):
        repaired = switch_on(setting.mechanisms, mechanisms)
        if _holds(Setting(repaired, setting.attackers, larger), [(setting.attackers, goal), *safe]):
            price = sum(_PRICE[registry[identifier].cost] for identifier in mechanisms)
            fixes.append(Fix(mechanisms=tuple(sorted(mechanisms)), cost=price))
    return tuple(sorted(fixes, key=lambda fix: (fix.cost, len(fix.mechanisms), fix.mechanisms)))


def _holds(repaired: Setting, promises: Iterable[Safe]) -> bool:
    """Say whether the repaired setting keeps every promise, and honest people still get what they came for."""
    by_attackers: dict[frozenset[str], list[str]] = {}
    for attackers, goal in promises:
        by_attackers.setdefault(attackers, []).append(goal)
    for attackers, goals in by_attackers.items():
        if Oracle(Setting(repaired.mechanisms, attackers, repaired.bound)).broken(goals):
            return False
    return True


class _Search:
    """The search for the fixes of one attack."""

    def __init__(self, setting: Setting, goal: str, registry: Mapping[str, Mechanism]) -> None:
        self._setting = setting
        self._goal = goal
        self._registry = registry
        self._candidates = candidates(setting.mechanisms, registry)
        self._oracle = Oracle(setting)
        self._cores: list[frozenset[str]] = []
        self._vacuous: list[frozenset[str]] = []

    def fixes(self, limit: int) -> list[frozenset[str]]:
        """Return minimal fixes, with all that they require."""
        found: list[frozenset[str]] = []
        for _ in range(_QUESTIONS):
            candidate = None if len(found) >= limit else self._smallest_hitting_set(found)
            if candidate is None:
                break
            survivors = self._oracle.survivors(
                self._goal, candidates=self._candidates, required=candidate, registry=self._registry
            )
            if survivors is None:
                (found if self._possible(candidate) else self._vacuous).append(candidate)
                continue
            core = self._candidates - survivors
            if not core:
                break  # the attack survives everything there is
            self._cores.append(core)
        return _without_supersets(found)

    def _possible(self, candidate: frozenset[str]) -> bool:
        repaired = switch_on(self._setting.mechanisms, candidate)
        runs = honest(Setting(repaired, self._setting.attackers, self._setting.bound))
        return all(run is not None for run in runs.values())

    def _smallest_hitting_set(self, found: Collection[frozenset[str]]) -> frozenset[str] | None:
        """Return the cheapest set, with all that it requires, that has something of every core."""
        universe = sorted(frozenset().union(*self._cores))
        for size in range(len(universe) + 1):
            for chosen in itertools.combinations(universe, size):
                bare = frozenset(chosen)
                if not all(bare & core for core in self._cores):
                    continue
                closed = self._with_requirements(bare)
                if closed is None or closed in self._vacuous or any(fix <= closed for fix in found):
                    continue
                return closed
        return None

    def _with_requirements(self, chosen: frozenset[str]) -> frozenset[str] | None:
        """Return the set with what it requires; None where it contradicts itself."""
        closed, todo = set(chosen), list(chosen)
        while todo:
            for needed in self._registry[todo.pop()].requires:
                if needed not in closed and needed not in self._setting.mechanisms:
                    closed.add(needed)
                    todo.append(needed)
        kinds = [identifier.partition("=")[0] for identifier in closed if "=" in identifier]
        clash = any(
            other in closed or other in self._setting.mechanisms
            for identifier in closed
            for other in self._registry[identifier].conflicts
        )
        return None if clash or len(kinds) != len(set(kinds)) else frozenset(closed)


def _grade(mechanisms: Iterable[str], kind: str) -> int:
    """Return how strong the grade in force is; below all where none is named."""
    grades = [each.partition("=")[2] for each in mechanisms if each.startswith(f"{kind}=")]
    return max((KINDS[kind].index(grade) for grade in grades), default=-1)


def _without_supersets(sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    return [each for each in sets if not any(other < each for other in sets)]
