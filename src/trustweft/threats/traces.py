"""What happened in a run: events in an order in which each had what it rests upon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from trustweft.threats.language import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["Event", "Shape", "Trace", "in_order"]

Shape = frozenset[tuple[str, str]]

# Where several events could come next, the one that a person would tell first.
_STORY: Final = (
    "start", "misdirected", "borrowed", "spend", "pushed", "visits", "user", "callback", "injected", "redeem",
    "stolen_redeem", "use", "use_elsewhere", "refresh", "steal",
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Event:
    """One step that somebody took: its name, and its values as text (``code(i1)``)."""

    name: str
    arguments: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Event:
        """Read an atom of the model."""
        term = parse(text)
        return cls(term.name, tuple(map(str, term.arguments)))

    @property
    def source(self) -> str:
        """Who or what brought a message: ``via``, ``planted``, ``pushed``, ``attacker``, ``other``, or nothing."""
        return parse(self.arguments[-1]).name if self.name in {"visits", "callback"} else ""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Trace:
    """The events of one attack, none of them superfluous, in causal order.

    Attributes:
        events: in order.
        mechanisms: what was on.
        attackers: who attacked.
    """

    events: tuple[Event, ...]
    mechanisms: frozenset[str] = frozenset()
    attackers: frozenset[str] = frozenset()

    @cached_property
    def shape(self) -> Shape:
        """The kinds of events with their sources: what two runs of the same attack share."""
        return frozenset((event.name, event.source) for event in self.events)

    def named(self, name: str) -> tuple[Event, ...]:
        """Return the events called ``name``."""
        return tuple(event for event in self.events if event.name == name)


def in_order(program: GroundProgram, chosen: Iterable[str], given: Iterable[str] = ()) -> tuple[Event, ...]:
    """Put the steps of a run in order.

    Args:
        program: the ground rules.
        chosen: the steps that were taken, as atoms of the model.
        given: what was assumed from the start (attackers).

    Raises:
        RuntimeError: a step does not rest on what came before it, so this was not a run.
    """
    numbers = {name: number for number, name in program.names.items()}
    waiting = {numbers[name]: Event.read(name) for name in chosen if name in numbers}
    ordered = [
        Event.read(name) for name in chosen if name not in numbers
    ]  # the grounder found these to be certain
    known: set[int] = {numbers[name] for name in given if name in numbers}
    _conclude(program.rules, known)
    while waiting:
        enabled = [
            number for number in waiting if number in known or _may_happen(program.rules, number, known)
        ]
        if not enabled:
            raise RuntimeError(f"no order for {sorted(map(str, waiting.values()))}")
        following = min(enabled, key=lambda number: (_rank(waiting[number]), waiting[number]))
        ordered.append(waiting.pop(following))
        known.add(following)
        _conclude(program.rules, known)
    return tuple(ordered)


def _rank(event: Event) -> int:
    return _STORY.index(event.name) if event.name in _STORY else len(_STORY)


def _may_happen(rules: Iterable[GroundRule], number: int, known: set[int]) -> bool:
    return any(rule.choice and number in rule.heads and _reached(rule, known) for rule in rules)


def _conclude(rules: Iterable[GroundRule], known: set[int]) -> None:
    certain = [
        rule
        for rule in rules
        if not rule.choice and rule.heads and all(number > 0 for number, _ in rule.body)
    ]
    grown = True
    while grown:
        grown = False
        for rule in certain:
            if rule.heads[0] not in known and _reached(rule, known):
                known.add(rule.heads[0])
                grown = True


def _reached(rule: GroundRule, known: set[int]) -> bool:
    return sum(weight for number, weight in rule.body if number in known) >= rule.threshold
