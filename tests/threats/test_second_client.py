"""With a second honest client in the scenario FAPI 2.0 has the same risks as with one, and honest people can use both."""

from __future__ import annotations

import pytest

from trustweft.profile import load_profile
from trustweft.threats.names import name_of
from trustweft.threats.narrate import narrate
from trustweft.threats.setting import DEFAULT, SMALLEST, Setting
from trustweft.threats.solve import Searcher, search

ONE = frozenset(load_profile("fapi2-security").mechanisms.on)
TWO = ONE | {"second_client"}
EVERYBODY = ("a1", "a1a", "a2", "a3a", "a5")


def test_a_user_can_use_the_second_client() -> None:
    assert Searcher(TWO, SMALLEST).honest(EVERYBODY, "honest(second_client)") is not None
    assert Searcher(ONE, SMALLEST).honest(EVERYBODY, "honest(second_client)") is None


@pytest.mark.parametrize("goal", ["authorization", "authentication", "session-integrity-authorization"])
@pytest.mark.parametrize("attackers", [("a1",), ("a1", "a5"), ("a1", "a3a"), ("a1", "a1a", "a5")])
def test_the_same_is_found_with_two_clients_as_with_one(goal: str, attackers: tuple[str, ...]) -> None:
    named = []
    for mechanisms in (ONE, TWO):
        trace = search(Setting(mechanisms, frozenset(attackers), DEFAULT), goal)
        named.append(None if trace is None else name_of(trace, goal))
    assert named[0] == named[1]


def test_the_story_says_which_client_a_flow_is_at() -> None:
    trace = Searcher(TWO, SMALLEST).honest(EVERYBODY, "honest(second_client)")
    assert trace is not None
    told = {line.text: line for line in narrate(trace)}
    assert "Alice opens the second client, for flow 1." in told
    assert "Client" not in {end for line in told.values() for end in (line.source, line.target)}
