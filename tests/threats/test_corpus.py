"""Each known attack is found where it lives and gone where it is closed."""

from __future__ import annotations

import pytest

from trustweft.threats.corpus import KnownAttack, corpus, with_mechanisms
from trustweft.threats.names import name_of
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import honest, search

CORPUS = corpus()
CLOSINGS = [(attack, closing) for attack in CORPUS.attack for closing in attack.closed_by]


def _setting(attack: KnownAttack, more: tuple[str, ...] = ()) -> Setting:
    return Setting(
        with_mechanisms(CORPUS.mechanisms(attack), more), frozenset(("a1", *attack.attackers)), SMALLEST
    )


@pytest.mark.parametrize("attack", CORPUS.attack, ids=lambda attack: attack.id)
def test_a_known_attack_is_found_and_named_where_it_lives(attack: KnownAttack) -> None:
    trace = search(_setting(attack), attack.goal)
    assert trace is not None
    assert name_of(trace, attack.goal) == attack.id, [str(event) for event in trace.events]


@pytest.mark.parametrize("attack", CORPUS.attack, ids=lambda attack: attack.id)
def test_fewer_attackers_than_it_needs_do_not_achieve_it(attack: KnownAttack) -> None:
    for missing in attack.attackers:
        fewer = Setting(CORPUS.mechanisms(attack), frozenset(("a1", *attack.attackers)) - {missing}, SMALLEST)
        found = search(fewer, attack.goal)
        assert found is None or name_of(found, attack.goal) != attack.id


@pytest.mark.parametrize(
    ("attack", "closing"),
    CLOSINGS,
    ids=lambda value: value.id if isinstance(value, KnownAttack) else "+".join(value),
)
def test_what_closes_it_closes_it_and_leaves_the_honest_flow(
    attack: KnownAttack, closing: tuple[str, ...]
) -> None:
    setting = _setting(attack, closing)
    found = search(setting, attack.goal)
    assert found is None, (name_of(found, attack.goal), [str(event) for event in found.events])
    assert honest(setting)["honest flow"] is not None
