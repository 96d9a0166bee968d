"""Behind the one accepted risk that nothing closes there is no other: without its step, the attackers achieve nothing."""

from __future__ import annotations

import pytest

from trustweft.profile import load_profile
from trustweft.threats.language import forbid
from trustweft.threats.model import MODEL
from trustweft.threats.setting import DEFAULT, SMALLEST, Bound
from trustweft.threats.solve import Searcher

# The step of FAPI2-SP section 6.4: the attacker logs in with a request that the victim's client has begun.
LOGIN_WITH_ANOTHERS_REQUEST = forbid(
    "test.no-login-with-anothers-request",
    "scenario",
    "visits(I,_,_,_,_,_,planted(S))",
    "session(S,alice)",
    "visit(I,eve)",
)
GOALS = ("session-integrity-authentication", "session-integrity-authorization")
ATTACKERS = ("a1", "a1a", "a2", "a3a", "a5")


@pytest.mark.parametrize("bound", [SMALLEST, DEFAULT], ids=str)
@pytest.mark.parametrize(
    "name", ["fapi2-security", "fapi2-message-signing", "au-connectid", "br-open-finance", "au-cdr"]
)
def test_every_attack_on_session_integrity_takes_that_step(name: str, bound: Bound) -> None:
    mechanisms = frozenset(load_profile(name).mechanisms.on)
    whole = Searcher(mechanisms, bound)
    without_the_step = Searcher(mechanisms, bound, (*MODEL, LOGIN_WITH_ANOTHERS_REQUEST))
    assert without_the_step.honest(ATTACKERS, "honest(whole)") is not None
    for goal in GOALS:
        assert whole.attack(ATTACKERS, goal) is not None
        assert without_the_step.attack(ATTACKERS, goal) is None
