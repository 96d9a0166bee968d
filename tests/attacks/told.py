"""The trace that the prover finds, and whether what a test played is a run of the model with exactly its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import GroundProgram, ground
from trustweft.threats.model import MODEL
from trustweft.threats.names import name_of
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import Searcher
from trustweft.threats.traces import Trace, _Known

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from trustweft.threats.traces import Shape

__all__ = ["Attack", "find"]


@dataclass
class Attack:
    """An attack that search found, and the steps of it that a test has played over HTTPS."""

    trace: Trace
    rules: GroundProgram
    steps: list[str] = field(default_factory=list)

    def did(self, *names: str) -> None:
        """Note that what was just done over HTTPS is these events of the trace."""
        self.steps.extend(names)

    def is_played(self) -> bool:
        """Say whether the steps, in the order in which they were played, are a run of the model that breaks the goal.

        Each step has to be one event of the trace that is possible when its turn comes, and none may be left over.
        """
        return self._continues((), [str(event).replace(" ", "") for event in self.trace.events])

    def _continues(self, done: tuple[str, ...], left: Collection[str]) -> bool:
        if len(done) == len(self.steps):
            return not left and self._broken(done)
        wanted = self.steps[len(done)]
        return any(
            self._continues((*done, event), [other for other in left if other != event])
            for event in left
            if event.split("(")[0] == wanted and self._possible(event, done)
        )

    def _possible(self, event: str, done: tuple[str, ...]) -> bool:
        numbers = {name: number for number, name in self.rules.names.items()}
        return event not in numbers or self._after(done).allows(numbers[event])

    def _broken(self, done: tuple[str, ...]) -> bool:
        return self.rules.attack is not None and self._after(done).allows(self.rules.attack)

    def _after(self, done: tuple[str, ...]) -> _Known:
        numbers = {name: number for number, name in self.rules.names.items()}
        known = _Known(self.rules.rules)
        known.learn(numbers[event] for event in done if event in numbers)
        return known


def find(
    name: str,
    goal: str,
    *,
    without: Iterable[str] = (),
    with_: Iterable[str] = (),
    attackers: Iterable[str] = (),
    besides: Collection[Shape] = (),
) -> Attack:
    """Return the attack that the prover finds on FAPI 2.0 changed so, which must have this name.

    Args:
        name: its id in the corpus.
        goal: what it breaks.
        without: what is off of FAPI 2.0.
        with_: what is on besides.
        attackers: who attacks, beside A1.
        besides: shapes of attacks that are there as well, and not meant.
    """
    mechanisms = with_mechanisms(frozenset(corpus().bases["fapi2"]) - set(without), with_)
    setting = Setting(mechanisms, frozenset(("a1", *attackers)), SMALLEST)
    # A new searcher each time: one that has answered before may return another attack of the same length.
    trace = Searcher(mechanisms, SMALLEST).attack(setting.attackers, goal, forbidden=besides)
    assert trace is not None
    assert name_of(trace, goal) == name
    rules = ground(program((*MODEL, *setting.rules())), [f"broken({goal.replace('-', '_')})"])
    return Attack(trace, rules)
