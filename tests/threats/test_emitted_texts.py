"""What other provers get: whole, balanced, of one setting alone, and the same every time."""

from __future__ import annotations

import re

import pytest

from threats.emitted_reading import read_proverif, read_tamarin
from threats.settings_at_random import questions
from trustweft.threats.corpus import corpus
from trustweft.threats.emit.languages import LANGUAGES
from trustweft.threats.emit.proverif import proverif
from trustweft.threats.emit.resolved import possible, resolved
from trustweft.threats.emit.tamarin import tamarin
from trustweft.threats.language import derive, fact, forbid, limit, step
from trustweft.threats.model import MODEL
from trustweft.threats.setting import SMALLEST, Setting

GOAL = "session-integrity-authentication"
SETTING = Setting(frozenset(corpus().bases["fapi2"]), frozenset({"a1", "a3a"}), SMALLEST)
BARE = (
    fact("scene.door", "door(front)"),
    fact("scene.way", "way(window)"),
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
    derive("goal.entered", "goal", f"broken({GOAL.replace('-', '_')})", "enters(_,window)"),
    derive("sanity.home", "goal", "honest(whole)", "enters(_,key)"),
)


READERS = {"tamarin": read_tamarin, "proverif": read_proverif}


@pytest.mark.parametrize("language", READERS)
def test_every_text_can_be_read_strictly(language: str) -> None:
    """Balanced, each fact with one arity, each function declared, each variable bound, no reserved name."""
    for question in questions(60, seed=20260102):
        reading = READERS[language](LANGUAGES[language].text(question.setting, question.goal))
        assert reading.problems == [], question
        assert len(reading.rules) > 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_setting_gives_the_same_text(language: str) -> None:
    text = LANGUAGES[language].text(SETTING, GOAL)
    assert text == LANGUAGES[language].text(SETTING, GOAL)
    assert "2 client sessions" in text.splitlines()[language == "tamarin"]


@pytest.mark.parametrize(
    ("language", "old", "new", "problem"),
    [
        ("tamarin", "!IsDoor(d)", "!IsDoor(e)", "unbound"),
        ("tamarin", "!IsDoor('front')", "!IsDoor('front', 'back')", "arities"),
        ("tamarin", "!IsDoor('front')", "!IsDoor('front'", "no line|left over|no fact|open"),
        ("tamarin", "!IsDoor('front')", "!IsDoor(f('front'))", "not declared"),
        ("tamarin", "DidEnters('back'", "DidLeaves('back'", "no rule has the action"),
        ("tamarin", "IsDoor", "K", "reserved"),
        ("tamarin", "DidDoor", "IsDoor", "one name for several things"),
        ("proverif", "door:vD &", "door:vE &", "unbound"),
        ("proverif", "pred door/1.", "pred door/2.", "declared is 2"),
        ("proverif", "door:front[]", "door:front[", "other characters|no term"),
        ("proverif", "door:front[]", "door:f(front[])", "not declared"),
    ],
)
def test_the_reading_refuses_what_the_provers_would(language: str, old: str, new: str, problem: str) -> None:
    setting = Setting(frozenset(), frozenset({"a1"}), SMALLEST)
    emitted = {"tamarin": tamarin, "proverif": proverif}[language](BARE, setting, goal=GOAL)
    assert READERS[language](emitted).problems == []
    assert old in emitted
    assert re.search(problem, "; ".join(READERS[language](emitted.replace(old, new)).problems))


def test_a_clause_that_says_two_terms_are_alike_is_refused() -> None:
    """ProVerif's clauses have no equality between terms."""
    rules = (*BARE, step("owner.leaves", "user", "leaves(D)", "door(D)", "D == front"))
    with pytest.raises(ValueError, match="can only say that they differ"):
        proverif(rules, Setting(frozenset(), frozenset({"a1"}), SMALLEST), goal=GOAL)


def test_nothing_is_said_of_mechanisms_and_attackers_that_the_setting_has_decided() -> None:
    for rule in resolved(MODEL, SETTING):
        assert all(each.left.name not in {"on", "attacker"} for each in rule.conditions)
        assert all(each.kind != "absent" for each in rule.conditions)


def test_every_rule_that_is_left_is_there_by_name() -> None:
    theory, clauses = tamarin(MODEL, SETTING, goal=GOAL), proverif(MODEL, SETTING, goal=GOAL)
    for rule in possible(resolved(MODEL, SETTING)):
        assert re.sub(r"[^A-Za-z0-9]", "_", rule.name) in theory
        assert rule.name in clauses


def test_what_is_off_is_gone_and_what_happens_once_is_a_restriction() -> None:
    theory = tamarin(BARE, Setting(frozenset({"lock"}), frozenset({"a1"}), SMALLEST), goal=GOAL)
    assert "thief_enters" not in theory
    assert "rule owner_enters: [ !IsDoor(d) ] --[ DidEnters(d, 'key') ]-> [ !IsEnters(d, 'key') ]" in theory
    assert (
        'restriction door_once_0: "All any1 any12 d #i #j. DidEnters(d, any1) @ #i & DidEnters(d, any12) @ #j ==> #i = #j"'
        in theory
    )
    assert "restriction door_closed: \"not (Ex any1 #i0. DidEnters('back', any1) @ #i0)\"" in theory


def test_a_rule_that_waits_for_what_cannot_come_about_is_gone() -> None:
    """Nothing else in the text speaks of it, neither a rule nor what happens once."""
    rules = (
        *BARE,
        step("ghost.enters", "attacker", "haunts(D)", "ghost(D)"),
        derive("ghost.seen", "user", "scares(D)", "haunts(D)"),
        limit("ghost.once", "scenario", ("haunts(D)", "enters(D,_)"), "door(D)"),
        forbid("ghost.never", "resource-server", "haunts(_)"),
    )
    setting = Setting(frozenset({"lock"}), frozenset({"a1"}), SMALLEST)
    left = {rule.name: rule for rule in possible(resolved(rules, setting))}
    assert not {"ghost.enters", "ghost.seen", "ghost.never"} & set(left)
    assert [head.name for head in left["ghost.once"].heads] == ["enters"]


def test_clauses_say_what_they_leave_out() -> None:
    clauses = proverif(BARE, Setting(frozenset(), frozenset({"a1"}), SMALLEST), goal=GOAL)
    assert "(* thief.enters *) door:vD & way:vW & vD <> vW -> enters:vD,vW" in clauses
    assert "left out, because clauses cannot say it: door.once, door.closed" in clauses
