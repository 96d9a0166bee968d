"""With any one flaw the auditor says so, by the check whose matter it is; without one it says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mutants.breeding import breeding
from mutants.page import MOST_UNSEEN, noticed
from mutants.table import Mutant, all_mutants
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Verdict
from trustweft.resource.checks import PIPELINE
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mutants.breeding import Breeder

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
FEWEST_CHECKS = 150  # that at least one mutant trips
FEWEST_HAND_MADE = 60
SEEN = [each for each in all_mutants() if each.seen]


@pytest.fixture(scope="module")
def breeder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breeder]:
    """One ecosystem for all of them."""
    with breeding(tmp_path_factory.mktemp("mutants")) as running:
        yield running


@pytest.mark.parametrize("mutant", SEEN, ids=[each.id for each in SEEN])
def test_each_flaw_is_found_by_its_check(mutant: Mutant, breeder: Breeder) -> None:
    breeder.become(mutant.order())
    results = breeder.audit([CHECKS[each] for each in mutant.trips])
    silent = {each.id: f"{each.verdict}: {each.reason}" for each in results.values() if not noticed(each)}
    assert silent == {}


def test_the_whole_ecosystem_raises_no_alarm(breeder: Breeder) -> None:
    breeder.become({})
    found = {
        name: f"{each.verdict}: {each.reason}"
        for name, each in breeder.audit(all_checks()).items()
        if each.verdict in FOUND
    }
    assert found == {}


def test_every_check_of_a_pipeline_has_a_mutant_without_it() -> None:
    checks = {(name, each.__name__) for name, pipeline in PIPELINES.items() for each in pipeline}
    checks |= {("guard", each.__name__) for each in PIPELINE}
    covered = {pair for mutant in all_mutants() for pair in mutant.without if len(mutant.without) == 1}
    assert checks - covered == set()
    assert covered - checks == set()


def test_every_check_of_the_auditor_is_tripped_by_a_mutant_or_is_told_apart() -> None:
    tripped = {check for mutant in all_mutants() for check in mutant.trips}
    assert tripped - set(CHECKS) == set()
    assert len(tripped) >= FEWEST_CHECKS
    assert len({mutant.id for mutant in all_mutants()}) == len(all_mutants())


def test_each_mutant_is_found_or_is_out_of_sight_or_is_no_flaw() -> None:
    said = {each.id: (bool(each.trips), bool(each.misses), bool(each.equivalent)) for each in all_mutants()}
    assert [name for name, three in said.items() if sum(three) != 1] == []


def test_few_mutants_are_out_of_sight_and_many_are_made_by_hand() -> None:
    flawed = [each for each in all_mutants() if each.equivalent is None]
    unseen = [each.id for each in flawed if each.misses is not None]
    assert len(unseen) <= MOST_UNSEEN * len(flawed), unseen
    assert sum(each.hand_made for each in all_mutants()) >= FEWEST_HAND_MADE
