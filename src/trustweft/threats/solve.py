"""Asks clingo: is there a run in which these attackers break that goal? The shortest one, in order, or none.

"None" means: none within the bound, under the assumptions of the model. It is never more than that.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import clingo

from trustweft.threats.blocks import CANONICAL, block, canonical
from trustweft.threats.derivations import Derivations
from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import GroundProgram, GroundRule, Recorder
from trustweft.threats.language import Condition, Rule, parse, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import ATTACKERS, Bound, Setting, switches
from trustweft.threats.traces import Event, Order, Trace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from trustweft.threats.traces import Runs, Shape

__all__ = ["Searcher", "as_short", "cut_down", "derivations", "ground_rules", "honest", "in_order", "search"]

_AT_ONCE: Final = 500  # runs that are told in one answer; those that are left come with the next

_ANY: Final = 1_000_000  # more than any run costs
# A run as clingo tells it: the steps that were taken, and the attackers.
_Told = tuple[frozenset[str], frozenset[str]]
# The rules that are left when the model is ground, and what the numbered atoms in them are called.
GroundRules = tuple[tuple[GroundRule, ...], tuple[tuple[int, str], ...]]


class Searcher:
    """The model with one set of mechanisms, ground once; attackers and goals are asked for afterwards.

    Args:
        mechanisms: what is on.
        bound: how much may happen.
        rules: the model; another one is for those who change it to see what notices.
    """

    def __init__(self, mechanisms: frozenset[str], bound: Bound, rules: tuple[Rule, ...] = MODEL) -> None:
        self._mechanisms = mechanisms
        self._bound = bound
        self._blocks: dict[Shape | Runs, str] = {}
        # Two answers that show the same are one: what is open beside the steps and the attackers does not count.
        self._control = clingo.Control(
            ["--warn=none", "--opt-mode=opt", "--opt-strategy=usc", "--project=show"]
        )
        self._recorder = Recorder()
        self._control.register_observer(self._recorder)
        text = program((*rules, *bound.rules(), *switches(mechanisms), *_questions(rules)))
        self._control.add("base", [], "\n".join((text, _watched(rules), canonical(bound))))
        self._control.ground([("base", [])])
        # What is left of the model with these mechanisms, noted before the solver simplifies it.
        self._recorder.name(self._control)
        names = tuple(sorted(self._recorder.program.names.items()))
        self.ground_rules: GroundRules = (tuple(self._recorder.program.rules), names)

    def attack(
        self, attackers: Collection[str], goal: str, *, forbidden: Collection[Shape | Runs] = ()
    ) -> Trace | None:
        """Return the shortest run in which ``goal`` is broken; of several, the one that needs the fewest attackers.

        Args:
            attackers: their ids; A1 is always among them.
            goal: one of `GOALS`.
            forbidden: what is known: a run that has everything of a shape, or of one of these runs, does not count.
        """
        return self._run(attackers, _broken(goal), forbidden)

    def as_short(
        self,
        attackers: Collection[str],
        goal: str,
        *,
        steps: int,
        most: int,
        forbidden: Collection[Shape | Runs] = (),
    ) -> tuple[tuple[Trace, ...], bool]:
        """Return runs with so many steps, and whether these are all; most of those that only swap sessions are left out.

        Their events are in no order: see `in_order`. Whoever asks for as many steps as `attack` found, and where there
        are more forbids what came and asks again, has seen every attack with so many steps.

        Args:
            attackers: their ids; A1 is always among them.
            goal: one of `GOALS`.
            steps: how many there are at most.
            most: how many attackers take part at most.
            forbidden: as for `attack`.
        """
        assumptions = self._assumptions(attackers, _broken(goal), forbidden)
        told, all_of_them = self._as_short([*assumptions, (clingo.Function(CANONICAL), True)], steps, most)
        traces = tuple(
            Trace(tuple(map(Event.read, sorted(taken))), self._mechanisms, needed) for taken, needed in told
        )
        return traces, all_of_them

    def in_order(self, trace: Trace) -> Trace:
        """Return a run of `as_short` with its events in causal order."""
        return self._trace((str(event).replace(" ", "") for event in trace.events), trace.attackers)

    def derivations(self, attackers: Collection[str], goal: str) -> Derivations:
        """Return all ways in which ``goal`` can be broken, to ask whether there is one beyond those that are known."""
        # Of the model alone: what rules out runs is no part of it.
        model = GroundProgram(rules=list(self.ground_rules[0]), names=dict(self.ground_rules[1]))
        return Derivations(model, _broken(goal), attackers, self._bound, self._mechanisms)

    def cut_down(self, steps: Collection[str], attackers: Collection[str], goal: str) -> tuple[Trace, Trace]:
        """Return an attack within a run: the steps that it cannot do without, and the whole of it in causal order."""
        order = self._order
        given = [f"attacker({each})" for each in attackers]
        needed, by = order.cut_down(steps, given, _broken(goal), kept=["attacker(a1)"])
        who = frozenset(each.removeprefix("attacker(")[:-1] for each in by)
        taken = [each for each in order.follows(needed, by) if each.startswith("taken(")]
        # A1 is always there, and a derivation need not have what it does not use: nothing is told apart by it.
        bare = Trace(tuple(map(Event.read, sorted(needed))), self._mechanisms, who - {"a1"})
        return bare, self._trace((each.removeprefix("taken(")[:-1] for each in taken), who)

    def honest(self, attackers: Collection[str], run: str) -> Trace | None:
        """Return the shortest run that shows something to be possible: ``honest(whole)``, ``used(a5)``."""
        return self._run(attackers, run, ())

    @cached_property
    def _order(self) -> Order:
        """What puts runs in order; made only where there is one."""
        return Order(self._recorder.program)

    def _run(
        self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape | Runs]
    ) -> Trace | None:
        best = self._shortest(self._assumptions(attackers, demanded, forbidden))
        return None if best is None else self._trace(best["taken"], best["attacker"])

    def _assumptions(
        self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape | Runs]
    ) -> list[tuple[clingo.Symbol, bool]]:
        assumptions = [(_attacker(each), False) for each in ATTACKERS if each not in {"a1", *attackers}]
        assumptions += [(_attacker("a1"), True), (clingo.parse_term(demanded), True)]
        return [*assumptions, *self._ruled_out(forbidden)]

    def _trace(self, steps: Iterable[str], needed: Collection[str]) -> Trace:
        events = self._order.of(sorted(steps), [f"attacker({each})" for each in sorted(needed)])
        return Trace(events, self._mechanisms, frozenset(needed))

    def _shortest(self, assumptions: list[tuple[clingo.Symbol, bool]]) -> dict[str, list[str]] | None:
        """Return the steps and the attackers of a run with the fewest steps.

        Of those one with the fewest attackers, and of those one that takes the fewest steps of others. Clingo proves it
        from what cannot be (cores), as looking for ever better runs takes minutes in many sessions.
        """
        best: dict[str, list[str]] | None = None
        with self._control.solve(assumptions=assumptions, yield_=True) as handle:
            for model in handle:
                best = _read(model)
        return best

    def _as_short(
        self, assumptions: list[tuple[clingo.Symbol, bool]], steps: int, most: int
    ) -> tuple[list[_Told], bool]:
        """Return runs with so many steps, each with the fewest attackers who can do it, and whether these are all."""
        solve = self._control.configuration.solve
        # The same steps may be possible for several sets of attackers; steps of others are not counted.
        solve.opt_mode, solve.models = f"enum,{steps},{most},{_ANY}", _AT_ONCE  # type: ignore[union-attr]  # made at run time
        try:
            with self._control.solve(assumptions=assumptions, yield_=True) as handle:
                answers = [_read(model) for model in handle]
        finally:
            solve.opt_mode, solve.models = "opt", -1  # type: ignore[union-attr]  # likewise
        told = {(frozenset(found["taken"]), frozenset(found["attacker"])) for found in answers}
        sets: dict[frozenset[str], list[frozenset[str]]] = {}
        for taken, attackers in told:
            sets.setdefault(taken, []).append(attackers)
        fewest = [
            (taken, attackers)
            for taken, attackers in told
            if not any(fewer < attackers for fewer in sets[taken])
        ]
        ordered = sorted(fewest, key=lambda each: (len(each[1]), sorted(each[1]), sorted(each[0])))
        return ordered, len(answers) < _AT_ONCE

    def _ruled_out(self, forbidden: Collection[Shape | Runs]) -> list[tuple[clingo.Symbol, bool]]:
        """Return what, when assumed, rules out every run that has all of something forbidden."""
        new = [each for each in dict.fromkeys(forbidden) if each not in self._blocks]
        if new:
            first = len(self._blocks)
            self._blocks |= {each: f"without_{number}" for number, each in enumerate(new, start=first)}
            self._control.add(
                f"without_{first}", [], "\n".join(block(self._blocks[each], each) for each in new)
            )
            self._control.ground([(f"without_{first}", [])])
        return [(clingo.Function(self._blocks[each]), True) for each in forbidden]


def _broken(goal: str) -> str:
    return f"broken({goal.replace('-', '_')})"


def _read(model: clingo.Model) -> dict[str, list[str]]:
    """Return what a model shows: the steps that were taken, and the attackers."""
    found: dict[str, list[str]] = {"taken": [], "attacker": []}
    for symbol in model.symbols(shown=True):
        found[symbol.name].append(_text(symbol))
    return found


@lru_cache(maxsize=100_000)
def _text(shown: clingo.Symbol) -> str:
    """Return what stands in ``taken(…)`` or ``attacker(…)``; the same few stand in every run."""
    return str(shown.arguments[0])


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


def search(setting: Setting, goal: str, *, forbidden: Collection[Shape | Runs] = ()) -> Trace | None:
    """Return the shortest attack on ``goal`` in this setting, or None: there is none within its bound.

    Args:
        setting: mechanisms, attackers, bound.
        goal: one of `GOALS`.
        forbidden: what is known already: runs with everything of a shape, or of one of these runs, do not count.
    """
    return _searcher(setting.mechanisms, setting.bound).attack(setting.attackers, goal, forbidden=forbidden)


def as_short(
    setting: Setting, goal: str, *, steps: int, most: int, forbidden: Collection[Shape | Runs] = ()
) -> tuple[tuple[Trace, ...], bool]:
    """Return attacks that have as few steps as the shortest, and whether these are all; see `search` and `Searcher.as_short`."""
    searcher = _searcher(setting.mechanisms, setting.bound)
    return searcher.as_short(setting.attackers, goal, steps=steps, most=most, forbidden=forbidden)


def ground_rules(mechanisms: frozenset[str], bound: Bound) -> GroundRules:
    """Return what is left of the model with these mechanisms: where that is the same, so is every answer."""
    return _searcher(mechanisms, bound).ground_rules


def in_order(trace: Trace, bound: Bound) -> Trace:
    """Return a run of `as_short` with its events in causal order."""
    return _searcher(trace.mechanisms, bound).in_order(trace)


def derivations(setting: Setting, goal: str) -> Derivations:
    """Return all ways in which ``goal`` can be broken in this setting; see `Derivations`."""
    return _searcher(setting.mechanisms, setting.bound).derivations(setting.attackers, goal)


def cut_down(
    setting: Setting, goal: str, steps: Collection[str], attackers: Collection[str]
) -> tuple[Trace, Trace]:
    """Return the attack within a derivation, without and with what follows from its steps by itself."""
    return _searcher(setting.mechanisms, setting.bound).cut_down(steps, attackers, goal)


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
