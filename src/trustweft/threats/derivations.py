"""Is there any attack that is none of these kinds? One question about all ways to break a goal, in many sessions.

A run is any set of steps; an attack that has nothing superfluous is a *derivation*: each thing in it follows in one way,
and everything in it is used on the way to the broken goal. Every run that breaks a goal has the steps of a derivation in
it, and every attack of which no step can be left out is one. Therefore it is enough to look at derivations. Of those
nothing has to be ruled out in every way in which many sessions can play it: the table of names says of each what it is,
as rules, and what is asked is whether there is one whose name and attackers are not among those that are known.

A derivation can still have more steps than its goal needs, because there is a shorter way. Whoever gets one as an
answer has to cut it down, and to ask again if what is left is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import clingo

from trustweft.threats.blocks import CANONICAL, canonical
from trustweft.threats.names import DECISIVE
from trustweft.threats.naming_rules import naming_rules
from trustweft.threats.traces import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from trustweft.threats.ground import GroundProgram, GroundRule
    from trustweft.threats.setting import Bound

__all__ = ["Derivations", "derivations"]

_A1: Final = "attacker(a1)"


class Derivations:
    """All derivations of one broken goal by some attackers.

    Args:
        program: the ground model, with a ``taken(…)`` for each step.
        goal: the atom that says that the goal is broken.
        attackers: their ids.
        bound: what the model was ground for.
        mechanisms: what is on.
    """

    def __init__(
        self,
        program: GroundProgram,
        goal: str,
        attackers: Collection[str],
        bound: Bound,
        mechanisms: Collection[str],
    ) -> None:
        text = "\n".join((*derivations(program, goal, attackers), *_around(goal, bound, mechanisms)))
        self._control = clingo.Control(["--warn=none", "--project=show"])
        self._control.add("base", [], text)
        self._control.ground([("base", [])])
        self._excluded = 0

    def exclude(self, *bodies: str) -> None:
        """Rule out every derivation of which one of these holds: ``named("mix-up"), attacker(a1a)``."""
        self._excluded += 1
        part = f"excluded_{self._excluded}"
        self._control.add(part, [], "\n".join(f":- {body}." for body in bodies))
        self._control.ground([(part, [])])

    def any(self) -> tuple[frozenset[str], frozenset[str]] | None:
        """Return the steps and the attackers of one that is left, or None: there is none."""
        with self._control.solve(yield_=True) as handle:
            for model in handle:
                shown = model.symbols(shown=True)
                steps = (str(each.arguments[0]) for each in shown if each.name == "taken")
                attackers = (str(each.arguments[0]) for each in shown if each.name == "attacker")
                return frozenset(steps), frozenset({"a1", *attackers})
        return None


def _around(goal: str, bound: Bound, mechanisms: Collection[str]) -> Iterable[str]:
    """Yield what the names of attacks rest upon, and that sessions which are alike come in one order."""
    yield from (f"{rule.heads[0]}." for rule in bound.rules())
    yield from (f"on({each})." for each in sorted(DECISIVE & set(mechanisms)))
    if "session_integrity" in goal:
        yield "session_integrity."
    yield naming_rules()
    yield canonical(bound)
    yield f":- not {CANONICAL}."
    yield "#show taken/1. #show attacker/1."
    # No rule has these at its head where the goal has no use for them.
    yield "#defined on/1. #defined attacker/1. #defined session_integrity/0. #defined seen/2."


def derivations(program: GroundProgram, goal: str, attackers: Collection[str]) -> list[str]:
    """Return rules whose answers are the derivations of ``goal``: each thing follows in one way, and all is used."""
    numbers = {name: number for number, name in program.names.items()}
    if goal not in numbers:
        return [":- #true."]
    useful = _useful(program, numbers[goal], attackers)
    steps = {name.removeprefix("taken(")[:-1] for name in numbers if name.startswith("taken(")}
    called = _Called(program, steps)
    lines = [f":- not {called(numbers[goal])}."]
    for head, rules in useful.items():
        lines += _follows(head, rules, called)
        if head != numbers[goal] and program.names.get(head) != _A1:
            lines.append(f":- {called(head)}, not used({head}).")
        if program.names.get(head) in steps:
            step = Event.read(program.names[head])
            lines.append(f"taken({program.names[head]}) :- {program.names[head]}.")
            lines.append(f"seen({step.name},{step.source or 'nobody'}) :- {program.names[head]}.")
    return [*lines, *_limits(program, useful, called)]


class _Called:
    """What the atoms of the ground model are called here: steps and attackers as they are, others by number."""

    def __init__(self, program: GroundProgram, steps: Collection[str]) -> None:
        self._names = {
            number: name
            for number, name in program.names.items()
            if name in steps or name.startswith("attacker(")
        }

    def __call__(self, number: int) -> str:
        return self._names.get(number, f"holds({number})")


def _useful(program: GroundProgram, goal: int, attackers: Collection[str]) -> dict[int, list[GroundRule]]:
    """Return the rules by what follows from them: those that these attackers can use on the way to the goal."""
    by_head = _possible(program, {f"attacker({each})" for each in {"a1", *attackers}})
    useful: dict[int, list[GroundRule]] = {}
    wanted = [goal]
    while wanted:
        head = wanted.pop()
        if head not in useful and head in by_head:
            useful[head] = by_head[head]
            wanted += [number for rule in useful[head] for number, _ in rule.body]
    return useful


def _possible(program: GroundProgram, present: Collection[str]) -> dict[int, list[GroundRule]]:
    """Return the rules that can come into play, by what follows from them, if everything happens that could."""
    waiting: dict[int, list[GroundRule]] = {}
    rules = [rule for rule in program.rules if rule.heads and all(number > 0 for number, _ in rule.body)]
    left = {id(rule): len(rule.body) for rule in rules}
    ready = [rule for rule in rules if not rule.body]
    for rule in rules:
        for number, _ in rule.body:
            waiting.setdefault(number, []).append(rule)
    by_head: dict[int, list[GroundRule]] = {}
    while ready:
        rule = ready.pop()
        for head in rule.heads:
            name = program.names.get(head, "")
            if name.startswith("attacker(") and name not in present:
                continue
            if head not in by_head:
                for other in waiting.get(head, ()):
                    left[id(other)] -= 1
                    if left[id(other)] == 0:
                        ready.append(other)
            by_head.setdefault(head, []).append(rule)
    return by_head


def _follows(head: int, rules: Sequence[GroundRule], called: _Called) -> Iterable[str]:
    """Yield that something may hold because of one of these rules, and that the rest of that rule is used then."""
    ways = []
    for way, rule in enumerate(rules):
        because = called(head) if len(rules) == 1 else f"way({head},{way})"
        body = ", ".join(called(number) for number, _ in rule.body)
        yield f"{{ {because} }}{' :- ' if body else ''}{body}."
        yield from (f"used({number}) :- {because}." for number, _ in rule.body)
        if len(rules) > 1:
            ways.append(because)
            yield f"{called(head)} :- {because}."
    if ways:
        yield f":- 2 {{ {'; '.join(ways)} }}."


def _limits(program: GroundProgram, useful: Collection[int], called: _Called) -> Iterable[str]:
    """Yield what must not happen, or happens once: rules of the model without a head, with what they count by."""
    counted: dict[int, list[GroundRule]] = {}
    for rule in program.rules:
        for head in () if rule.choice else rule.heads:
            if head not in program.names and head not in useful:
                counted.setdefault(head, []).append(rule)
    ordering = next((number for number, name in program.names.items() if name == CANONICAL), None)
    waiting = [
        (rule, "")
        for rule in program.rules
        if not rule.heads and all(each != ordering for each, _ in rule.body)
    ]
    told: set[int] = set()
    while waiting:
        rule, because = waiting.pop()
        body = "; ".join(
            f"{weight},{number} : {'' if number > 0 else 'not '}{_named(abs(number), useful, called)}"
            for number, weight in rule.body
        )
        yield f"{because} :- {rule.threshold} #sum {{ {body} }}."
        for each in {abs(literal) for literal, _ in rule.body} - told:
            told.add(each)
            waiting += [(other, f"counted({each})") for other in counted.get(each, ())]


def _named(number: int, useful: Collection[int], called: _Called) -> str:
    """Return an atom; what is of no use never holds, unless rules count by it."""
    return called(number) if number in useful else f"counted({number})"
