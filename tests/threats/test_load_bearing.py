"""Each mechanism of the model carries something: in some setting of the corpus its removal lets an attack in."""

from __future__ import annotations

import pytest

from trustweft.profile.mechanisms import load_mechanisms
from trustweft.threats.corpus import corpus, with_mechanisms
from trustweft.threats.names import name_of
from trustweft.threats.setting import SMALLEST, Setting
from trustweft.threats.solve import search

CORPUS = corpus()
# The weakest grade of each kind, and what opens a door instead of closing one.
NO_MEASURES = {
    "auth=none",
    "sc=none",
    "aud=endpoint",
    "refresh",
    "second_client",
    "introspection",
    "dcr",
    "ciba",
    "device",
}
# What narrows an attack to another that takes more: the other one is in the corpus.
NARROWS = {"binding_message": ("ciba-phishing", "ciba-relay"), "user_code": ("ciba-phishing", "ciba-relay")}
MEASURES = sorted(
    name for name, row in load_mechanisms().items() if row.not_modelled is None and name not in NO_MEASURES
)


@pytest.mark.parametrize("mechanism", [name for name in MEASURES if name not in NARROWS])
def test_without_it_an_attack_comes_back(mechanism: str) -> None:
    """The very attack of the row that it closes: another one would come back for another reason."""
    carried = []
    for attack in CORPUS.attack:
        for closing in attack.closed_by:
            if mechanism in closing:
                rest = [name for name in closing if name != mechanism]
                mechanisms = with_mechanisms(CORPUS.mechanisms(attack), rest)
                setting = Setting(mechanisms, frozenset(("a1", *attack.attackers)), SMALLEST)
                found = search(setting, attack.goal)
                if found is not None and name_of(found, attack.goal) == attack.id:
                    carried.append(attack.id)
    assert carried, f"{mechanism} carries nothing in the corpus: it is decoration, or the model has a gap"


@pytest.mark.parametrize(("mechanism", "attacks"), NARROWS.items())
def test_with_it_the_attack_becomes_one_that_takes_more(mechanism: str, attacks: tuple[str, str]) -> None:
    before, after = attacks
    known = CORPUS.by_id[before]
    mechanisms = with_mechanisms(CORPUS.mechanisms(known), [mechanism])
    trace = search(Setting(mechanisms, frozenset({"a1"}), SMALLEST), known.goal)
    assert trace is not None
    assert name_of(trace, known.goal) == after


def test_each_requirement_that_the_corpus_names_exists() -> None:
    from trustweft.profile import load_requirements

    known = {row.id for row in load_requirements("FAPI2-SP")}
    for attack in CORPUS.attack:
        assert set(attack.requirements) <= known
