"""Asking for kinds of attacks, as `--deep` does, says what looking at one run after the other says."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from unittest import mock

import clingo
import pytest

from threats.settings_at_random import questions
from trustweft.profile import load_profile
from trustweft.profile.governance import Residual
from trustweft.threats import matrix
from trustweft.threats.blocks import has_all_of
from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.matrix import Cell, examine, only_accepted
from trustweft.threats.model.goals import GOALS
from trustweft.threats.names import TABLE, name_of
from trustweft.threats.naming_rules import naming_rules
from trustweft.threats.setting import SMALLEST, Bound, Setting
from trustweft.threats.solve import cut_down, derivations, search

if TYPE_CHECKING:
    from trustweft.profile.governance import Attacker
    from trustweft.threats.traces import Trace

FAPI2 = load_profile("fapi2-security")
EVERYBODY = ("a1", "a1a", "a2", "a3a", "a5")


def _said(cell: Cell) -> tuple[object, ...]:
    found = [each for each in cell.findings if each.residual]
    accepted = {
        (each.name, each.attackers, each.residual)
        for each in found
        if not any(other.name == each.name and other.attackers < each.attackers for other in found)
    }
    if cell.verdict == "attack":  # what else is told beside it depends on which attack is found first
        accepted = set()
    return (
        cell.attackers,
        cell.goal,
        cell.verdict,
        cell.exhausted or cell.verdict == "attack",
        frozenset(accepted),
    )


def _both(
    mechanisms: frozenset[str], residuals: tuple[Residual, ...], bound: Bound, goal: str
) -> list[list[Cell]]:
    return [
        examine(
            mechanisms, attackers=EVERYBODY, goals=(goal,), bound=bound, residuals=residuals, by_kind=by_kind
        )
        for by_kind in (False, True)
    ]


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize(
    "name", ["fapi2-security", "au-cdr", "uk-open-banking", "br-open-finance", "fapi1-advanced"]
)
def test_cells_of_profiles_say_the_same(name: str, goal: str) -> None:
    """Verdicts, what is accepted by which residual, and the fewest attackers who can do it."""
    profile = load_profile(name)
    slow, fast = _both(frozenset(profile.mechanisms.on), tuple(profile.residuals), SMALLEST, goal)
    assert list(map(_said, slow)) == list(map(_said, fast))


@pytest.mark.parametrize("name", ["fapi2-security", "uk-open-banking"])
def test_going_on_by_kinds_after_some_runs_says_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was accepted until then."""
    profile = load_profile(name)
    mechanisms, residuals = frozenset(profile.mechanisms.on), tuple(profile.residuals)
    by_kinds = mock.Mock(side_effect=matrix._Searched._more_kinds)
    monkeypatch.setattr(
        matrix._Searched, "_more_kinds", lambda self, *given, limit: by_kinds(self, *given, limit=limit)
    )
    gone_on = False
    for goal in GOALS:
        alone, _ = _both(mechanisms, residuals, SMALLEST, goal)
        by_kinds.reset_mock()
        for most in (0, 1, 5):
            monkeypatch.setattr(matrix, "_MANY_RUNS", most)
            cells = examine(
                mechanisms, attackers=EVERYBODY, goals=(goal,), bound=SMALLEST, residuals=residuals
            )
            assert list(map(_said, cells)) == list(map(_said, alone)), (goal, most)
        gone_on = gone_on or by_kinds.called
    assert gone_on


@pytest.mark.parametrize(
    "without", ["iss", "par", "pkce", "r303", "ua_binding", "once", "metadata_endpoints"]
)
def test_an_attack_that_nothing_accepts_is_found_either_way(without: str) -> None:
    """What the profile accepts hides nothing of what the missing mechanism lets in."""
    mechanisms = frozenset(FAPI2.mechanisms.on) - {without, "pkce_req"}
    for goal in GOALS:
        slow, fast = _both(mechanisms, tuple(FAPI2.residuals), SMALLEST, goal)
        assert [(each.attackers, each.verdict) for each in slow] == [
            (each.attackers, each.verdict) for each in fast
        ]


@pytest.mark.parametrize("accepted", ["mix-up", "mix-up-chosen-challenge"])
def test_a_kind_that_is_accepted_does_not_hide_one_of_the_same_steps(accepted: str) -> None:
    """Both mix-ups are the same kinds of steps."""
    residual = Residual(
        attackers=("a1a",),
        goal="authentication",
        attack=accepted,
        condition="always",
        section="ours",
        reason="a test",
    )
    mechanisms = with_mechanisms(
        frozenset(FAPI2.mechanisms.on) - {"par", "pkce_req", "iss", "refresh"},
        ["state", "nonce", "exact_ruri", "sc=mtls"],
    )
    slow, fast = _both(mechanisms, (residual,), SMALLEST, "authentication")
    assert [each.verdict for each in slow] == [each.verdict for each in fast]
    assert "attack" in {each.verdict for each in fast}


def test_there_is_a_derivation_exactly_where_there_is_an_attack() -> None:
    """Of the settings drawn at random; both answers occur."""
    answers = set()
    for setting, goal in questions(60, seed=7):
        attacked = search(setting, goal) is not None
        assert (derivations(setting, goal).any() is not None) == attacked, (setting, goal)
        answers.add(attacked)
    assert answers == {True, False}


@pytest.mark.parametrize("name", ["fapi2-security", "fapi2-message-signing", "oauth2-plain"])
def test_a_derivation_that_was_excluded_does_not_come_back(name: str) -> None:
    """Nor one that has all of it and more: else the search for another kind would never end."""
    setting = Setting(frozenset(load_profile(name).mechanisms.on), frozenset({"a1", "a5"}), SMALLEST)
    left = derivations(setting, "authorization")
    seen: list[str] = []
    while len(seen) < 30 and (following := left.any()) is not None:
        bare, _ = cut_down(setting, "authorization", *following)
        seen.append(has_all_of(bare))
        left.exclude(seen[-1])
    assert seen != []
    assert len(set(seen)) == len(seen)


def _named_by_rules(trace: Trace, goal: str) -> str | None:
    facts = [f"{event}." for event in trace.events]
    facts += [f"attacker({each})." for each in trace.attackers]
    facts += [f"on({each})." for each in trace.mechanisms & {"par", "pkce"}]
    facts += [f"{rule.heads[0]}." for rule in Bound(4, 4, 2).rules()]
    facts += ["session_integrity."] if goal.startswith("session-integrity") else []
    control = clingo.Control(["--warn=none"])
    control.add("base", [], "\n".join((*facts, naming_rules(), "#show named/1.")))
    control.ground([("base", [])])
    with control.solve(yield_=True) as models:
        (shown,) = ([each.arguments[0].string for each in model.symbols(shown=True)] for model in models)
    assert len(shown) <= 1
    return shown[0] if shown else None


def test_the_rules_call_every_attack_what_the_table_calls_it() -> None:
    """Each attack of the corpus and of settings drawn at random, and each as if it were on any other goal."""
    known, seen = corpus(), set()
    asked = [
        (Setting(known.mechanisms(each), frozenset({"a1", *each.attackers}), SMALLEST), each.goal)
        for each in known.attack
    ]
    for setting, goal in (*asked, *islice(questions(60, seed=11), 60)):
        trace = search(setting, goal)
        for other in GOALS:
            if trace is None:
                break
            assert _named_by_rules(trace, other) == name_of(trace, other), trace
            seen.add(name_of(trace, other))
    assert {name for name, _ in TABLE} - seen <= NEVER_SHORTEST


# Names that no shortest attack of the corpus has.
NEVER_SHORTEST = frozenset({"code-injection"})


def test_what_hides_behind_accepted_attacks_is_found_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cuckoo by fewer attackers, behind one that is accepted; what was not looked at to the end is not called accepted."""
    everybody = ("a1", "a1a", "a2", "a5")
    always = ("coat", "counterfeit-rs", "mix-up", "open-redirect-uri", "plaintext-redirect", "redirect-307",
              "session-fixation", "token-replay", "offboarded-client", "audience-injection")  # fmt: skip
    residuals = (
        *(_accepted(name, "a1") for name in always),
        _accepted("cuckoo", "a1a", "a5", closed_by=("auth=pkjwt",)),
        _accepted("cuckoo", "a1a", "a2"),
    )
    mechanisms = frozenset(("aud=endpoint", "auth=secret", "code_client", "once", "refresh", "sc=none"))
    monkeypatch.setattr(matrix, "_ACCEPTED_RUNS", 400)
    for by_kind in (None, True, False):
        cells = examine(
            mechanisms,
            attackers=everybody,
            goals=("authorization",),
            bound=SMALLEST,
            residuals=residuals,
            by_kind=by_kind,
        )
        (whole,) = (cell for cell in cells if set(cell.attackers) == set(everybody))
        assert whole.verdict == "attack", by_kind
        assert any(finding.residual is None for finding in whole.findings) == (by_kind is not False)
    assert not only_accepted(
        mechanisms,
        attackers=frozenset(everybody),
        goal="authorization",
        bound=SMALLEST,
        residuals=residuals,
    )


def _accepted(attack: str, *attackers: Attacker, closed_by: tuple[str, ...] = ()) -> Residual:
    return Residual(
        attackers=attackers,
        goal="authorization",
        attack=attack,
        condition="always",
        section="ours",
        reason="a test",
        closed_by=closed_by,
    )
