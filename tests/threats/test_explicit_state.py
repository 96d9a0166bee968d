"""The search through states leaves out only what cannot matter: one that tries every set of steps says the same."""

from __future__ import annotations

import random
from collections import deque

import pytest

from threats.explicit_state import attack_by_states
from trustweft.threats.ground import GroundProgram, GroundRule

COUNT = 3_000
ATTACK = 20
STEPS = range(1, 9)
FOLLOWING = range(9, ATTACK + 1)


def _rule(heads: tuple[int, ...], body: list[int], threshold: int, *, choice: bool = False) -> GroundRule:
    return GroundRule(choice, heads, tuple((number, 1) for number in body), threshold)


def _program(dice: random.Random) -> GroundProgram:
    """Return steps, consequences that may rest upon each other, and limits, direct and counted in an atom of their own."""
    rules = []
    for step in STEPS:
        body = dice.sample(range(1, ATTACK), dice.choice((0, 0, 1, 2)))
        rules.append(_rule((step,), body, len(body), choice=True))
    for head in (*FOLLOWING, *dice.choices(FOLLOWING, k=8)):
        body = dice.sample(range(1, ATTACK), dice.choice((1, 2, 2, 3)))
        rules.append(_rule((head,), body, dice.randint(1, len(body))))
    for number in range(ATTACK + 1, ATTACK + 1 + dice.randint(0, 6)):
        counted = dice.sample(range(1, ATTACK), dice.randint(2, 4))
        rules += [_rule((number,), counted, 2), _rule((), [number], 1)]
    if dice.random() < 0.5:
        body = dice.sample(range(1, ATTACK + 1), 3)
        rules.append(_rule((), body, dice.randint(2, 3)))
    return GroundProgram(rules, attack=ATTACK)


def _reached(rule: GroundRule, known: frozenset[int]) -> bool:
    return sum(weight for number, weight in rule.body if number in known) >= rule.threshold


def _following(rules: list[GroundRule], known: frozenset[int]) -> frozenset[int]:
    """Return what is known and all that follows from it."""
    while True:
        new = {head for rule in rules if not rule.choice and _reached(rule, known) for head in rule.heads}
        if new <= known:
            return known
        known |= new


def _attack_by_trying_everything(program: GroundProgram) -> bool:
    first = _following(program.rules, frozenset())
    seen, waiting = {first}, deque([first])
    while waiting:
        known = waiting.popleft()
        if any(not rule.heads and _reached(rule, known) for rule in program.rules):
            continue
        if program.attack in known:
            return True
        for rule in program.rules:
            if rule.choice and _reached(rule, known):
                following = _following(program.rules, known | set(rule.heads))
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
    return False


def test_it_says_the_same_as_a_search_that_leaves_nothing_out() -> None:
    dice = random.Random(20261126)  # noqa: S311  # a test that can be repeated, not a secret
    attacks = 0
    for _ in range(COUNT):
        program = _program(dice)
        expected = _attack_by_trying_everything(program)
        assert attack_by_states(program) == expected, program
        attacks += expected
    assert 0.2 * COUNT <= attacks <= 0.8 * COUNT


def test_what_denies_something_is_refused_and_not_misread() -> None:
    program = GroundProgram([_rule((1,), [-2], 1), _rule((2,), [], 0, choice=True)], attack=1)
    with pytest.raises(ValueError, match="denies or weighs"):
        attack_by_states(program)
