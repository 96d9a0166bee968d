"""The third engine: a plain search through the states of the same ground program, with nothing remembered or learned.

A state is what has happened, with all that follows from it, and the steps that are ruled out for good. From a state one
step that can be taken now is picked, and there are two next states: it is taken, or it is never taken. Sets of atoms are
bits of one number.

Why this finds every attack and no other. No rule denies anything and nothing that has happened unhappens, so that what
can be taken stays so until a limit bars it, and a broken limit stays broken. Therefore:

- *Now or never.* A run that goes on from a state takes the picked step at some time or never. In the first case it may
  as well begin with it: all later steps still have what they rest upon, and the limits do not ask for the order.
- *Barred.* Where a limit allows no more, whatever would add to it breaks it in every run from here on.
- *Hopeless.* Where the attack is not reached even if all that is neither barred nor ruled out happens at once, as if
  there were no limits, no run reaches it: each run is a part of that.
- *Useless.* A step on which the attack cannot rest, even through others, is never picked. Taken out of a run it leaves
  a run with the same attack, as fewer steps break no limit.

What is reported as an attack is a state in which it has happened and no limit is broken, reached step by step.
`test_explicit_state` holds this search against one that tries every set of steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["attack_by_states"]


class _Rule(NamedTuple):
    """``head`` (one bit; none for a limit) goes with a ``body`` of which ``threshold`` atoms hold."""

    head: int
    body: int
    threshold: int

    def reached(self, atoms: int) -> bool:
        return (self.body & atoms).bit_count() >= self.threshold


class _State(NamedTuple):
    """What has happened, and which steps are never taken."""

    happened: int
    never: int


class _States:
    """The program, split by what its rules do in a search."""

    def __init__(self, program: GroundProgram) -> None:
        self.attack = 0 if program.attack is None else 1 << program.attack
        self.steps = [_packed(rule, head) for rule in program.rules if rule.choice for head in rule.heads]
        self.consequences = [
            _packed(rule, head) for rule in program.rules if not rule.choice for head in rule.heads
        ]
        forbidden = [_packed(rule, None) for rule in program.rules if not rule.heads]
        # Most limits count in a consequence of their own, which alone is forbidden: what it counts is the limit.
        alone = _union(rule.body for rule in forbidden if rule.threshold == 1)
        self.limits = [*forbidden, *(rule for rule in self.consequences if rule.head & alone)]

    def useful_steps(self, state: _State) -> list[int]:
        """Return the steps that can be taken now and on which an attack may rest; none where there is no hope."""
        barred = state.never | _union(
            limit.body & ~state.happened for limit in self.limits if _exhausted(limit, state.happened)
        )
        rules = [rule for rule in (*self.consequences, *self.steps) if not rule.head & barred]
        reachable = _closed(state.happened, rules)
        if not self.attack & reachable:
            return []
        needed = self._rests_upon(state.happened, [rule for rule in rules if rule.reached(reachable)])
        return [
            rule.head for rule in self.steps if rule.head & needed & ~barred and rule.reached(state.happened)
        ]

    def _rests_upon(self, happened: int, rules: Sequence[_Rule]) -> int:
        """Return what an attack may rest upon and has not happened."""
        needed, grown = self.attack, True
        while grown:
            before = needed
            needed |= _union(rule.body for rule in rules if rule.head & needed) & ~happened
            grown = needed != before
        return needed

    def with_consequences(self, happened: int) -> int:
        """Return what has happened and all that follows from it."""
        return _closed(happened, self.consequences)

    def allowed(self, happened: int) -> bool:
        """Say whether no limit is broken."""
        return not any(limit.reached(happened) for limit in self.limits)


def _packed(rule: GroundRule, head: int | None) -> _Rule:
    if any(number < 0 or weight != 1 for number, weight in rule.body):
        raise ValueError(f"a rule that denies or weighs something cannot be searched: {rule}")
    body = _union(1 << number for number, _ in rule.body)
    return _Rule(0 if head is None else 1 << head, body, rule.threshold)


def _union(sets: Iterable[int]) -> int:
    union = 0
    for each in sets:
        union |= each
    return union


def _exhausted(limit: _Rule, happened: int) -> bool:
    return (limit.body & happened).bit_count() == limit.threshold - 1


def _closed(atoms: int, rules: Sequence[_Rule]) -> int:
    """Return the atoms and all that the rules add to them."""
    grown = True
    while grown:
        before = atoms
        for rule in rules:
            if not rule.head & atoms and rule.reached(atoms):
                atoms |= rule.head
        grown = atoms != before
    return atoms


def attack_by_states(program: GroundProgram) -> bool:
    """Say whether some state in which no limit is broken has the attack in it.

    Raises:
        ValueError: the program denies something, and so is none of this model's language.
    """
    states = _States(program)
    waiting = [_State(0, 0)]
    while waiting:
        state = waiting.pop()
        state = state._replace(happened=states.with_consequences(state.happened))
        if not states.allowed(state.happened):
            continue
        if states.attack & state.happened:
            return True
        for step in states.useful_steps(state)[:1]:
            waiting.append(_State(state.happened, state.never | step))
            waiting.append(_State(state.happened | step, state.never))
    return False
