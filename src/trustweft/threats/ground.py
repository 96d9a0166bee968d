"""A ground program as three engines read it: rules over numbered atoms, and the atom that stands for the attack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import clingo

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GroundProgram", "GroundRule", "Recorder", "ground"]

ATTACK = "attack_found"


@dataclass(frozen=True)
class GroundRule:
    """``heads`` may (choice) or must hold when the weights of the true literals of ``body`` reach ``threshold``.

    A rule without heads forbids its body. A negative number in a body is a negated atom.
    """

    choice: bool
    heads: tuple[int, ...]
    body: tuple[tuple[int, int], ...]
    threshold: int


@dataclass
class GroundProgram:
    """The rules, the number of the atom that an attack makes true (None: it cannot), and the atoms' names."""

    rules: list[GroundRule] = field(default_factory=list)
    attack: int | None = None
    names: dict[int, str] = field(default_factory=dict)


class Recorder(clingo.Observer):
    """Receives the ground rules from clingo's grounder.

    Attributes:
        program: what has been received.
    """

    def __init__(self) -> None:
        self.program = GroundProgram()

    def name(self, control: clingo.Control) -> None:
        """Remember what the numbered atoms are called in the model."""
        self.program.names = {
            item.literal: str(item.symbol) for item in control.symbolic_atoms if not item.is_fact
        }

    def rule(self, choice: bool, head: Sequence[int], body: Sequence[int]) -> None:  # noqa: FBT001  # clingo's own signature
        """Take a rule or a choice."""
        weighted = tuple((literal, 1) for literal in body)
        self.program.rules.append(GroundRule(choice, tuple(head), weighted, len(weighted)))

    def weight_rule(
        self,
        choice: bool,  # noqa: FBT001  # clingo's own signature
        head: Sequence[int],
        lower_bound: int,
        body: Sequence[tuple[int, int]],
    ) -> None:
        """Take a rule whose body counts."""
        self.program.rules.append(GroundRule(choice, tuple(head), tuple(body), lower_bound))

    def output_atom(self, symbol: clingo.Symbol, atom: int) -> None:
        """Take the number of the atom that stands for an attack."""
        if str(symbol) == ATTACK:
            self.program.attack = atom


def ground(text: str, goals: Sequence[str]) -> GroundProgram:
    """Ground ``text``, a model without its demand for a goal, and watch for an attack on one of ``goals``.

    ``goals`` are ground atoms of the model, for example ``bad(authorization)``.
    """
    recorder = Recorder()
    program = recorder.program
    control = clingo.Control(["--warn=none"])
    control.register_observer(recorder)
    watched = "".join(f"{ATTACK} :- {goal}.\n" for goal in goals)
    control.add("base", [], f"{text}\n{watched}#show.\n#show {ATTACK}/0.\n")
    control.ground([("base", [])])
    if program.attack == 0:  # a fact: nothing has to happen for it
        program.rules.append(GroundRule(choice=False, heads=(0,), body=(), threshold=0))
    recorder.name(control)
    return program
