"""Documents: one file, nothing outside it, text is text, and every chapter can be reached."""

from __future__ import annotations

import re

from trustweft.report.document import Chapter, bullets, chips, document, joined, paragraph, table

HOSTILE = '<img src=x onerror="alert(1)">'


def page(*chapters: Chapter, title: str = "A title") -> str:
    """Return a document of these chapters."""
    return document(title=title, lead="What it is about.", facts=[("Version", "1.0")], chapters=chapters)


def test_the_contents_lead_to_every_chapter() -> None:
    """Each link has its target, in the order of the chapters, which are numbered."""
    text = page(Chapter("one", "First", [paragraph("a")]), Chapter("two", "Second", [paragraph("b")]))
    links = re.findall(r'href="#([^"]+)"', text)
    assert links == ["one", "two"]
    assert re.findall(r'<section id="([^"]+)"', text) == links
    assert '<h2 id="two-title">2. Second</h2>' in text


def test_text_is_never_markup() -> None:
    """Whatever stands in a profile: headings, cells, lists and chips are escaped."""
    parts = [
        paragraph(HOSTILE),
        bullets([HOSTILE]),
        chips([HOSTILE]),
        table([HOSTILE, HOSTILE], [[HOSTILE, HOSTILE]], caption=HOSTILE),
        paragraph(joined(HOSTILE, HOSTILE)),
    ]
    text = page(Chapter("one", HOSTILE, parts), title=HOSTILE)
    assert "<img" not in text
    assert "<script" not in text
    assert text.count("onerror") >= 10


def test_what_stands_between_backticks_is_code() -> None:
    """As the requirements write names of parameters; it is escaped all the same."""
    assert paragraph("Send `a<b`.") == "<p>Send <code>a&lt;b</code>.</p>"


def test_a_cell_says_on_a_phone_which_column_it_is_of() -> None:
    """The head of the table is out of sight there; a cell without content takes no line."""
    text = table(("Name", "Value", "Why"), [["one", "1", ""]])
    assert '<th scope="row">one</th>' in text
    assert '<td data-label="Value">1</td><td></td>' in text


def test_a_table_without_rows_is_a_sentence() -> None:
    """Not a heading over nothing."""
    assert table(("Name",), [], empty="Nobody.") == "<p>Nobody.</p>"


def test_nothing_comes_from_outside() -> None:
    """And the page itself says so to the browser."""
    text = page(Chapter("one", "First", [paragraph("a")]))
    assert "default-src 'none'" in text
    assert re.findall(r"(?:src|href)=\"(?!#)", text) == []
    assert "url(" not in text
