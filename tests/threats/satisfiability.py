"""The second engine: the same ground program as a problem for z3, handed over as SMT-LIB text.

Clark's completion, and for each atom a level that is higher than those of the atoms that it rests upon, which rules
out what supports itself: together exactly the stable models.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import z3

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["attack_by_z3"]


def _text(program: GroundProgram) -> Iterator[str]:
    """Yield the declarations and what must hold."""
    supports: dict[int, list[str]] = defaultdict(list)
    for rule in program.rules:
        for head in rule.heads:
            supports[head].append(_body(rule, above=head))
    for atom in sorted(_atoms(program)):
        yield f"(declare-const holds{atom} Bool) (declare-const level{atom} Int)"
    for rule in program.rules:
        if not rule.choice:
            demanded = _any(f"holds{head}" for head in rule.heads)
            yield f"(assert (=> {_body(rule)} {demanded}))"
    for atom in sorted(_atoms(program)):
        yield f"(assert (=> holds{atom} {_any(supports[atom])}))"
    yield f"(assert holds{program.attack})"


def _body(rule: GroundRule, *, above: int | None = None) -> str:
    literals = " ".join(_literal(number, above) for number, _ in rule.body)
    if sum(weight for _, weight in rule.body) == rule.threshold:
        return f"(and true {literals})"
    weights = " ".join(str(weight) for _, weight in rule.body)
    return f"((_ pbge {rule.threshold} {weights}) {literals})"


def _literal(number: int, above: int | None) -> str:
    if number < 0:
        return f"(not holds{-number})"
    if above is None:
        return f"holds{number}"
    return f"(and holds{number} (< level{number} level{above}))"


def _any(terms: Iterable[str]) -> str:
    return f"(or false {' '.join(terms)})"


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
    solver = z3.Solver()
    solver.from_string("\n".join(_text(program)))
    verdict = solver.check()
    if verdict == z3.unknown:
        raise RuntimeError("z3 gave no answer")
    return bool(verdict == z3.sat)
