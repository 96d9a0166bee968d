"""The one function that says whether a right is there: each input can take it away, and is named then."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from support.town import CERTIFICATE, KEY, QUESTION, YEAR, Town, make_town
from trustweft.directory.rights import Decision, Question, check_right, decide_right
from trustweft.runtime.errors import Reject

# How each input becomes false, and nothing else with it.
SPOILED = {
    "organisation": ("organisation:moneyview", "suspend"),
    "role": ("role:moneyview~reader", "revoke"),
    "brand": ("organisation:harbour-bank", "suspend"),
    "software": ("software:moneyview", "lock"),
    "certification": ("certification:moneyview", "revoke"),
    "authorisation": ("api:moneyview~accounts", "withdraw"),
    "api": ("api:accounts", "suspend"),
    "certificate": (f"certificate:{CERTIFICATE}", "revoke"),
}


def refused_for(town: Town, question: Question = QUESTION, *, at: float | None = None) -> tuple[str, ...]:
    when = town.now if at is None else at
    return decide_right(town.register.now, question, at=when).refused_for


def test_whoever_is_active_in_every_way_has_the_right() -> None:
    """Every input is listed with its value and since when it has it."""
    town = make_town()
    decision = check_right(town.register.now, QUESTION, at=town.now)
    assert decision.allowed
    assert [each.name for each in decision.inputs] == [
        "organisation",
        "role",
        "brand",
        "software",
        "key",
        "certification",
        "authorisation",
        "api",
        "certificate",
    ]
    assert all(each.value and each.as_of <= town.now for each in decision.inputs)


@pytest.mark.parametrize("name", SPOILED)
def test_one_input_that_is_false_refuses_and_is_named(name: str) -> None:
    """Nothing else is blamed for it."""
    town = make_town()
    town.move(*SPOILED[name])
    assert refused_for(town) == (name,)
    with pytest.raises(Reject, match=name) as refused:
        check_right(town.register.now, QUESTION, at=town.now)
    assert refused.value.reason.id == "right.refused"


@pytest.mark.parametrize("names", list(itertools.combinations(sorted(SPOILED), 2)), ids=" and ".join)
def test_two_inputs_that_are_false_are_both_named(names: tuple[str, str]) -> None:
    """None hides another."""
    town = make_town()
    for name in names:
        town.move(*SPOILED[name])
    assert set(refused_for(town)) == set(names)


def test_a_key_takes_its_certificate_along() -> None:
    """A certificate over a compromised key proves nothing."""
    town = make_town()
    town.move(f"key:{KEY}", "compromise")
    assert refused_for(town) == ("key", "certificate")


def test_dates_count_before_anybody_notes_that_they_passed() -> None:
    """A certification and keys that ran out are refused although no event says so."""
    town = make_town()
    assert refused_for(town, at=town.now + YEAR) == ("certification",)
    assert refused_for(town, at=town.now + 2 * YEAR) == ("key", "certification", "certificate")


@pytest.mark.parametrize("member", ["software", "role", "brand", "key", "api", "resource", "certificate"])
def test_what_the_directory_does_not_know_is_refused(member: str) -> None:
    """Unknown is never allowed, whichever it is."""
    town = make_town()
    value = "X" * 43 if member != "role" else "moneyview~unknown"
    assert refused_for(town, msgspec.structs.replace(QUESTION, **{member: value}))


def test_a_key_of_somebody_else_is_refused() -> None:
    """A key that is active for another software does not serve this one."""
    town = make_town()
    facts = town.register.now.find("software:moneyview").facts
    town.enter("software:other", facts)
    other = msgspec.structs.replace(QUESTION, software="other")
    assert {"key", "certificate", "software", "certification"} <= set(refused_for(town, other))


def test_a_role_of_another_organisation_is_refused() -> None:
    """Roles are not lent."""
    town = make_town()
    town.enter(
        "role:harbour-bank~reader",
        msgspec.structs.replace(
            town.register.now.find("role:moneyview~reader").facts, organisation="harbour-bank"
        ),
        "grant",
    )
    assert refused_for(town, msgspec.structs.replace(QUESTION, role="harbour-bank~reader")) == ("role",)


def test_a_role_that_does_not_permit_the_api_is_refused() -> None:
    """The role is named, and why."""
    town = make_town()
    decision = decide_right(
        town.register.now, msgspec.structs.replace(QUESTION, role="moneyview~payer"), at=town.now
    )
    assert decision.refused_for == ("role",)
    assert "does not permit accounts" in decision.inputs[1].value


def test_where_the_profile_asks_for_no_certification_none_is_missed() -> None:
    """The input says so."""
    town = make_town()
    town.move("certification:moneyview", "revoke")
    assert refused_for(town, msgspec.structs.replace(QUESTION, certified=False)) == ()


def test_what_is_not_asked_for_is_no_input() -> None:
    """Whoever registers asks for no API yet, and shows no certificate."""
    town = make_town()
    shorter = msgspec.structs.replace(QUESTION, api=None, resource=None, certificate=None)
    assert [each.name for each in decide_right(town.register.now, shorter, at=town.now).inputs] == [
        "organisation",
        "role",
        "brand",
        "software",
        "key",
        "certification",
    ]


def test_a_decision_is_made_again_with_the_same_answer() -> None:
    """From the record of the decision and the history, whatever happened since."""
    town = make_town()
    before = decide_right(town.register.now, QUESTION, at=town.now)
    town.move("organisation:moneyview", "revoke")
    after = decide_right(town.register.now, QUESTION, at=town.now)
    assert (before.allowed, after.allowed) == (True, False)
    recorded = msgspec.json.decode(msgspec.json.encode([before, after]), type=list[Decision])
    assert [town.register.again(each) for each in recorded] == [before, after]
