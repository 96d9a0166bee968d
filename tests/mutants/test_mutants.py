"""With any one flaw the auditor says so, by the check whose matter it is; without one it says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import trustweft
from bad_input.test_check_mutants import CHECKS as CHECK_CASES
from bad_input.test_check_mutants import ELSEWHERE
from bad_input.test_registration_mutants import CHECKS as REGISTRATION_CASES
from flows.test_tour_mutants import CHECKS as TOURED_CASES
from flows.test_tour_mutants import UNSEEN
from mutants.breeding import CannotBreedError, breeding
from mutants.crew import meet_all
from mutants.page import MOST_UNSEEN, noticed
from mutants.table import Mutant, all_mutants
from trustweft.audit.registry import all_checks
from trustweft.audit.verdict import Verdict
from trustweft.resource.checks import PIPELINE, check_participation
from trustweft.server.pipelines import PIPELINES
from unit.server.test_federation import AFTERWARDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mutants.breeding import Breeder

    Silence = dict[str, str]

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
FEWEST_CHECKS = 150  # that at least one mutant trips
FEWEST_HAND_MADE = 60
SOURCE = Path(trustweft.__file__).parent
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
    return meet_all(tmp_path_factory.mktemp("mutants"), chosen.values(), _silence_of)


def _silence_of(running: Breeder, mutant: Mutant) -> Silence:
    try:
        running.become(mutant.order())
    except CannotBreedError as cause:
        return {"bred": f"it cannot be made: {cause}"}
    results = running.audit([CHECKS[each] for each in mutant.trips])
    return {each.id: f"{each.verdict}: {each.reason}" for each in results.values() if not noticed(each)}


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


def test_where_no_token_is_taken_nothing_is_said_of_what_lies_behind(breeder: Breeder) -> None:
    """A refusal of everything shows neither a bound of bodies, nor how scopes and proofs are compared."""
    (without_jti,) = (each for each in all_mutants() if each.id == "token-without-jti")
    behind = ("API4-01-body", "DP-05-normal-forms", "RS-08-error")
    for order, verdict in (
        ({}, Verdict.PASS),
        (without_jti.order(), Verdict.INCONCLUSIVE),
    ):
        breeder.become(order)
        results = breeder.audit([CHECKS[each] for each in behind])
        assert {name: each.verdict for name, each in results.items()} == dict.fromkeys(behind, verdict)


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


def test_what_a_mutant_changes_stands_in_the_source() -> None:
    gone = [
        (each.id, change.file)
        for each in all_mutants()
        for change in each.change
        if not (SOURCE / change.file).is_file()
        or change.old not in (SOURCE / change.file).read_text(encoding="utf-8")
    ]
    assert gone == []


def test_each_mutant_is_found_or_is_out_of_sight_or_is_no_flaw_or_is_met_elsewhere() -> None:
    said = {
        each.id: (bool(each.trips), bool(each.misses), bool(each.equivalent), bool(each.elsewhere))
        for each in all_mutants()
    }
    assert [name for name, four in said.items() if sum(four) != 1] == []


def test_what_is_met_elsewhere_is_taken_out_by_the_test_that_is_named() -> None:
    cases = {
        "bad_input/test_registration_mutants.py": set(REGISTRATION_CASES),
        "bad_input/test_check_mutants.py": {*CHECK_CASES, *(UNSEEN - ELSEWHERE)},
        "unit/server/test_federation.py": {
            (endpoint, "register_federated_client")
            for endpoint in ("pushed_authorization_request", *AFTERWARDS)
        },
        "unit/resource/test_participation.py": {("guard", check_participation.__name__)},
    }
    unmet = [
        each.id
        for each in all_mutants()
        if each.elsewhere is not None and set(each.without) - cases[each.elsewhere]
    ]
    assert unmet == []


def test_what_the_tour_can_see_is_not_only_met_elsewhere() -> None:
    toured = set(TOURED_CASES) - UNSEEN
    assert [each.id for each in all_mutants() if each.elsewhere and set(each.without) & toured] == []


def test_few_mutants_are_out_of_sight_and_many_are_made_by_hand() -> None:
    flawed = [each for each in all_mutants() if each.equivalent is None and each.elsewhere is None]
    unseen = [each.id for each in flawed if each.misses is not None]
    assert len(unseen) <= MOST_UNSEEN * len(flawed), unseen
    assert sum(each.hand_made for each in all_mutants()) >= FEWEST_HAND_MADE
