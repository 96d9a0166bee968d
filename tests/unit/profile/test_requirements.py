"""The table of FAPI 2.0 Security Profile: well-formed, complete by its own numbering, and in our words."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from trustweft.profile import Requirement, load_profile, load_requirements, load_specification

ROWS = load_requirements("FAPI2-SP")

# How many list items each section prints, nested ones included; sections whose list asks for nothing are absent.
LIST_ITEMS = {
    "5.2.1": 5,
    "5.2.2": 2,
    "5.2.2.1": 3,
    "5.2.2.1.1": 2,
    "5.2.3": 3,
    "5.3.2.1": 18,
    "5.3.2.2": 14,
    "5.3.3.1": 17,
    "5.3.3.2": 7,
    "5.3.4": 7,
    "5.4.1": 7,
    "5.4.2": 3,
    "5.4.3": 3,
    "6.2": 4,
    "6.3": 3,
    "6.4": 3,
    "6.8": 4,
}
MECHANISMS = {
    "access-token",
    "assurance",
    "client-authentication",
    "client-identifier",
    "clock",
    "code",
    "consent",
    "cors",
    "credentials",
    "dns",
    "dpop",
    "flow-start",
    "grants",
    "http-signatures",
    "issuer-identification",
    "jwks",
    "jws",
    "keys",
    "metadata",
    "mtls",
    "oidc",
    "par",
    "pkce",
    "privacy",
    "profiling",
    "rar",
    "redirect",
    "refresh-token",
    "scope",
    "sender-constraint",
    "state",
    "tls",
}


def _number(row: Requirement) -> tuple[int, ...]:
    """Return the section and the list number of a row as numbers; a paragraph sorts by its own number."""
    section, item = row.id.removeprefix("FAPI2-SP-").split("-")
    return tuple(int(part) for part in f"{section}.{item.removeprefix('p')}".split("."))


def test_the_specification_is_the_final_one() -> None:
    """The header says which document was read, and that it is final."""
    specification = load_specification("FAPI2-SP")
    assert (specification.name, specification.status) == ("FAPI 2.0 Security Profile", "Final")
    assert specification.url == "https://openid.net/specs/fapi-security-profile-2_0-final.html"


def test_ids_are_unique() -> None:
    """No two rows share an id."""
    assert [identifier for identifier, count in Counter(row.id for row in ROWS).items() if count > 1] == []


def test_sentences_are_unique() -> None:
    """No sentence was copied from one row to another."""
    assert [text for text, count in Counter(row.sentence for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize(("section", "items"), LIST_ITEMS.items())
def test_every_list_item_has_a_row(section: str, items: int) -> None:
    """Each numbered item and bullet of a normative list is one row."""
    numbered = [row.id for row in ROWS if row.section == section and "-p" not in row.id]
    assert len(numbered) == items


def test_lists_are_numbered_without_a_gap() -> None:
    """Within a section the printed numbers run from 1, so that a row left out or misnumbered shows."""
    for section in LIST_ITEMS:
        prefix = f"FAPI2-SP-{section}-"
        items = {row.id.removeprefix(prefix) for row in ROWS if row.section == section and "-p" not in row.id}
        for item in items:
            parent, _, last = item.rpartition(".")
            before = f"{parent}.{int(last) - 1}" if parent else str(int(last) - 1)
            assert int(last) == 1 or before in items, item
            assert not parent or parent in items, item


def test_rows_stand_in_the_order_of_the_text() -> None:
    """Sections, and numbered items within one, are in the order of the specification."""
    sections = list(dict.fromkeys(row.section for row in ROWS))
    assert sections == sorted(sections, key=lambda section: [int(part) for part in section.split(".")])
    for section in sections:
        numbers = [_number(row) for row in ROWS if row.section == section and "-p" not in row.id]
        assert numbers == sorted(numbers), section


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_one_sentence_with_a_known_mechanism(row: Requirement) -> None:
    """A row says one thing, in words that are not the specification's verbs, and belongs to a known mechanism."""
    assert re.search(r"\.\s", row.sentence) is None
    assert re.search(r"\b(shall|should|must)\b", row.sentence, re.IGNORECASE) is None
    assert row.mechanism in MECHANISMS


def test_no_mechanism_is_listed_without_a_row() -> None:
    """The list of mechanisms above has no leftovers."""
    assert {row.mechanism for row in ROWS} == MECHANISMS


def test_what_software_could_satisfy_is_not_called_operational() -> None:
    """No `shall` is handed to people and procedures: all of them are for software."""
    assert [row.id for row in ROWS if row.operational and row.level.startswith("shall")] == []


def test_participants_are_always_a_tuple() -> None:
    """One participant or several, readers loop over them alike."""
    profile = load_profile("fapi2-security")
    assert profile.requirement("FAPI2-SP-5.3.2.2-3").participants == ("authorization-server",)
    assert profile.requirement("FAPI2-SP-5.4.2-p1").participants == ("authorization-server", "client")
