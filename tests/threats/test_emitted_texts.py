"""What other provers get: whole, balanced, of one setting alone, and the same every time."""

from __future__ import annotations

import re

import pytest

from trustweft.threats.corpus import corpus
from trustweft.threats.emit.proverif import proverif
from trustweft.threats.emit.resolved import resolved
from trustweft.threats.emit.tamarin import tamarin
from trustweft.threats.language import fact, forbid, limit, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import SMALLEST, Setting

GOAL = "session-integrity-authentication"
SETTING = Setting(frozenset(corpus().bases["fapi2"]), frozenset({"a1", "a3a"}), SMALLEST)
BARE = (
    fact("scene.door", "door(front)"),
    step(
        "thief.enters",
        "attacker",
        "enters(D,W)",
        "door(D)",
        "way(W)",
        "D != W",
        "not on(lock)",
        attacker="a1",
    ),
    step("owner.enters", "user", "enters(D,key)", "door(D)", "on(lock)"),
    limit("door.once", "scenario", ("enters(D,_)",), "door(D)"),
    forbid("door.closed", "resource-server", "enters(back,_)"),
)


@pytest.mark.parametrize("emit", [proverif, tamarin])
def test_brackets_and_quotes_are_balanced(emit: object) -> None:
    text = emit(MODEL, SETTING, goal=GOAL)  # type: ignore[operator]  # both take the same
    for opening, closing in ("()", "[]"):
        assert text.count(opening) == text.count(closing)
    assert text.count('"') % 2 == 0
    assert text == emit(MODEL, SETTING, goal=GOAL)  # type: ignore[operator]


def test_nothing_is_said_of_mechanisms_and_attackers_that_the_setting_has_decided() -> None:
    for rule in resolved(MODEL, SETTING):
        assert all(each.left.name not in {"on", "attacker"} for each in rule.conditions)
        assert all(each.kind != "absent" for each in rule.conditions)


def test_every_rule_that_is_left_is_there_by_name() -> None:
    theory, clauses = tamarin(MODEL, SETTING, goal=GOAL), proverif(MODEL, SETTING, goal=GOAL)
    for rule in resolved(MODEL, SETTING):
        assert re.sub(r"[^A-Za-z0-9]", "_", rule.name) in theory
        assert rule.name in clauses


def test_what_is_off_is_gone_and_what_happens_once_is_a_restriction() -> None:
    theory = tamarin(BARE, Setting(frozenset({"lock"}), frozenset({"a1"}), SMALLEST), goal=GOAL)
    assert "thief_enters" not in theory
    assert "rule owner_enters: [ !Door(d) ] --[ Enters(d, 'key') ]-> [ !Enters(d, 'key') ]" in theory
    assert (
        'restriction door_once_0: "All any1 any12 d #i #j. Enters(d, any1) @ #i & Enters(d, any12) @ #j ==> #i = #j"'
        in theory
    )
    assert "restriction door_closed: \"not (Ex any1 #i0. Enters('back', any1) @ #i0)\"" in theory


def test_clauses_say_what_they_leave_out() -> None:
    clauses = proverif(BARE, Setting(frozenset(), frozenset({"a1"}), SMALLEST), goal=GOAL)
    assert "(* thief.enters *) door:vD & way:vW & vD <> vW -> enters:vD,vW" in clauses
    assert "left out, because clauses cannot say it: door.once, door.closed" in clauses
