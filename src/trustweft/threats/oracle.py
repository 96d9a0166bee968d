"""Questions to the engine in which mechanisms are open: which of them would an attack survive?

The model is ground once, with every candidate left open; a question says which of them are on, and who attacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import clingo

from trustweft.profile.mechanisms import KINDS
from trustweft.threats.emit.clingo import program
from trustweft.threats.model import MODEL
from trustweft.threats.model.goals import CONFIDENTIALITY, GOALS, NON_REPUDIATION
from trustweft.threats.setting import ATTACKERS, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.setting import Bound

__all__ = ["Oracle"]

_WATCHED = (*GOALS, NON_REPUDIATION, CONFIDENTIALITY)


class Oracle:
    """Answers for one profile in one bound.

    Args:
        mechanisms: what is on already; of graded kinds, what is on unless a stronger grade is asked for.
        candidates: what may be switched on.
        registry: every mechanism there is.
    """

    def __init__(
        self,
        mechanisms: frozenset[str],
        candidates: frozenset[str],
        registry: Mapping[str, Mechanism],
        bound: Bound,
    ) -> None:
        self._mechanisms = mechanisms
        self._candidates = candidates
        self._control = clingo.Control(["--warn=none", "--opt-mode=opt", "--opt-strategy=usc"])
        lines = [*_open(mechanisms, candidates), *_closure(candidates, registry)]
        lines += [f"{{ attacker({each}) }}." for each in ATTACKERS]
        lines += [f":- watch({name}), not broken({name})." for name in map(_name, _WATCHED)]
        lines += [f"{{ watch({name}) }}." for name in map(_name, _WATCHED)]
        lines += [f'chosen("{each}") :- {_on(each)}.' for each in sorted(candidates)]
        lines.append("#maximize { 1,M : chosen(M) }. #show. #show chosen/1.")
        fixed = frozenset(each for each in mechanisms if "=" not in each)
        text = program((*MODEL, *Setting(fixed, frozenset(), bound).rules()))
        self._control.add("base", [], text + "\n".join(lines))
        self._control.ground([("base", [])])

    def survivors(
        self, attackers: frozenset[str], goal: str, *, required: frozenset[str]
    ) -> frozenset[str] | None:
        """Return a largest set of candidates, the required ones among them, with which an attack is left.

        None where no attack survives the required ones, whatever else is on.
        """
        self._control.configuration.solve.opt_mode = "opt"  # type: ignore[union-attr]  # made at run time
        assumed = [(_on(each), True) for each in required]
        best: frozenset[str] | None = None
        with self._control.solve(assumptions=_assumptions(attackers, assumed, goal), yield_=True) as models:
            for model in models:
                best = frozenset(symbol.arguments[0].string for symbol in model.symbols(shown=True))
        return best

    def possible(self, *, added: frozenset[str]) -> bool:
        """Say whether honest people get what they came for where exactly ``added`` are on as well."""
        self._control.configuration.solve.opt_mode = "ignore"  # type: ignore[union-attr]  # likewise
        assumptions = _assumptions(frozenset({"a1"}), [*self._exactly(added), ("honest(whole)", True)], None)
        return bool(self._control.solve(assumptions=assumptions).satisfiable)

    def _exactly(self, added: frozenset[str]) -> list[tuple[str, bool]]:
        kinds = {each.partition("=")[0] for each in added if "=" in each}
        graded = [each for each in self._mechanisms if "=" in each and each.partition("=")[0] not in kinds]
        return [
            *((_on(each), each in added) for each in self._candidates),
            *((_on(each), True) for each in graded),
        ]


def _assumptions(
    attackers: frozenset[str], assumed: list[tuple[str, bool]], goal: str | None
) -> list[tuple[clingo.Symbol, bool]]:
    return [
        *((clingo.parse_term(atom), holds) for atom, holds in assumed),
        *((clingo.parse_term(f"attacker({each})"), each in attackers) for each in ATTACKERS),
        *((clingo.parse_term(f"watch({_name(each)})"), each == goal) for each in _WATCHED),
    ]


def _open(mechanisms: frozenset[str], candidates: frozenset[str]) -> Iterable[str]:
    """Yield mechanisms as choices; of a kind exactly one grade is on."""
    yield from (f"{{ {_on(each)} }}." for each in sorted(candidates) if "=" not in each)
    for kind in KINDS:
        grades = sorted(each for each in mechanisms | candidates if each.startswith(f"{kind}="))
        if grades:
            yield f"1 {{ {'; '.join(map(_on, grades))} }} 1."


def _closure(candidates: frozenset[str], registry: Mapping[str, Mechanism]) -> Iterable[str]:
    """Yield that nothing is on without what it requires."""
    for identifier in sorted(candidates):
        for needed in registry[identifier].requires:
            if needed in candidates:
                yield f":- {_on(identifier)}, not {_on(needed)}."


def _name(goal: str) -> str:
    return goal.replace("-", "_")


def _on(identifier: str) -> str:
    return f"on({identifier.replace('=', ',')})"
