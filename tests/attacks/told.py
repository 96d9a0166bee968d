"""The trace that the prover finds, told as the steps that a test plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.names import name_of
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import search

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.traces import Trace

__all__ = ["Played", "found"]


@dataclass
class Played:
    """What a test has done, in the words of the model: the events of the trace, one after the other."""

    steps: list[str] = field(default_factory=list)

    def did(self, *names: str) -> None:
        """Note that what was just done over HTTP was this."""
        self.steps.extend(names)

    def is_(self, trace: Trace) -> bool:
        """Say whether the events of ``trace`` were played, each as often, in an order that cause and effect allow.

        The trace has one such order of several; a test may begin two flows in another.
        """
        return sorted(self.steps) == sorted(event.name for event in trace.events) and _in_causal_order(
            self.steps
        )


# What cannot come before what, in any flow.
_AFTER = (("visits", "user"), ("callback", "redeem"), ("redeem", "use"))


def _in_causal_order(steps: list[str]) -> bool:
    return all(
        steps.index(first) < steps.index(then) for first, then in _AFTER if first in steps and then in steps
    )


def found(
    name: str,
    goal: str,
    *,
    without: Iterable[str] = (),
    with_: Iterable[str] = (),
    attackers: Iterable[str] = (),
) -> Trace:
    """Return the attack that the prover finds on FAPI 2.0 changed so, which must have this name."""
    mechanisms = with_mechanisms(frozenset(corpus().bases["fapi2"]) - set(without), with_)
    trace = search(Setting(mechanisms, frozenset(("a1", *attackers)), SMALLEST), goal)
    assert trace is not None
    assert name_of(trace, goal) == name
    return trace
