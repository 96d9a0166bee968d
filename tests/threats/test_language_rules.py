"""The model keeps to its language: what it may deny, what a rule may leave open, and whose abilities are whose."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from trustweft.threats.model import MODEL
from trustweft.threats.setting import ATTACKERS

if TYPE_CHECKING:
    from trustweft.threats.language import Condition, Rule

# Facts of the setting: nothing that happens in a run adds to these or takes from them.
STATIC = {"on", "attacker"}


def _variables(conditions: tuple[Condition, ...]) -> set[str]:
    return {name for each in conditions if each.kind == "holds" for name in each.left.variables()}


@pytest.mark.parametrize("rule", MODEL, ids=lambda rule: rule.name)
def test_only_the_setting_is_denied(rule: Rule) -> None:
    """An event or knowledge under ``not`` would make the order of a run matter, and there is none."""
    denied = {each.left.name for each in rule.conditions if each.kind == "absent"}
    assert denied <= STATIC


def test_what_is_denied_is_no_rule_s_head() -> None:
    assert not STATIC & {head.name for rule in MODEL for head in rule.heads}


@pytest.mark.parametrize("rule", MODEL, ids=lambda rule: rule.name)
def test_a_rule_is_whole_without_its_checks(rule: Rule) -> None:
    """A check verifies values and produces none: otherwise the model without it could not be searched."""
    if rule.kind == "limit":
        return
    needed = {name for term in rule.heads for name in term.variables()}
    needed |= {name for each in rule.conditions if each.kind != "holds" for name in each.left.variables()}
    assert needed <= _variables(rule.body)


def test_each_rule_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(rule.name for rule in MODEL).items() if count > 1] == []


def test_each_attacker_can_do_something_of_its_own() -> None:
    assert {rule.attacker for rule in MODEL} - {None} == set(ATTACKERS)
