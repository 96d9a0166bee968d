"""Settings drawn from a seed: mechanisms, attackers, and a goal."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from trustweft.profile.mechanisms import KINDS, load_mechanisms
from trustweft.threats.model.goals import GOALS
from trustweft.threats.setting import ATTACKERS, SMALLEST, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Question", "questions"]


class Question(NamedTuple):
    """What is asked of several engines."""

    setting: Setting
    goal: str


def questions(count: int, *, seed: int) -> Iterator[Question]:
    """Yield ``count`` settings of the smallest bound, the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311  # a test that can be repeated, not a secret
    plain = sorted(
        name for name, row in load_mechanisms().items() if "=" not in name and row.not_modelled is None
    )
    for _ in range(count):
        likely = dice.uniform(0.3, 0.9)
        on = {name for name in plain if dice.random() < likely}
        on |= {f"{kind}={dice.choice(values)}" for kind, values in KINDS.items()}
        attackers = {"a1", *(name for name in ATTACKERS if dice.random() < 0.4)}
        yield Question(Setting(frozenset(on), frozenset(attackers), SMALLEST), dice.choice(GOALS))
