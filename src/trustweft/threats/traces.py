"""What happened in a run: events in an order in which each had what it rests upon."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from trustweft.threats.language import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.threats.ground import GroundProgram, GroundRule

__all__ = ["Event", "Order", "Runs", "Shape", "Trace"]

Shape = frozenset[tuple[str, str]]

# Where several events could come next, the one that a person would tell first.
_STORY: Final = (
    "opens", "start", "forced", "asks", "shows_code", "relays", "types_code", "approves", "misdirected", "borrowed", "spend", "pushed", "visits", "user", "callback", "injected", "redeem",
    "stolen_redeem", "prepared_redeem", "use", "use_elsewhere", "refresh", "stolen_refresh", "steal",
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Event:
    """One step that somebody took: its name, and its values as text (``code(i1)``)."""

    name: str
    arguments: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Event:
        """Read an atom of the model."""
        return _read(text)

    @property
    def source(self) -> str:
        """Who or what brought a message: ``via``, ``planted``, ``pushed``, ``attacker``, ``other``, or nothing."""
        return parse(self.arguments[-1]).name if self.name in {"visits", "callback"} else ""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


@lru_cache(maxsize=100_000)  # the same few stand in every run
def _read(text: str) -> Event:
    term = parse(text)
    return Event(term.name, tuple(map(str, term.arguments)))


@dataclass(frozen=True)
class Trace:
    """The events of one attack, none of them superfluous, in causal order.

    Attributes:
        events: in order.
        mechanisms: what was on.
        attackers: the fewest who can do this; A1 is always among them.
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


class Runs(frozenset[Trace]):
    """Runs that are known, to be ruled out together."""


class Order:
    """Puts steps of runs in an order in which each has what it rests upon.

    Args:
        program: the ground rules of the model; what only forbids something plays no part here.
    """

    def __init__(self, program: GroundProgram) -> None:
        self._names = dict(program.names)
        self._numbers = {name: number for number, name in program.names.items()}
        self._start = _Known(program.rules)

    def of(self, chosen: Iterable[str], given: Iterable[str] = ()) -> tuple[Event, ...]:
        """Return the events of one run in order.

        Args:
            chosen: the steps that were taken, as atoms of the model.
            given: what was assumed from the start (attackers).

        Raises:
            RuntimeError: a step does not rest on what came before it, so this was not a run.
        """
        events = {name: Event.read(name) for name in chosen}
        waiting = {self._numbers[name]: event for name, event in events.items() if name in self._numbers}
        # The grounder found the others to be certain.
        ordered = [event for name, event in events.items() if name not in self._numbers]
        known = self._start.copy()
        known.learn(self._numbers[name] for name in given if name in self._numbers)
        while waiting:
            enabled = [number for number in waiting if known.allows(number)]
            if not enabled:
                raise RuntimeError(f"no order for {sorted(map(str, waiting.values()))}")
            following = min(enabled, key=lambda number: (_rank(waiting[number]), waiting[number]))
            ordered.append(waiting.pop(following))
            known.learn([following])
        return tuple(ordered)

    def cut_down(
        self, chosen: Iterable[str], given: Iterable[str], demanded: str, *, kept: Iterable[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return steps and attackers, of those that are given, of which ``demanded`` needs every one.

        Args:
            chosen: the steps that were taken, as atoms of the model.
            given: what was assumed from the start (attackers).
            demanded: what comes of them.
            kept: what is assumed in any case.
        """
        steps, assumed = set(chosen), set(given)
        for each in (*sorted(assumed - set(kept)), *sorted(steps)):
            if demanded in self.follows(steps - {each}, assumed - {each}):
                steps.discard(each)
                assumed.discard(each)
        return frozenset(steps), frozenset(assumed)

    def follows(self, chosen: Iterable[str], given: Iterable[str]) -> frozenset[str]:
        """Return all that holds once those of the steps were taken that could be."""
        known = self._start.copy()
        known.learn(self._numbers[name] for name in given if name in self._numbers)
        waiting = {self._numbers[name] for name in chosen if name in self._numbers}
        while enabled := [number for number in waiting if known.allows(number)]:
            known.learn(enabled)
            waiting.difference_update(enabled)
        return frozenset(self._names[number] for number in known.holds if number in self._names)


def _rank(event: Event) -> int:
    return _STORY.index(event.name) if event.name in _STORY else len(_STORY)


class _Known:
    """What holds so far, with all that follows: each rule is looked at only when something of its body is new."""

    def __init__(self, rules: Iterable[GroundRule]) -> None:
        self.holds: set[int] = set()
        self._waiting: dict[int, list[GroundRule]] = {}
        self._choices: dict[int, list[GroundRule]] = {}
        for rule in rules:
            if rule.choice:
                for head in rule.heads:
                    self._choices.setdefault(head, []).append(rule)
            elif rule.heads and all(number > 0 for number, _ in rule.body):
                for number, _ in rule.body:
                    self._waiting.setdefault(number, []).append(rule)
                if self._reached(rule):
                    self.holds.add(rule.heads[0])
        self.learn(list(self.holds))

    def copy(self) -> _Known:
        """Return what holds here, to learn more without changing this; the rules are shared."""
        other = copy.copy(self)
        other.holds = set(self.holds)
        return other

    def learn(self, numbers: Iterable[int]) -> None:
        """Add atoms, and all that follows from them."""
        new = list(numbers)
        self.holds.update(new)
        while new:
            for rule in self._waiting.get(new.pop(), ()):
                head = rule.heads[0]
                if head not in self.holds and self._reached(rule):
                    self.holds.add(head)
                    new.append(head)

    def allows(self, number: int) -> bool:
        """Say whether a step can be taken now, or was found to hold."""
        return number in self.holds or any(self._reached(rule) for rule in self._choices.get(number, ()))

    def _reached(self, rule: GroundRule) -> bool:
        return sum(weight for number, weight in rule.body if number in self.holds) >= rule.threshold
