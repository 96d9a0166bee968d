"""Engines that have nothing in common read the same rules and say the same: clingo, z3, a plain search, and Spin."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest

from threats.explicit_state import attack_by_states
from threats.satisfiability import attack_by_z3
from threats.settings_at_random import Question, questions
from tools import need
from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.emit.clingo import program
from trustweft.threats.emit.promela import promela
from trustweft.threats.ground import GroundProgram, ground
from trustweft.threats.model import MODEL
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import search

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 200
ALL = tuple(questions(COUNT, seed=20260101))
NUMBERS = [str(number) for number in range(COUNT)]
CORPUS = corpus()


def _ground(setting: Setting, goal: str) -> GroundProgram:
    return ground(program((*MODEL, *setting.rules())), [f"broken({goal.replace('-', '_')})"])


@cache
def _clingo_finds(question: Question) -> bool:
    return search(question.setting, question.goal) is not None


@cache
def _question_ground(question: Question) -> GroundProgram:
    return _ground(question.setting, question.goal)


@pytest.mark.parametrize("question", ALL, ids=NUMBERS)
def test_z3_agrees_with_clingo(question: Question) -> None:
    assert attack_by_z3(_question_ground(question)) == _clingo_finds(question)


@pytest.mark.parametrize("question", ALL, ids=NUMBERS)
def test_a_search_through_the_states_agrees_with_clingo(question: Question) -> None:
    """To the end, for every question: it knows no limit of states or time."""
    assert attack_by_states(_question_ground(question)) == _clingo_finds(question)


def test_the_settings_are_not_all_of_one_kind() -> None:
    """Neither verdict is rare among them, so that agreement means something."""
    attacks = sum(map(_clingo_finds, ALL))
    assert 0.2 * COUNT <= attacks <= 0.8 * COUNT


def _spin_finds(folder: Path, setting: Setting, goal: str) -> bool:
    (folder / "model.pml").write_text(promela(_ground(setting, goal), title=goal), encoding="utf-8")
    subprocess.run(["spin", "-a", "-o3", "model.pml"], cwd=folder, check=True, capture_output=True)
    compiler = ["gcc", "-O1", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"]
    subprocess.run(compiler, cwd=folder, check=True, capture_output=True)
    run = subprocess.run(["./pan", "-E", "-m100000"], cwd=folder, check=True, capture_output=True, text=True)
    errors = re.search(r"errors: (\d+)", run.stdout)
    assert errors is not None, run.stdout
    assert "max search depth too small" not in run.stdout
    return errors[1] != "0"


@pytest.mark.parametrize(
    "known", ["csrf", "proof-replay", "redirect-307", "session-fixation", "request-leak"]
)
def test_spin_finds_the_attack_and_finds_it_gone(known: str, tmp_path: Path) -> None:
    need("spin", package="spin")
    need("gcc", package="gcc")
    attack = CORPUS.by_id[known]
    attackers = frozenset(("a1", *attack.attackers))
    assert _spin_finds(tmp_path, Setting(CORPUS.mechanisms(attack), attackers, SMALLEST), attack.goal)
    for closing in attack.closed_by[:1]:
        closed = with_mechanisms(CORPUS.mechanisms(attack), closing)
        assert not _spin_finds(tmp_path, Setting(closed, attackers, SMALLEST), attack.goal)
