"""The ids in `@enforces` marks are those of the requirements, and each is enforced in one place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from trustweft.coverage import find_enforcements
from trustweft.profile import load_requirements, specification_ids

if TYPE_CHECKING:
    from trustweft.runtime.enforces import Enforcement


@pytest.fixture(scope="module")
def marks() -> tuple[Enforcement, ...]:
    """Every mark in the product, as the table of coverage finds them."""
    return find_enforcements()


def test_every_enforced_id_is_a_requirement(marks: tuple[Enforcement, ...]) -> None:
    """A mark with a slip of the pen would claim what nobody wrote."""
    known = {requirement.id for each in specification_ids() for requirement in load_requirements(each)}
    assert [mark for mark in marks if mark.requirement not in known] == []
    assert len(marks) > 40


def test_every_id_is_enforced_in_one_place(marks: tuple[Enforcement, ...]) -> None:
    """Whoever looks for a rule finds one function."""
    counts = Counter(mark.requirement for mark in marks)
    assert {requirement: count for requirement, count in counts.items() if count > 1} == {}
