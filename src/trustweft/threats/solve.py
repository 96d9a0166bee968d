"""Asks clingo: is there a run in which these attackers break that goal? The shortest one, in order, or none.

"None" means: none within the bound, under the assumptions of the model. It is never more than that.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import clingo

from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import Recorder
from trustweft.threats.language import Condition, Rule, parse, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import ATTACKERS, Bound, Setting, switches
from trustweft.threats.traces import Event, Order, Shape, Trace

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
        self._blocks: set[str] = set()
        self._control = clingo.Control(["--warn=none", "--opt-mode=opt", "--opt-strategy=usc"])
        self._recorder = Recorder()
        self._control.register_observer(self._recorder)
        text = program((*rules, *bound.rules(), *switches(mechanisms), *_questions(rules)))
        self._control.add("base", [], text + _watched(rules))
        self._control.ground([("base", [])])

    def attack(
        self, attackers: Collection[str], goal: str, *, forbidden: Collection[Shape] = ()
    ) -> Trace | None:
        """Return the shortest run in which ``goal`` is broken; of several, the one that needs the fewest attackers.

        Args:
            attackers: their ids; A1 is always among them.
            goal: one of `GOALS`.
            forbidden: shapes of attacks that are known: a run that has everything of one of them does not count.
        """
        return self._run(attackers, f"broken({goal.replace('-', '_')})", forbidden)

    def honest(self, attackers: Collection[str], run: str) -> Trace | None:
        """Return the shortest run that shows something to be possible: ``honest(whole)``, ``used(a5)``."""
        return self._run(attackers, run, ())

    @cached_property
    def _order(self) -> Order:
        """What puts runs in order; made only where there is one."""
        self._recorder.name(self._control)
        return Order(self._recorder.program)

    def _run(self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape]) -> Trace | None:
        assumptions = [(_attacker(each), False) for each in ATTACKERS if each not in {"a1", *attackers}]
        assumptions += [(_attacker("a1"), True), (clingo.parse_term(demanded), True)]
        best = self._shortest([*assumptions, *map(self._block, forbidden)])
        if best is None:
            return None
        steps, needed = best["taken"], best["attacker"]
        events = self._order.of(steps, [f"attacker({each})" for each in needed])
        return Trace(events, self._mechanisms, frozenset(needed))

    def _shortest(self, assumptions: list[tuple[clingo.Symbol, bool]]) -> dict[str, list[str]] | None:
        """Return the steps and the attackers of a run with the fewest steps.

        Of those one with the fewest attackers, and of those one that takes the fewest steps of others. Clingo proves it
        from what cannot be (cores), as looking for ever better runs takes minutes in many sessions.
        """
        best: dict[str, list[str]] | None = None
        with self._control.solve(assumptions=assumptions, yield_=True) as handle:
            for model in handle:
                best = {"taken": [], "attacker": []}
                for symbol in model.symbols(shown=True):
                    best[symbol.name].append(str(symbol.arguments[0]))
        return best and {name: sorted(values) for name, values in best.items()}

    def _block(self, shape: Shape) -> tuple[clingo.Symbol, bool]:
        """Return what, when assumed, rules out every run that has all of ``shape``."""
        name = "without_" + "_".join(sorted(f"{event}_{source}" for event, source in shape))
        if name not in self._blocks:
            body = ", ".join(f"seen({event},{source or 'nobody'})" for event, source in sorted(shape))
            self._control.add(name, [], f"{{ {name} }}. :- {name}, {body}.")
            self._control.ground([(name, [])])
            self._blocks.add(name)
        return clingo.Function(name), True


def _attacker(name: str) -> clingo.Symbol:
    return clingo.Function("attacker", [clingo.Function(name)])


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
    lines = [
        "#show taken/1.",
        "#show attacker/1.",
        "#minimize { 1@3,S : taken(S); 1@2,A : attacker(A); 1@1,S : helped(S) }.",
    ]
    for rule in rules:
        if rule.kind == "step":
            head = rule.heads[0]
            source = Event.read(str(head)).source or "nobody"
            if rule.role != "attacker":
                lines.append(f"helped({head}) :- {head}.")
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
    if "second_client" in setting.mechanisms:
        wanted["flow at the second client"] = "honest(second_client)"
    if "a1a" in setting.attackers:
        wanted["flow with the attacker's server"] = "honest(attackers_server)"
    wanted |= {
        f"{attacker} uses what it can do": f"used({attacker})" for attacker in sorted(setting.attackers)
    }
    return {name: searcher.honest(setting.attackers, run) for name, run in wanted.items()}
