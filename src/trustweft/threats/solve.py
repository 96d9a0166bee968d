"""Asks clingo: is there a run in which these attackers break that goal? The shortest one, in order, or none.

"None" means: none within the bound, under the assumptions of the model. It is never more than that.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import clingo

from trustweft.threats.blocks import CANONICAL, canonical, exact_block, shape_block
from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import Recorder
from trustweft.threats.language import Condition, Rule, parse, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import ATTACKERS, Bound, Setting, switches
from trustweft.threats.traces import Event, Order, Shape, Trace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Searcher", "as_short", "honest", "search"]

_AT_ONCE: Final = 500  # runs that are looked at in one question; those that are left come with the next

_ANY: Final = 1_000_000  # more than any run costs
# A run as clingo tells it: the steps that were taken, and the attackers.
_Told = tuple[frozenset[str], frozenset[str]]


class Searcher:
    """The model with one set of mechanisms, ground once; attackers and goals are asked for afterwards.

    Args:
        mechanisms: what is on.
        bound: how much may happen.
        rules: the model; another one is for those who change it to see what notices.
    """

    def __init__(self, mechanisms: frozenset[str], bound: Bound, rules: tuple[Rule, ...] = MODEL) -> None:
        self._mechanisms = mechanisms
        self._blocks: dict[Shape | Trace, str] = {}
        self._control = clingo.Control(["--warn=none", "--opt-mode=opt", "--opt-strategy=usc"])
        self._recorder = Recorder()
        self._control.register_observer(self._recorder)
        text = program((*rules, *bound.rules(), *switches(mechanisms), *_questions(rules)))
        self._control.add("base", [], "\n".join((text, _watched(rules), canonical(bound))))
        self._control.ground([("base", [])])

    def attack(
        self, attackers: Collection[str], goal: str, *, forbidden: Collection[Shape | Trace] = ()
    ) -> Trace | None:
        """Return the shortest run in which ``goal`` is broken; of several, the one that needs the fewest attackers.

        Args:
            attackers: their ids; A1 is always among them.
            goal: one of `GOALS`.
            forbidden: what is known: a run that has everything of a shape, or of a run, does not count.
        """
        return self._run(attackers, _broken(goal), forbidden)

    def as_short(
        self, attackers: Collection[str], goal: str, *, steps: int, forbidden: Collection[Shape | Trace] = ()
    ) -> tuple[Trace, ...]:
        """Return the runs with so many steps, but not those that only swap sessions; no more than 500.

        Whoever asks for as many steps as `attack` found, forbids what came, and asks again until nothing comes, has
        seen every attack within the bound.
        """
        assumptions = self._assumptions(attackers, _broken(goal), forbidden)
        told = self._as_short([*assumptions, (clingo.Function(CANONICAL), True)], steps)
        return tuple(self._trace(taken, needed) for taken, needed in told)

    def honest(self, attackers: Collection[str], run: str) -> Trace | None:
        """Return the shortest run that shows something to be possible: ``honest(whole)``, ``used(a5)``."""
        return self._run(attackers, run, ())

    @cached_property
    def _order(self) -> Order:
        """What puts runs in order; made only where there is one."""
        self._recorder.name(self._control)
        return Order(self._recorder.program)

    def _run(
        self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape | Trace]
    ) -> Trace | None:
        best = self._shortest(self._assumptions(attackers, demanded, forbidden))
        return None if best is None else self._trace(best["taken"], best["attacker"])

    def _assumptions(
        self, attackers: Collection[str], demanded: str, forbidden: Collection[Shape | Trace]
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

    def _as_short(self, assumptions: list[tuple[clingo.Symbol, bool]], steps: int) -> list[_Told]:
        """Return runs with so many steps, each with the fewest attackers who can do it."""
        solve = self._control.configuration.solve
        told: set[_Told] = set()
        # Attackers and steps of others are not counted: the same steps may be possible for several sets of attackers.
        solve.opt_mode, solve.models = f"enum,{steps},{_ANY},{_ANY}", _AT_ONCE  # type: ignore[union-attr]  # made at run time
        try:
            with self._control.solve(assumptions=assumptions, yield_=True) as handle:
                for model in handle:
                    found = _read(model)
                    told.add((frozenset(found["taken"]), frozenset(found["attacker"])))
        finally:
            solve.opt_mode, solve.models = "opt", -1  # type: ignore[union-attr]  # likewise
        fewest = [
            each for each in told if not any(each[0] == same and fewer < each[1] for same, fewer in told)
        ]
        return sorted(fewest, key=lambda each: (len(each[1]), sorted(each[1]), sorted(each[0])))

    def _ruled_out(self, forbidden: Collection[Shape | Trace]) -> list[tuple[clingo.Symbol, bool]]:
        """Return what, when assumed, rules out every run that has all of something forbidden."""
        new = [each for each in dict.fromkeys(forbidden) if each not in self._blocks]
        if new:
            first = len(self._blocks)
            self._blocks |= {each: f"without_{number}" for number, each in enumerate(new, start=first)}
            self._control.add(f"without_{first}", [], "\n".join(map(self._block, new)))
            self._control.ground([(f"without_{first}", [])])
        return [(clingo.Function(self._blocks[each]), True) for each in forbidden]

    def _block(self, known: Shape | Trace) -> str:
        name = self._blocks[known]
        return exact_block(name, known) if isinstance(known, Trace) else shape_block(name, known)


def _broken(goal: str) -> str:
    return f"broken({goal.replace('-', '_')})"


def _read(model: clingo.Model) -> dict[str, list[str]]:
    """Return what a model shows: the steps that were taken, and the attackers."""
    found: dict[str, list[str]] = {"taken": [], "attacker": []}
    for symbol in model.symbols(shown=True):
        found[symbol.name].append(str(symbol.arguments[0]))
    return found


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


def search(setting: Setting, goal: str, *, forbidden: Collection[Shape | Trace] = ()) -> Trace | None:
    """Return the shortest attack on ``goal`` in this setting, or None: there is none within its bound.

    Args:
        setting: mechanisms, attackers, bound.
        goal: one of `GOALS`.
        forbidden: what is known already: runs with everything of a shape, or of a run, do not count.
    """
    return _searcher(setting.mechanisms, setting.bound).attack(setting.attackers, goal, forbidden=forbidden)


def as_short(
    setting: Setting, goal: str, *, steps: int, forbidden: Collection[Shape | Trace] = ()
) -> tuple[Trace, ...]:
    """Return the attacks that have as few steps as the shortest; see `search` and `Searcher.as_short`."""
    searcher = _searcher(setting.mechanisms, setting.bound)
    return searcher.as_short(setting.attackers, goal, steps=steps, forbidden=forbidden)


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
