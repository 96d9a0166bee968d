"""The table of coverage: made from the code, complete in what shall be, and honest about what is not there yet."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import trustweft
from trustweft.coverage import Row, attacks_closed, cover, find_enforcements, holes_of
from trustweft.profile import ProfileError, load_requirements, specification_ids
from trustweft.profile.mechanisms import load_mechanisms
from trustweft.runtime.enforces import enforcements
from trustweft.threats.corpus import corpus

SPECIFICATIONS = specification_ids()


def by_id(rows: tuple[Row, ...]) -> dict[str, Row]:
    return {row.requirement: row for row in rows}


def test_the_marks_in_the_text_are_those_that_python_sees() -> None:
    """Reading the source finds neither more nor less than importing every module."""
    for module in pkgutil.walk_packages(trustweft.__path__, prefix="trustweft."):
        if not module.name.endswith(("__main__", "migrations.env")):
            importlib.import_module(module.name)
    imported = {mark for mark in enforcements() if mark.module.startswith("trustweft.")}
    assert set(find_enforcements()) == imported
    assert len(imported) > 40


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_no_shall_has_a_hole(specification: str) -> None:
    """Each cell of what shall be is filled, or says why it cannot be."""
    assert [
        (row.requirement, row.holes) for row in holes_of(cover(specification, attacks=attacks_closed()))
    ] == []


def test_every_requirement_has_its_row_in_the_order_of_the_text() -> None:
    """The table leaves nothing out."""
    assert [row.requirement for row in cover("FAPI2-SP")] == [row.id for row in load_requirements("FAPI2-SP")]


def test_a_row_names_the_function_where_the_comparison_is_made() -> None:
    """As a reader would look it up."""
    row = by_id(cover("FAPI2-SP"))["FAPI2-SP-5.3.2.1-4"]
    (function,) = row.enforced_by
    assert function.startswith("trustweft.")


def test_a_missing_audit_is_a_hole_where_the_audits_are_known() -> None:
    """Where they are not, the column is unknown; else every clause needs a check or a reason."""
    assert {row.audited_by for row in cover("FAPI2-SP")} == {None}
    rows = by_id(cover("FAPI2-SP", audits={"FAPI2-SP-5.3.2.1-4": ["dpop.nonce"]}))
    assert rows["FAPI2-SP-5.3.2.1-4"].audited_by == ("dpop.nonce",)
    assert "audited by" in rows["FAPI2-SP-5.2.1-1"].holes
    assert rows["FAPI2-SP-5.1.2-p3"].not_observable is not None
    assert "audited by" not in rows["FAPI2-SP-5.1.2-p3"].holes


def test_a_clause_that_closes_no_attack_is_a_hole_unless_the_model_leaves_it_out() -> None:
    """Likewise for the attacks that the prover knows."""
    rows = by_id(cover("FAPI2-SP", attacks={"FAPI2-SP-5.2.1-1": ["token-replay"]}))
    assert rows["FAPI2-SP-5.2.1-1"].closes == ("token-replay",)
    assert "attacks closed" not in rows["FAPI2-SP-5.2.1-1"].holes
    assert "attacks closed" in rows["FAPI2-SP-5.3.2.1-4"].holes
    assert rows["FAPI2-SP-5.2.1-2"].holes == ()  # TLS versions are below the model, and that is its reason


def test_what_people_do_and_what_nobody_has_to_do_leaves_no_hole() -> None:
    """No column is asked for where no software can act, or where the clause only allows or advises."""
    rows = cover("FAPI2-SP", audits={}, attacks={})
    assert [row.requirement for row in rows if row.operational and row.holes] == []
    assert [row.requirement for row in rows if row.level in {"may", "advice"} and row.holes] == []
    assert {row.level for row in holes_of(rows)} == {"shall", "shall not"}
    assert any(row.level == "should" for row in rows if row.holes)


def test_a_specification_without_a_table_is_refused() -> None:
    """A slip of the pen is no empty table."""
    with pytest.raises(ProfileError, match="FAPI3"):
        cover("FAPI3")


def test_a_requirement_closes_the_attacks_that_its_mechanism_closes() -> None:
    """By the corpus of known attacks, and by what it says of a clause itself."""
    closes = attacks_closed()
    assert "token-replay" in closes["FAPI2-SP-5.3.4-5"]
    assert "mix-up" in closes["FAPI2-SP-5.3.2.2-7"]
    assert "FAPI2-SP-5.3.4-1" not in closes


def test_every_attack_of_the_corpus_is_closed_by_mechanisms_that_exist() -> None:
    """A slip of the pen there would leave a cell empty here."""
    closing = {mechanism for attack in corpus().attack for each in attack.closed_by for mechanism in each}
    assert closing - set(load_mechanisms()) == set()
