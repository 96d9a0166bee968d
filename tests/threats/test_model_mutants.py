"""With any check of a participant or any ability of an attacker taken out of the model, the corpus says so."""

from __future__ import annotations

import pytest

from threats.model_mutants import Mutant, mutants, noticed_by

ALL = tuple(mutants())
# What nothing in the corpus can tell, and why.
EQUIVALENT = {
    "client.callback-forwarded without iss_fits(A,has)": "who forwards a response has its code already",
    "client.callback-own-server without state_fits(S,T)": "what it brings to the attacker's server is of no use there",
    "without attacker.assertion-par": "an assertion meant for the token endpoint does as well",
    "without client.one-endpoint": "a session that asks two endpoints gains nothing that two sessions do not",
}


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in ALL if mutant.name not in EQUIVALENT], ids=lambda m: m.name
)
def test_the_corpus_notices(mutant: Mutant) -> None:
    assert noticed_by(mutant) is not None


def test_nearly_all_are_noticed() -> None:
    assert set(EQUIVALENT) <= {mutant.name for mutant in ALL}
    assert len(EQUIVALENT) <= 0.05 * len(ALL)
