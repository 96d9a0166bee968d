"""Questions to the engine in which mechanisms are open: which of them would an attack survive?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import clingo

from trustweft.profile.mechanisms import KINDS
from trustweft.threats.emit.clingo import program
from trustweft.threats.model import CODE_FLOW
from trustweft.threats.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.profile.mechanisms import Mechanism
    from trustweft.threats.traces import Event, Trace

__all__ = ["Oracle", "switch_on"]


def switch_on(mechanisms: frozenset[str], added: Iterable[str]) -> frozenset[str]:
    """Return the mechanisms with others on as well; a grade takes the place of the one that was there."""
    result = set(mechanisms)
    for identifier in added:
        kind, graded, _ = identifier.partition("=")
        if graded:
            result -= {other for other in result if other.startswith(f"{kind}=")}
        result.add(identifier)
    return frozenset(result)


class Oracle:
    """Answers for one bound and one set of attackers."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def broken(self, goals: Iterable[str]) -> bool:
        """Say whether there is an attack on any of the goals."""
        return self._solve(self._setting.mechanisms, _attack(goals)) is not None

    def survivors(
        self,
        goal: str,
        *,
        candidates: frozenset[str],
        required: frozenset[str],
        registry: Mapping[str, Mechanism],
    ) -> frozenset[str] | None:
        """Return a largest set of candidates, the required ones among them, with which an attack is left.

        None where no attack survives the required ones, whatever else is on.
        """
        extra = [_attack([goal]), *_open(self._setting.mechanisms, candidates, required)]
        extra += [
            f"{_on(needed)} :- {_on(identifier)}."
            for identifier in candidates
            for needed in registry[identifier].requires
            if "=" not in needed
        ]
        extra += [f'chosen("{identifier}") :- {_on(identifier)}.' for identifier in candidates]
        extra.append("#maximize { 1,M : chosen(M) }. #show chosen/1.")
        fixed = {each for each in self._setting.mechanisms if "=" not in each}
        shown = self._solve(frozenset(fixed), "\n".join(extra))
        return None if shown is None else frozenset(symbol.arguments[0].string for symbol in shown)

    def attackers_needed(self, goal: str, trace: Trace) -> frozenset[str]:
        """Return the smallest set of attackers to whom this very trace is possible."""
        extra = [_attack([goal]), *(f":- not {_atom(event)}." for event in trace.events)]
        extra += [f"{{ attacker({each}) }}." for each in self._setting.attackers - {"a1"}]
        extra += ["attacker(a1).", "#minimize { 1,A : attacker(A) }. #show attacker/1."]
        alone = Oracle(Setting(self._setting.mechanisms, frozenset(), self._setting.bound))
        shown = alone._solve(self._setting.mechanisms, "\n".join(extra))
        if shown is None:
            raise RuntimeError(f"the engine does not know its own trace: {trace.events}")
        return frozenset(str(symbol.arguments[0]) for symbol in shown)

    def _solve(self, mechanisms: frozenset[str], extra: str) -> list[clingo.Symbol] | None:
        """Return the shown atoms of the best model; None where there is none."""
        control = clingo.Control(["--warn=none", "--opt-mode=opt", "0" if "#m" in extra else "1"])
        setting = Setting(mechanisms, self._setting.attackers, self._setting.bound)
        control.add("base", [], program(CODE_FLOW) + program(setting.rules()) + "#show.\n" + extra)
        control.ground([("base", [])])
        best: list[clingo.Symbol] | None = None
        with control.solve(yield_=True) as models:
            for model in models:
                best = list(model.symbols(shown=True))
        return best


def _attack(goals: Iterable[str]) -> str:
    names = [goal.replace("-", "_") for goal in goals]
    return "".join(f"attack :- broken({name}). " for name in names) + ":- not attack."


def _open(mechanisms: frozenset[str], candidates: frozenset[str], required: frozenset[str]) -> list[str]:
    """Return mechanisms as choices; of a kind exactly one grade is on."""
    lines = [f"{{ {_on(each)} }}." for each in candidates - required if "=" not in each]
    lines += [f"{_on(each)}." for each in required if "=" not in each]
    for kind in KINDS:
        fixed = [each for each in required if each.startswith(f"{kind}=")]
        present = [each for each in mechanisms if each.startswith(f"{kind}=")]
        grades = fixed or [*present, *(each for each in candidates if each.startswith(f"{kind}="))]
        if grades:
            lines.append(f"1 {{ {'; '.join(_on(each) for each in sorted(grades))} }} 1.")
    return lines


def _on(identifier: str) -> str:
    return f"on({identifier.replace('=', ',')})"


def _atom(event: Event) -> str:
    return f"{event.name}({','.join(event.arguments)})"
