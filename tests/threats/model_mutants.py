"""The model with one rule or one check taken out: the corpus has to notice."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.emit.resolved import resolved
from trustweft.threats.model import MODEL
from trustweft.threats.names import name_of
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import Searcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.threats.language import Rule

__all__ = ["Mutant", "mutants", "noticed_by"]


class Mutant(NamedTuple):
    """A model that lacks something, what it lacks, and the rule that is not what it was."""

    name: str
    rules: tuple[Rule, ...]
    changed: Rule


class _Question(NamedTuple):
    mechanisms: frozenset[str]
    attackers: tuple[str, ...]
    goal: str
    attack: str
    title: str

    def concerns(self, rule: Rule) -> bool:
        """Say whether the rule is part of the model here: mechanisms and attackers have not ruled it out."""
        setting = Setting(self.mechanisms, frozenset(("a1", *self.attackers)), SMALLEST)
        return any(each.name == rule.name for each in resolved((rule,), setting))


def mutants() -> Iterator[Mutant]:
    """Yield the model without each check, each refusal, each limit, and each thing that attackers can do."""
    for index, rule in enumerate(MODEL):
        before, after = MODEL[:index], MODEL[index + 1 :]
        for check in rule.checks:
            kept = tuple(other for other in rule.checks if other is not check)
            yield Mutant(f"{rule.name} without {check}", (*before, replace(rule, checks=kept), *after), rule)
        if rule.role != "scenario" and (rule.kind in {"limit", "forbid"} or rule.role == "attacker"):
            yield Mutant(f"without {rule.name}", (*before, *after), rule)


@cache
def _questions() -> list[_Question]:
    """Return what the corpus asks, in the order in which it is asked: `noticed_by` moves what tells mutants apart ahead."""
    return list(_corpus_questions())


def _corpus_questions() -> Iterator[_Question]:
    known = corpus()
    for attack in known.attack:
        open_setting = known.mechanisms(attack)
        yield _Question(open_setting, attack.attackers, attack.goal, attack=attack.id, title=attack.id)
        for closing in attack.closed_by:
            closed = with_mechanisms(open_setting, closing)
            yield _Question(
                closed, attack.attackers, attack.goal, attack="none", title=f"{attack.id}+{'+'.join(closing)}"
            )
    for variant in known.variant:
        mechanisms = known.mechanisms(variant)
        title = f"{variant.attack} in {variant.base}"
        yield _Question(mechanisms, variant.attackers, variant.goal, attack=variant.attack, title=title)


def noticed_by(mutant: Mutant) -> str | None:
    """Return a verdict of the corpus that is another one in the mutant, or None.

    Asked first is what noticed the mutant before, as neighbours are often told by the same question. Where an ability
    is gone nothing new can happen, so that only attacks are asked for; where a check is gone, first what it closed.
    """
    fewer_runs = mutant.changed.kind in {"step", "derive"} and mutant.changed.name not in _names(mutant.rules)
    searchers: dict[frozenset[str], Searcher] = {}
    for question in sorted(_questions(), key=lambda question: question.attack != "none"):
        if not question.concerns(mutant.changed) or (fewer_runs and question.attack == "none"):
            continue
        if question.mechanisms not in searchers:
            searchers[question.mechanisms] = Searcher(question.mechanisms, SMALLEST, mutant.rules)
        trace = searchers[question.mechanisms].attack(question.attackers, question.goal)
        if ("none" if trace is None else name_of(trace, question.goal)) != question.attack:
            _questions().remove(question)
            _questions().insert(0, question)
            return question.title
    return None


def _names(rules: tuple[Rule, ...]) -> set[str]:
    return {rule.name for rule in rules}
