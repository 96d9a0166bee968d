"""Attackers and goals that a profile is held to only where somebody asks for them, or where it promises them."""

from __future__ import annotations

import pytest

from trustweft.profile import load_profile
from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.matrix import DEFAULT_ATTACKERS
from trustweft.threats.model.goals import CONFIDENTIALITY, GOALS, NON_REPUDIATION, goals_for
from trustweft.threats.names import name_of
from trustweft.threats.setting import DEFAULT, SMALLEST, Setting
from trustweft.threats.solve import Searcher, search

FURTHER = ("preparer", "initiator", "reader")
FAPI2 = frozenset(load_profile("fapi2-security").mechanisms.on)


def test_they_take_part_only_where_they_are_named() -> None:
    assert not set(FURTHER) & set(DEFAULT_ATTACKERS)


@pytest.mark.parametrize("goal", GOALS)
def test_fapi_with_nonces_everywhere_holds_against_all_three(goal: str) -> None:
    mechanisms = with_mechanisms(FAPI2, ["rs_nonce"])
    attackers = frozenset(("a1", "a1a", "a2", *FURTHER))
    assert search(Setting(mechanisms, attackers, DEFAULT), goal) is None


def test_a_proof_made_in_advance_is_fresh_to_who_only_remembers_proofs() -> None:
    """The memory of seen proofs closes their replay, and not this."""
    mechanisms = with_mechanisms(FAPI2, ["rs_replay"])
    without = search(Setting(mechanisms, frozenset({"a1", "a5"}), SMALLEST), "authorization")
    trace = search(Setting(mechanisms, frozenset({"a1", "a5", "preparer"}), SMALLEST), "authorization")
    assert without is None
    assert trace is not None
    assert name_of(trace, "authorization") == "prepared-proof"


def test_a_rotated_refresh_token_still_refreshes() -> None:
    mechanisms = with_mechanisms(FAPI2, ["rotation"])
    assert Searcher(mechanisms, SMALLEST).honest(["a1"], "honest(refresh)") is not None


def test_a_profile_is_held_to_what_it_promises() -> None:
    assert goals_for(FAPI2, ()) == GOALS
    assert goals_for(FAPI2 | {"encrypted_at"}, ()) == (*GOALS, CONFIDENTIALITY)
    assert goals_for(FAPI2 | {"jarm", "encrypted_at"}, ()) == (*GOALS, NON_REPUDIATION, CONFIDENTIALITY)


def test_a_request_that_serves_once_closes_what_is_read_later_and_not_what_is_read_first() -> None:
    base = frozenset(corpus().bases["fapi2"]) - {"no_referrer"}
    goal = "session-integrity-authentication"
    read_later, read_first = frozenset({"a1"}), frozenset({"a1", "a3a"})
    assert search(Setting(base, read_later, SMALLEST), goal) is not None
    assert search(Setting(base | {"once_ru"}, read_later, SMALLEST), goal) is None
    assert search(Setting(base | {"once_ru"}, read_first, SMALLEST), goal) is not None
