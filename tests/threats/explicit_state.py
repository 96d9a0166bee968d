"""The third engine: a plain search through the states of the same ground program.

A state is the set of choices made so far and what follows from them. What has happened never unhappens, so a broken
prohibition stays broken, and a choice that no prohibition can ever mention is made at once: it forbids nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["TooManyStatesError", "attack_by_states"]


class TooManyStatesError(Exception):
    """The search was cut off before it was complete."""


class _States:
    """The program, split by what its rules do in a search."""

    def __init__(self, program: GroundProgram) -> None:
        self.relevant = _relevant(program)
        self.choices = [rule for rule in program.rules if rule.choice]
        settled = [rule for rule in program.rules if not rule.choice]
        self.judged = [rule for rule in settled if not rule.heads or _negative(rule)]
        self.derived = [rule for rule in settled if rule.heads and not _negative(rule)]
        self.contested = _contested(self.derived, self.judged)
        self._watch: dict[int, list[GroundRule]] = defaultdict(list)
        for rule in (*self.derived, *self.choices):
            for number, _ in rule.body:
                self._watch[number].append(rule)

    def close(self, known: set[int], news: Iterable[int]) -> None:
        """Add to ``known`` all that follows from ``news`` without a contested choice."""
        waiting = list(news)
        while waiting:
            atom = waiting.pop()
            if atom in known:
                continue
            known.add(atom)
            for rule in self._watch[atom]:
                if _reached(rule, known):
                    waiting.extend(self._free_heads(rule, known))

    def start(self) -> set[int]:
        """Return the first state: what holds before anybody acts."""
        known: set[int] = set()
        rules = (*self.derived, *self.choices)
        self.close(
            known, [head for rule in rules if rule.threshold <= 0 for head in self._free_heads(rule, known)]
        )
        return known

    def _free_heads(self, rule: GroundRule, known: set[int]) -> list[int]:
        return [
            head
            for head in rule.heads
            if head not in known
            and (not rule.choice or (head in self.relevant and head not in self.contested))
        ]

    def options(self, known: set[int]) -> set[int]:
        """Return the contested choices that are open in this state."""
        return {
            head
            for rule in self.choices
            if _reached(rule, known)
            for head in rule.heads
            if head in self.relevant and head in self.contested and head not in known
        }

    def allowed(self, known: set[int]) -> bool:
        """Say whether no prohibition is broken."""
        view = set(known)
        grown = True
        while grown:
            grown = False
            for rule in self.judged:
                if not _reached(rule, view) or (rule.heads and rule.heads[0] in view):
                    continue
                if not rule.heads:
                    return False
                view.add(rule.heads[0])
                grown = True
        return True


def _negative(rule: GroundRule) -> bool:
    return any(number < 0 for number, _ in rule.body)


def _reached(rule: GroundRule, known: set[int]) -> bool:
    total = sum(
        weight for number, weight in rule.body if (number in known if number > 0 else -number not in known)
    )
    return total >= rule.threshold


def _relevant(program: GroundProgram) -> set[int]:
    """Return the atoms that can play a part in the attack."""
    supports: dict[int, set[int]] = defaultdict(set)
    for rule in program.rules:
        for head in rule.heads:
            supports[head].update(abs(number) for number, _ in rule.body)
    return _upstream({program.attack} if program.attack is not None else set(), supports)


def _contested(derived: list[GroundRule], judged: list[GroundRule]) -> set[int]:
    """Return the atoms that a prohibition depends on, through derivations but not through choices."""
    supports: dict[int, set[int]] = defaultdict(set)
    for rule in (*derived, *judged):
        for head in rule.heads:
            supports[head].update(abs(number) for number, _ in rule.body)
    first = {abs(number) for rule in judged for number, _ in rule.body}
    return _upstream(first, supports)


def _upstream(first: set[int], supports: dict[int, set[int]]) -> set[int]:
    found, waiting = set(first), list(first)
    while waiting:
        fresh = supports[waiting.pop()] - found
        found |= fresh
        waiting.extend(fresh)
    return found


def attack_by_states(program: GroundProgram, *, limit: int = 200_000) -> bool:
    """Say whether some state in which no prohibition is broken has the attack in it.

    Raises:
        TooManyStatesError: there are more than ``limit`` states.
    """
    if program.attack is None:
        return False
    states = _States(program)
    first = states.start()
    waiting = [(frozenset[int](), first)]
    seen = {frozenset[int]()}
    while waiting:
        chosen, known = waiting.pop()
        if not states.allowed(known):
            continue
        if program.attack in known:
            return True
        for option in states.options(known):
            longer = chosen | {option}
            if longer in seen:
                continue
            if len(seen) >= limit:
                raise TooManyStatesError(f"more than {limit} states")
            seen.add(longer)
            grown = set(known)
            states.close(grown, [option])
            waiting.append((longer, grown))
    return False
