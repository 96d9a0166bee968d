"""Statements are counted as a reader would count them, and every difference to the rows is explained."""

from __future__ import annotations

import pytest

from counting.__main__ import problems
from counting.reading import read
from counting.recorded import load_counts, rows_by_section, tables
from counting.statements import count

PAGE = """<!DOCTYPE html>
<html lang="en"><body>
<section id="section-note.1"><p id="section-note.1-1">This page shall not be counted.</p></section>
<section id="section-1"><p id="section-1-1">Bakers<a class="pilcrow">¶</a></p>
<ol><li id="section-1-2.1">shall wash their hands;</li>
<li id="section-1-2.2"><p id="section-1-2.2.1">shall bake one of the following:</p>
<ul><li id="section-1-2.2.2.1">bread,</li><li id="section-1-2.2.2.2">cake;</li></ul></li></ol>
<p id="section-1-3"><strong>NOTE</strong>: Bread should be fresh.</p></section>
<section id="section-1.1"><p id="section-1.1-1">Bakers may sleep in one of these:</p>
<ul><li id="section-1.1-2.1">a bed</li></ul><pre>shall not count</pre>
<p id="section-1.1-3">The oven is hot.</p></section>
</body></html>"""

TEXT = """
Table of Contents

   1.  Bakers

1.  Bakers

   The key words "MUST" and "MAY" are explained elsewhere.

   A baker MUST do the following:

   *  wash, as anybody
      would;

      and dry.

   *  Bake.
      -  bread

   Flour may be white.

Baker                        Informational                      [Page 1]
\f
RFC 1                           Baking                      January 2026

2.  Ovens

   An oven SHOULD
   be hot.

      |  Note: it MUST NOT be touched.

Acknowledgements

   Everybody MUST be thanked.
"""


def test_items_count_by_their_own_verb_or_by_the_verb_of_what_introduces_them() -> None:
    """What may be, introduces nothing that is asked for; notes and code are left out."""
    assert count(PAGE, "ISO") == {"1": 4, "1.1": 1}


def test_the_text_of_an_item_has_its_paragraphs_and_not_the_items_within() -> None:
    """So that one verb makes one statement."""
    assert [(block.section, block.text) for block in read(PAGE)][:4] == [
        ("1", "Bakers"),
        ("1", "shall wash their hands;"),
        ("1", "shall bake one of the following:"),
        ("1", "bread,"),
    ]


def test_an_rfc_asks_in_capitals_alone() -> None:
    """Heads and feet of pages, the explanation of the verbs, and what follows the last section do not count."""
    assert count(TEXT, "BCP 14") == {"1": 3, "2": 1}
    assert [block.text for block in read(TEXT) if block.section == "1"][2:] == [
        "wash, as anybody would; and dry.",
        "Bake.",
        "bread",
        "Flour may be white.",
    ]


@pytest.mark.parametrize("table", tables())
def test_the_rows_are_those_that_were_recorded_beside_the_statements(table: str) -> None:
    """A row that comes or goes has to be looked up in the text again; each difference is explained."""
    counts = load_counts(table)
    recorded = {section.section: section.statements for section in counts.section}
    assert list(problems(counts, recorded)) == []


@pytest.mark.parametrize("table", tables())
def test_no_section_is_recorded_twice_or_for_nothing(table: str) -> None:
    """Each has a statement or a row, in the order of the text."""
    sections = load_counts(table).section
    names = [section.section for section in sections]
    assert names == sorted(set(names), key=lambda name: [int(part) for part in name.split(".")])
    assert [section.section for section in sections if not section.statements and not section.rows] == []


def test_advice_and_a_second_row_for_a_paragraph_do_not_count() -> None:
    """The unit is what the text's own layout makes one: a paragraph or a list item."""
    assert rows_by_section("FAPI2-SP")["5.3.2.1"] == 18
    assert "7" not in rows_by_section("FAPI2-SP")
