"""The ids in `@enforces` marks are those of the requirements, and each is enforced in one place."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter

import pytest

import trustweft
from trustweft.profile import load_requirements
from trustweft.runtime.enforces import Enforcement, enforcements


@pytest.fixture(scope="module")
def marks() -> tuple[Enforcement, ...]:
    """Every mark in the product: each module is imported, so that none hides; two are programs."""
    for module in pkgutil.walk_packages(trustweft.__path__, prefix="trustweft."):
        if not module.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(module.name)
    return tuple(mark for mark in enforcements() if mark.module.startswith("trustweft."))


def test_every_enforced_id_is_a_requirement(marks: tuple[Enforcement, ...]) -> None:
    """A mark with a slip of the pen would claim what nobody wrote."""
    known = {requirement.id for requirement in load_requirements("FAPI2-SP")}
    assert [mark for mark in marks if mark.requirement not in known] == []
    assert len(marks) > 40


def test_every_id_is_enforced_in_one_place(marks: tuple[Enforcement, ...]) -> None:
    """Whoever looks for a rule finds one function."""
    counts = Counter(mark.requirement for mark in marks)
    assert {requirement: count for requirement, count in counts.items() if count > 1} == {}
