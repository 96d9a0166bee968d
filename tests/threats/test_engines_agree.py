"""Three engines read the same rules and say the same: clingo, z3, and a plain search through states."""

from __future__ import annotations

import pytest

from threats.explicit_state import attack_by_states
from threats.satisfiability import attack_by_z3
from threats.settings_at_random import Question, questions
from trustweft.threats.emit.clingo import program
from trustweft.threats.ground import GroundProgram, ground
from trustweft.threats.model import MODEL
from trustweft.threats.solve import search

ALL = tuple(questions(200, seed=20260101))


def _ground(question: Question) -> GroundProgram:
    text = program((*MODEL, *question.setting.rules()))
    return ground(text, [f"broken({question.goal.replace('-', '_')})"])


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_clingo_z3_and_the_search_through_states_agree(start: int) -> None:
    for question in ALL[start : start + 20]:
        expected = search(question.setting, question.goal) is not None
        rules = _ground(question)
        assert attack_by_z3(rules) == expected, question
        assert attack_by_states(rules) == expected, question


def test_the_settings_are_not_all_of_one_kind() -> None:
    """Neither verdict is rare among them, so that agreement means something."""
    attacks = sum(search(question.setting, question.goal) is not None for question in ALL)
    assert 40 <= attacks <= 160
