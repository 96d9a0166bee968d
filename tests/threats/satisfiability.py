"""The second engine: the same ground program as a problem for z3.

Clark's completion, and for each atom a level that is higher than those of the atoms that it rests upon, which rules
out what supports itself: together exactly the stable models.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import z3

if TYPE_CHECKING:
    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["attack_by_z3"]


class _Encoding:
    """One program's variables and constraints."""

    def __init__(self, program: GroundProgram) -> None:
        self.solver = z3.Solver()
        self._holds = {atom: z3.Bool(f"holds_{atom}") for atom in _atoms(program)}
        self._level = {atom: z3.Int(f"level_{atom}") for atom in self._holds}
        supports: dict[int, list[Any]] = defaultdict(list)
        for rule in program.rules:
            self._demand(rule)
            for head in rule.heads:
                supports[head].append(self._body(rule, above=head))
        for atom, holds in self._holds.items():
            self.solver.add(z3.Implies(holds, z3.Or(supports[atom])))
        if program.attack is not None:
            self.solver.add(self._holds[program.attack])

    def _demand(self, rule: GroundRule) -> None:
        if not rule.choice:
            self.solver.add(z3.Implies(self._body(rule), z3.Or([self._holds[head] for head in rule.heads])))

    def _body(self, rule: GroundRule, *, above: int | None = None) -> Any:
        literals = [(self._literal(number, above), weight) for number, weight in rule.body]
        if sum(weight for _, weight in literals) == rule.threshold:
            return z3.And([literal for literal, _ in literals])
        return z3.PbGe(literals, rule.threshold)

    def _literal(self, number: int, above: int | None) -> Any:
        if number < 0:
            return z3.Not(self._holds[-number])
        if above is None:
            return self._holds[number]
        return z3.And(self._holds[number], self._level[number] < self._level[above])


def _atoms(program: GroundProgram) -> set[int]:
    in_bodies = {abs(number) for rule in program.rules for number, _ in rule.body}
    return in_bodies | {head for rule in program.rules for head in rule.heads}


def attack_by_z3(program: GroundProgram) -> bool:
    """Say whether the program has a stable model in which the attack happens.

    Raises:
        RuntimeError: z3 gave up.
    """
    if program.attack is None:
        return False
    verdict = _Encoding(program).solver.check()
    if verdict == z3.unknown:
        raise RuntimeError("z3 gave no answer")
    return bool(verdict == z3.sat)
