"""With any one flaw the auditor says so, by the check whose matter it is; without one it says nothing."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest

from mutants.breeding import CannotBreedError, breeding
from mutants.page import MOST_UNSEEN, noticed
from mutants.staging import concerns_clients
from mutants.table import Mutant, all_mutants
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Verdict
from trustweft.resource.checks import PIPELINE
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mutants.breeding import Breeder

    Silence = dict[str, str]

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
FEWEST_CHECKS = 150  # that at least one mutant trips
FEWEST_HAND_MADE = 60
SEEN = [each for each in all_mutants() if each.seen]


@pytest.fixture(scope="module")
def breeder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breeder]:
    """An ecosystem that is whole."""
    with breeding(tmp_path_factory.mktemp("whole")) as running:
        yield running


@pytest.fixture(scope="module")
def silences(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Silence]:
    """What checks did not notice of each mutant that is asked for: two ecosystems share the work, one for each core."""
    calls = (getattr(item, "callspec", None) for item in request.session.items)
    asked = (call.params.get("mutant") for call in calls if call is not None)
    chosen = {each.id: each for each in asked if isinstance(each, Mutant)}
    of_clients = deque(each for each in chosen.values() if _is_of_a_client(each))
    others = deque(each for each in chosen.values() if not _is_of_a_client(each))
    folders = [tmp_path_factory.mktemp("mutants") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        # The stage on which clients are attacked is one's alone.
        first = pool.submit(_breed_all, folders[0], (of_clients, others))
        second = pool.submit(_breed_all, folders[1], (others,))
        return {**first.result(), **second.result()}


def _breed_all(folder: Path, queues: tuple[deque[Mutant], ...]) -> dict[str, Silence]:
    found: dict[str, Silence] = {}
    with breeding(folder) as running:
        for queue in queues:
            with contextlib.suppress(IndexError):
                while True:
                    mutant = queue.popleft()
                    found[mutant.id] = _silence_of(mutant, running)
    return found


def _silence_of(mutant: Mutant, running: Breeder) -> Silence:
    try:
        running.become(mutant.order())
    except CannotBreedError as cause:
        return {"bred": f"it cannot be made: {cause}"}
    results = running.audit([CHECKS[each] for each in mutant.trips])
    return {each.id: f"{each.verdict}: {each.reason}" for each in results.values() if not noticed(each)}


def _is_of_a_client(mutant: Mutant) -> bool:
    return concerns_clients([msgspec.structs.asdict(each) for each in mutant.change])


@pytest.mark.parametrize("mutant", SEEN, ids=[each.id for each in SEEN])
def test_each_flaw_is_found_by_its_check(mutant: Mutant, silences: Mapping[str, Silence]) -> None:
    assert silences[mutant.id] == {}


def test_the_whole_ecosystem_raises_no_alarm(breeder: Breeder) -> None:
    breeder.become({})
    # Advice that the whole one does not follow either would tell no mutant apart.
    named = {check for mutant in all_mutants() for check in mutant.trips}
    found = {
        name: f"{each.verdict}: {each.reason}"
        for name, each in breeder.audit(all_checks()).items()
        if each.verdict in FOUND or (each.advice and name in named)
    }
    assert found == {}


def test_every_check_of_a_pipeline_has_a_mutant_without_it() -> None:
    checks = {(name, each.__name__) for name, pipeline in PIPELINES.items() for each in pipeline}
    checks |= {("guard", each.__name__) for each in PIPELINE}
    covered = {pair for mutant in all_mutants() for pair in mutant.without if len(mutant.without) == 1}
    assert checks - covered == set()
    assert covered - checks == set()


def test_at_least_150_checks_are_tripped_by_mutants_that_all_have_names_of_their_own() -> None:
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
