"""With any one flaw the auditor says so, by the check whose matter it is; without one it says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mutants.breeding import breeding
from mutants.table import Mutant, all_mutants
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutants.breeding import Breeder

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
SEEN = [each for each in all_mutants() if each.misses is None]


@pytest.fixture(scope="module")
def breeder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breeder]:
    """One ecosystem for all of them."""
    with breeding(tmp_path_factory.mktemp("mutants")) as running:
        yield running


@pytest.mark.parametrize("mutant", SEEN, ids=[each.id for each in SEEN])
def test_each_flaw_is_found_by_its_check(mutant: Mutant, breeder: Breeder) -> None:
    breeder.become(mutant.order())
    results = breeder.audit([CHECKS[each] for each in mutant.trips])
    silent = {
        each.id: f"{each.verdict}: {each.reason}" for each in results.values() if each.verdict not in FOUND
    }
    assert silent == {}
