"""Asks clingo: is there a run in which these attackers break that goal? The shortest one, in order, or none.

"None" means: none within the bound, under the assumptions of the model. It is never more than that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import clingo

from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import Recorder
from trustweft.threats.language import Condition, Rule, parse, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import ATTACKERS, Bound, Setting, switches
from trustweft.threats.traces import Event, Shape, Trace, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Searcher", "honest", "search"]


class Searcher:
    """The model with one set of mechanisms, ground once; attackers and goals are asked for afterwards.

    Args:
        mechanisms: what is on.
        bound: how much may happen.
        rules: the model; another one is for those who change it to see what notices.
    """

    def __init__(self, mechanisms: frozenset[str], bound: Bound, rules: tuple[Rule, ...] = MODEL) -> None:
        self._mechanisms = mechanisms
        self._recorder = Recorder()
        self._blocks: set[str] = set()
        self._control = clingo.Control(["--warn=none", "--opt-mode=opt", "--opt-strategy=usc"])
        self._control.register_observer(self._recorder)
        text = program((*rules, *bound.rules(), *switches(mechanisms), *_questions(rules)))
        self._control.add("base", [], text + _watched(rules))
        self._control.ground([("base", [])])
        self._recorder.name(self._control)

    def attack(
        self, attackers: Collection[str], goal: str, *, forbidden: Collection[Shape] = ()
    ) -> Trace | None:
        """Return the shortest run in which ``goal`` is broken.

        Args:
            attackers: their ids; A1 is always among them.
            goal: one of `GOALS`.
            forbidden: shapes of attacks that are known: a run that has everything of one of them does not count.
        """
        return self._run(attackers, f"broken({goal.replace('-', '_')})", forbidden)

    def honest(self, attackers: Collection[str], run: str) -> Trace | None:
        """Return the shortest run that shows something to be possible: ``honest(whole)``, ``used(a5)``."""
        return self._run(attackers, run, ())

    def _run(self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape]) -> Trace | None:
        present = {"a1", *attackers}
        assumptions = [
            (clingo.parse_term(f"attacker({attacker})"), attacker in present) for attacker in ATTACKERS
        ]
        assumptions.append((clingo.parse_term(demanded), True))
        steps = self._shortest([*assumptions, *map(self._block, forbidden)])
        if steps is None:
            return None
        given = [f"attacker({attacker})" for attacker in present]
        return Trace(in_order(self._recorder.program, steps, given), self._mechanisms, frozenset(present))

    def _shortest(self, assumptions: list[tuple[clingo.Symbol, bool]]) -> list[str] | None:
        best: list[str] | None = None
        with self._control.solve(assumptions=assumptions, yield_=True) as handle:
            for model in handle:
                shown = model.symbols(shown=True)
                best = sorted(str(symbol.arguments[0]) for symbol in shown if symbol.name == "taken")
        return best

    def _block(self, shape: Shape) -> tuple[clingo.Symbol, bool]:
        """Return what, when assumed, rules out every run that has all of ``shape``."""
        name = "without_" + "_".join(sorted(f"{event}_{source}" for event, source in shape))
        if name not in self._blocks:
            body = ", ".join(f"seen({event},{source or 'nobody'})" for event, source in sorted(shape))
            self._control.add(name, [], f"{{ {name} }}. :- {name}, {body}.")
            self._control.ground([(name, [])])
            self._blocks.add(name)
        return clingo.Function(name), True


def _questions(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return what is left open for each question: who attacks, and whether each of their capabilities was used."""
    attackers = (step(f"question.{attacker}", "goal", f"attacker({attacker})") for attacker in ATTACKERS)
    return (*attackers, *(_used(rule) for rule in rules if rule.attacker))


def _used(rule: Rule) -> Rule:
    happened = Condition("holds", rule.heads[0])
    head = parse(f"used({rule.attacker})")
    return Rule(f"used.{rule.name}", "derive", "goal", (head,), (*rule.conditions, happened))


def _watched(rules: Iterable[Rule]) -> str:
    """Return the part of the program that counts steps and knows the shape of a run."""
    lines = ["#show taken/1.", "#minimize { 1,S : taken(S) }."]
    for rule in rules:
        if rule.kind == "step":
            head = rule.heads[0]
            source = Event.read(str(head)).source or "nobody"
            lines += [f"taken({head}) :- {head}.", f"seen({head.name},{source}) :- {head}."]
    return "\n".join(lines)


@lru_cache(maxsize=16)
def _searcher(mechanisms: frozenset[str], bound: Bound) -> Searcher:
    return Searcher(mechanisms, bound)


def search(setting: Setting, goal: str, *, forbidden: Collection[Shape] = ()) -> Trace | None:
    """Return the shortest attack on ``goal`` in this setting, or None: there is none within its bound.

    Args:
        setting: mechanisms, attackers, bound.
        goal: one of `GOALS`.
        forbidden: shapes of attacks that are known already: runs with everything of one of them do not count.
    """
    return _searcher(setting.mechanisms, setting.bound).attack(setting.attackers, goal, forbidden=forbidden)


def honest(setting: Setting) -> dict[str, Trace | None]:
    """Return the runs that must be possible, or every verdict on this setting would be empty.

    The honest flow, two at once, refreshing, one with an attacker's server, and each attacker's capabilities in use;
    None for one that is impossible.
    """
    searcher = _searcher(setting.mechanisms, setting.bound)
    wanted = {"honest flow": "honest(whole)"}
    if setting.bound.holds_two_victims:
        wanted["two honest flows at once"] = "honest(two_at_once)"
    if "refresh" in setting.mechanisms:
        wanted["refresh"] = "honest(refresh)"
    if "a1a" in setting.attackers:
        wanted["flow with the attacker's server"] = "honest(attackers_server)"
    wanted |= {
        f"{attacker} uses what it can do": f"used({attacker})" for attacker in sorted(setting.attackers)
    }
    return {name: searcher.honest(setting.attackers, run) for name, run in wanted.items()}
