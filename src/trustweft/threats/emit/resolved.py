"""One setting, decided: rules whose mechanisms are off or whose attackers are absent are gone, the rest says no more of it.

What other provers get is therefore the model of one setting, without a word about mechanisms; and without rules that wait
for what nothing brings about there, since some take those for mistakes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.threats.language import Condition, Rule, Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trustweft.threats.setting import Setting

__all__ = ["name_anonymous", "possible", "resolved"]


def resolved(rules: Iterable[Rule], setting: Setting) -> Iterator[Rule]:
    """Yield the rules that are left in ``setting``, and its scenario as facts."""
    for rule in (*rules, *setting.bound.rules()):
        conditions = [(each, _decided(each, setting)) for each in rule.conditions]
        if all(decision is not False for _, decision in conditions):
            left = tuple(each for each, decision in conditions if decision is None)
            yield replace(rule, body=left, checks=(), attacker=None)


def possible(model: Iterable[Rule]) -> Iterator[Rule]:
    """Yield the rules of a whole model of which every condition can come about by its name, and of limits such events."""
    rules = tuple(model)
    acting = [rule for rule in rules if rule.kind not in {"limit", "forbid"}]
    known: set[str] = set()
    while more := {rule.heads[0].name for rule in acting if _waits_for(rule) <= known} - known:
        known |= more
    for rule in rules:
        heads = tuple(head for head in rule.heads if head.name in known)
        if _waits_for(rule) <= known and (heads or rule.kind == "forbid"):
            yield replace(rule, heads=heads)


def _waits_for(rule: Rule) -> set[str]:
    return {condition.left.name for condition in rule.conditions if condition.kind == "holds"}


def _decided(condition: Condition, setting: Setting) -> bool | None:
    """Return whether the setting alone decides a condition, and how."""
    if condition.kind not in {"holds", "absent"} or condition.left.name not in {"on", "attacker"}:
        return None
    values = "=".join(argument.name for argument in condition.left.arguments)
    there = values in (setting.mechanisms if condition.left.name == "on" else setting.attackers)
    return there == (condition.kind == "holds")


def name_anonymous(rule: Rule) -> Rule:
    """Return the rule with a name of its own for each ``_``."""
    count = 0

    def named(term: Term) -> Term:
        nonlocal count
        if term.name == "_":
            count += 1
            return Term(f"Any{count}")
        return replace(term, arguments=tuple(map(named, term.arguments)))

    def conditioned(condition: Condition) -> Condition:
        right = None if condition.right is None else named(condition.right)
        return replace(condition, left=named(condition.left), right=right)

    return replace(rule, heads=tuple(map(named, rule.heads)), body=tuple(map(conditioned, rule.body)))
