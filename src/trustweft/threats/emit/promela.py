"""A Promela model of one setting, for Spin: an engine that has nothing in common with ours.

One process makes one choice after the other. What has happened never unhappens: each atom is a bit that is set once.
After each choice all that follows from it is worked out, a broken prohibition ends the run (it was not a legal one),
and the assertion says that the attack has not happened. Choices that no prohibition can mention are made as soon as
they are open: they take nothing away from anybody.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["promela"]

_INDENT = "  "


def promela(program: GroundProgram, *, title: str) -> str:
    """Return the model as text for ``spin``; an assertion violated there is an attack.

    Args:
        program: the ground rules of one setting, with the goals that are watched.
        title: one line that says which setting this is.
    """
    return _Model(program).text(title)


class _Model:
    def __init__(self, program: GroundProgram) -> None:
        self._program = program
        settled = [rule for rule in program.rules if not rule.choice]
        self._judged = [rule for rule in settled if not rule.heads or _negative(rule)]
        self._derived = [rule for rule in settled if rule.heads and not _negative(rule)]
        self._choices = [rule for rule in program.rules if rule.choice]
        self._contested = _contested(self._derived, self._judged)
        self._judgement = {head for rule in self._judged for head in rule.heads}
        self._names = self._identifiers()

    def text(self, title: str) -> str:
        """Return the whole model."""
        lines = [f"/* {title} */", ""]
        lines += [f"bit {name};" for atom, name in sorted(self._names.items()) if atom not in self._judgement]
        lines += ["byte begun;", "short known;", "", "active proctype ecosystem() {"]
        steps = [*self._choose(), *self._conclude(), *self._judge()]
        lines += _indented(["do", ":: atomic {", *_indented(steps), "}", "od"])
        lines += ["}", ""]
        return "\n".join(lines)

    def _identifiers(self) -> dict[int, str]:
        atoms = {abs(number) for rule in self._program.rules for number, _ in rule.body}
        atoms |= {head for rule in self._program.rules for head in rule.heads}
        if self._program.attack is not None:
            atoms.add(self._program.attack)
        return {atom: f"{_identifier(self._program.names.get(atom, 'aux'))}_{atom}" for atom in atoms}

    def _conclude(self) -> list[str]:
        """Work out what follows, in rounds, until a round brings nothing new."""
        bodies: dict[int, list[str]] = defaultdict(list)
        for rule in self._derived:
            for head in rule.heads:
                bodies[head].append(self._body(rule))
        for rule in self._choices:
            for head in rule.heads:
                if head not in self._contested:
                    bodies[head].append(self._body(rule))
        names = {head: self._names[head] for head in bodies}
        rounds = [
            f"{name} = {name} || {' || '.join(f'({body})' for body in bodies[head])};"
            for head, name in names.items()
        ]
        count = " + ".join(names.values()) or "0"
        return [
            "known = 0;",
            "do",
            f":: {count} == known && begun == 2 -> break",
            ":: else ->",
            *_indented(["begun = 2;", f"known = {count};", *rounds]),
            "od;",
            "known = 0;",
            "begun = 1;",
        ]

    def _choose(self) -> list[str]:
        """Make one of the open choices; the first step makes none, for what follows from the scenario alone."""
        options = [":: !begun -> begun = 1"]
        for rule in self._choices:
            for head in rule.heads:
                if head in self._contested:
                    name = self._names[head]
                    options.append(f":: begun && !{name} && {self._body(rule)} -> {name} = 1")
        return ["if", *options, "fi;"]

    def _judge(self) -> list[str]:
        """End a run that is not legal; in a legal one the attack must not have happened."""
        attack = "0" if self._program.attack is None else self._names[self._program.attack]
        return ["if", f":: {self._forbidden()} -> false", ":: else -> skip", "fi;", f"assert(!{attack})"]

    def _forbidden(self) -> str:
        broken = [self._body(rule) for rule in self._judged if not rule.heads]
        return " || ".join(f"({condition})" for condition in broken) or "0"

    def _body(self, rule: GroundRule) -> str:
        if rule.threshold <= 0:
            return "1"
        literals = [(self._literal(number), weight) for number, weight in rule.body]
        if sum(weight for _, weight in literals) == rule.threshold:
            return " && ".join(literal for literal, _ in literals)
        total = " + ".join(
            literal if weight == 1 else f"{weight} * {literal}" for literal, weight in literals
        )
        return f"({total} >= {rule.threshold})"

    def _literal(self, number: int) -> str:
        """Return an atom's bit, or, for what only a prohibition asks, the condition that stands for it."""
        atom = abs(number)
        shown = self._names[atom]
        if atom in self._judgement:
            bodies = [self._body(rule) for rule in self._judged if atom in rule.heads]
            shown = "(" + " || ".join(f"({body})" for body in bodies) + ")"
        return shown if number > 0 else f"!{shown}"


def _negative(rule: GroundRule) -> bool:
    return any(number < 0 for number, _ in rule.body)


def _contested(derived: Iterable[GroundRule], judged: Iterable[GroundRule]) -> set[int]:
    """Return the atoms on which a prohibition rests, through derivations but not through choices."""
    supports: dict[int, set[int]] = defaultdict(set)
    waiting: list[int] = []
    for rule in judged:
        waiting += [abs(number) for number, _ in rule.body]
    for rule in derived:
        for head in rule.heads:
            supports[head].update(abs(number) for number, _ in rule.body)
    found: set[int] = set()
    while waiting:
        atom = waiting.pop()
        if atom not in found:
            found.add(atom)
            waiting.extend(supports[atom])
    return found


def _identifier(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _indented(lines: Iterable[str]) -> list[str]:
    return [_INDENT + line for line in lines]
