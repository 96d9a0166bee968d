"""What makes the search fast changes nothing that it finds."""

from __future__ import annotations

import pytest

from trustweft.profile import load_profile
from trustweft.threats.corpus import with_mechanisms
from trustweft.threats.matrix import Cell, alike, combinations, examine, with_other_mechanisms
from trustweft.threats.names import name_of
from trustweft.threats.setting import ATTACKERS, SMALLEST, Bound, Setting
from trustweft.threats.solve import as_short, in_order, search
from trustweft.threats.traces import Runs, Trace

FAPI2 = load_profile("fapi2-security")
ON = frozenset(FAPI2.mechanisms.on)
GOAL = "authorization"
EVERYBODY = ("a1", "a1a", "a5")
THREE_SESSIONS = Bound(3, 3, 1)


def one_by_one(setting: Setting) -> set[Trace]:
    """Return a run for each that differs in more than its sessions, asked for one after the other."""
    found: set[Trace] = set()
    while run := search(setting, GOAL, forbidden=[Runs([each]) for each in found]):
        found.add(run)
    return found


def in_bulk(setting: Setting) -> set[Trace]:
    """Return the same as whole answers bring them."""
    found: set[Trace] = set()
    while run := search(setting, GOAL, forbidden=[Runs(found)]):
        found.add(run)
        finished = False
        while not finished:
            runs, finished = as_short(
                setting, GOAL, steps=len(run.events), most=len(ATTACKERS), forbidden=[Runs(found)]
            )
            found.update(in_order(each, setting.bound) for each in runs)
    return found


@pytest.mark.parametrize("bound", [SMALLEST, THREE_SESSIONS], ids=str)
def test_whole_answers_bring_what_single_ones_do(bound: Bound) -> None:
    """The same attacks by the same attackers in as many steps, and nothing that the other way rules out."""
    setting = Setting(ON, frozenset(EVERYBODY), bound)
    slow, fast = one_by_one(setting), in_bulk(setting)
    assert {_told(each) for each in slow} == {_told(each) for each in fast}
    assert search(setting, GOAL, forbidden=[Runs(slow)]) is None
    assert len(slow) > 10


def _told(trace: Trace) -> tuple[str | None, frozenset[str], int]:
    return name_of(trace, GOAL), trace.attackers, len(trace.events)


def _said(cell: Cell) -> tuple[object, ...]:
    """Return what a cell says; which of several runs stands for an attack is the solver's choice."""
    found = frozenset(
        (each.mechanisms, each.residual, *_told(each.trace), each.trace.mechanisms) for each in cell.findings
    )
    return cell.attackers, cell.goal, cell.verdict, cell.exhausted, found


def test_variants_that_the_model_cannot_tell_apart_have_the_same_cells() -> None:
    """How the client authenticates makes no difference where assertions name the issuer: looked at and copied agree."""
    other = with_mechanisms(ON, ["auth=mtls"])
    cells, others = (
        examine(
            mechanisms,
            attackers=EVERYBODY,
            goals=(GOAL, "session-integrity-authorization"),
            bound=SMALLEST,
            residuals=tuple(FAPI2.residuals),
        )
        for mechanisms in (ON, other)
    )
    assert alike(ON, other, cells, SMALLEST)
    assert list(map(_said, with_other_mechanisms(cells, other))) == list(map(_said, others))
    assert {each.mechanisms for cell in others for each in cell.findings} == {other}
    assert len(cells) == 2 * len(combinations(EVERYBODY))


@pytest.mark.parametrize(
    "mechanisms",
    [
        with_mechanisms(ON, ["sc=mtls"]),
        with_mechanisms(ON, ["auth=none"]),
        ON - {"iss"},
        ON - {"pkce_req"},
        ON | {"rs_nonce"},
    ],
)
def test_variants_with_other_rules_are_looked_at_themselves(mechanisms: frozenset[str]) -> None:
    """Nothing is copied to where the model says anything else."""
    assert not alike(ON, mechanisms, [], SMALLEST)


def test_what_closes_accepted_attacks_tells_variants_apart_too() -> None:
    """Two variants may be the same until that is switched on, with which attacks that hide are looked for."""
    cells = examine(
        ON, attackers=("a1", "a5"), goals=(GOAL,), bound=SMALLEST, residuals=tuple(FAPI2.residuals)
    )
    (closing,) = {each.residual.closed_by[0] for cell in cells for each in cell.findings if each.residual}
    assert not alike(ON, ON | {closing}, cells, SMALLEST)
