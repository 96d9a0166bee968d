"""The tables of every specification: well-formed, in our words, and with something to say for each cell."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from trustweft.coverage import cover, find_enforcements
from trustweft.profile import (
    Requirement,
    load_profile,
    load_requirements,
    load_specification,
    specification_ids,
)
from trustweft.profile.lint import revisions

ROWS = {specification: load_requirements(specification) for specification in specification_ids()}
ALL = {row.id: row for rows in ROWS.values() for row in rows}
ASKING = {"shall", "shall not", "should", "should not"}


def _order(row: Requirement) -> list[int]:
    return [int(part) for part in row.section.split(".")]


@pytest.mark.parametrize("specification", ROWS)
def test_ids_and_sentences_are_unique(specification: str) -> None:
    """No row was copied from another."""
    for values in ([row.id for row in ROWS[specification]], [row.sentence for row in ROWS[specification]]):
        assert [value for value, count in Counter(values).items() if count > 1] == []


@pytest.mark.parametrize("specification", ROWS)
def test_sections_stand_in_the_order_of_the_text(specification: str) -> None:
    """So that a reader finds a clause where the text has it."""
    sections = [_order(row) for row in ROWS[specification]]
    assert sections == sorted(sections)


@pytest.mark.parametrize("specification", ROWS)
def test_rows_are_one_sentence_in_our_words(specification: str) -> None:
    """One thing, without the verbs of the text."""
    sentences = [row.sentence for row in ROWS[specification]]
    assert [each for each in sentences if re.search(r"\.\s", each)] == []
    assert [each for each in sentences if re.search(r"\b(shall|should|must)\b", each, re.IGNORECASE)] == []


@pytest.mark.parametrize("specification", ROWS)
def test_what_is_asked_is_enforced_or_says_why_not(specification: str) -> None:
    """By the code; or people do it, another clause is kept in its place, or it is not built yet."""
    assert [
        row.requirement
        for row in cover(specification)
        if row.level in ASKING
        and not (row.enforced_by or row.operational or row.superseded_by or row.not_built)
    ] == []


@pytest.mark.parametrize("specification", ROWS)
def test_what_is_enforced_has_no_excuse(specification: str) -> None:
    """A clause that is not built, or that another one replaces, has no function that enforces it."""
    assert [
        row.requirement
        for row in cover(specification)
        if row.enforced_by and (row.not_built or row.superseded_by)
    ] == []
    marked = {mark.requirement for mark in find_enforcements()}
    assert [row.id for row in ROWS[specification] if row.not_built and row.id in marked] == []


def test_what_takes_the_place_of_a_clause_is_a_clause_of_another_specification() -> None:
    """And one that is in force itself."""
    for row in ALL.values():
        if row.superseded_by is not None:
            other = ALL[row.superseded_by]
            assert other.id.rpartition(f"-{other.section}-")[0] != row.id.rpartition(f"-{row.section}-")[0]
            assert other.superseded_by is None
            assert other.level.startswith("shall")


@pytest.mark.parametrize("draft", ["FAPI2-HS", "RFC9700-UPDATE"])
def test_a_draft_is_pinned_and_called_a_draft(draft: str) -> None:
    """Its text can change without notice: the status names the commit or the revision that was read."""
    specification = load_specification(draft)
    assert re.fullmatch(r"Draft (.+ commit [0-9a-f]{40}|draft-.+-[0-9]{2})", specification.status)
    assert specification.status.rpartition(" ")[2] in specification.url
    assert revisions()[draft].draft


def test_each_table_was_read_in_the_newest_revision_that_is_known() -> None:
    """The list of revisions and the tables cannot say different things; RFCs are dated by their month."""
    for name, newest in revisions().items():
        if name in ROWS:
            specification = load_specification(name)
            assert specification.date[:7] == f"{newest.date:%Y-%m}", name
            assert specification.url == newest.source


def test_message_signing_and_http_signatures_say_that_they_are_not_built() -> None:
    """The security profile is; a reader of the table can tell."""
    unbuilt = {each for each in ROWS if load_specification(each).not_built is not None}
    assert unbuilt >= {"FAPI2-MS", "FAPI2-HS"}
    assert not unbuilt & {each.id for each in load_profile("fapi2-security").specifications}


def test_tags_of_the_suite_are_spelled_as_there() -> None:
    """Many to many: a tag can stand in several rows, and a row can have several."""
    tags = [tag for row in ALL.values() for tag in row.suite_tags]
    assert [
        tag for tag in tags if not re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)*-[0-9]+(\.[0-9]+)*(-[0-9.]+)?", tag)
    ] == []
    assert [row.id for row in ALL.values() if len(set(row.suite_tags)) < len(row.suite_tags)] == []
    assert max(Counter(tags).values()) > 1
