"""Documents as one self-contained HTML page: chapters, a list of contents, tables that a phone and a printer can show.

Text is escaped unless it is `Html`, which only the functions here and the drawings make.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from trustweft.report.html import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Chapter",
    "Html",
    "bullets",
    "chips",
    "document",
    "fold",
    "heading",
    "joined",
    "paragraph",
    "picture",
    "preformatted",
    "table",
]

_DOCUMENT_STYLE: Final = """
main{max-width:68rem}
h2{font-size:1.35rem;margin:0 0 .6rem}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
p{margin:.4rem 0}
nav{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1.2rem;margin:1rem 0}
nav ol{margin:.3rem 0;padding-left:1.4rem;columns:2;column-gap:2rem}
nav li{break-inside:avoid}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:.15em}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:1rem 0}
dl.facts dt{color:var(--soft)}
dl.facts dd{margin:0}
.chips{display:inline-flex;flex-wrap:wrap;gap:.25rem;list-style:none;margin:0;padding:0}
.chips li{background:var(--code);border-radius:1rem;padding:.05rem .55rem;font:.78rem ui-monospace,monospace;
overflow-wrap:break-word}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem;margin:.5rem 0}
caption{text-align:left;color:var(--soft);padding-bottom:.3rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
th{font-weight:600}
tbody th{min-width:9rem}
.picture{margin:.6rem 0}
@media (max-width:44rem){
nav ol{columns:1}
dl.facts{column-gap:.8rem}
dl.facts dd{overflow-wrap:anywhere}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,caption,tbody,tr,td,tr>th{display:block}
tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
td,tr>th{border:0;padding:.1rem 0}
td:empty{display:none}
td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}
}
@media print{
body{font-size:10pt}
main{max-width:none;padding:0}
section{border:0;padding:0}
h2,h3{break-after:avoid}
tr,.picture,li{break-inside:avoid}
.wide{overflow:visible}
@page{margin:18mm 15mm}
}
"""
_CODE: Final = re.compile(r"`([^`]+)`")
_PAUSE: Final = re.compile(r"[._](?=\w)")  # where a long identifier may go on in the next line


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


_NOTHING: Final = Html()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of a document.

    Attributes:
        anchor: what its address ends with.
        title: its heading.
        body: its parts, one after the other.
    """

    anchor: str
    title: str
    body: Sequence[Html]


def document(
    *,
    title: str,
    lead: str,
    facts: Sequence[tuple[str, str]],
    chapters: Sequence[Chapter],
    language: str = "en",
    opening: Html = _NOTHING,
) -> str:
    """Return the page: heading, facts about the document, contents, and the chapters with their numbers.

    What a reader must see before anything else is the ``opening``, right below the heading.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    about = "".join(f"<dt>{escape(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts)
    contents = "".join(
        f'<li><a href="#{escape(each.anchor)}">{escape(each.title)}</a></li>' for each in chapters
    )
    parts = [
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{escape(title)}</title><style>{STYLE}{_DOCUMENT_STYLE}</style></head><body><main>",
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>',
        f'{opening}<dl class="facts">{about}</dl>',
        f'<nav aria-label="Contents"><strong>Contents</strong><ol>{contents}</ol></nav>',
    ]
    parts += [_chapter(number, chapter) for number, chapter in enumerate(chapters, start=1)]
    return "\n".join([*parts, "</main></body></html>\n"])


def _chapter(number: int, chapter: Chapter) -> str:
    anchor = escape(chapter.anchor)
    heading = f'<h2 id="{anchor}-title">{number}. {escape(chapter.title)}</h2>'
    body = "\n".join(chapter.body)
    return f'<section id="{anchor}" aria-labelledby="{anchor}-title">{heading}\n{body}</section>'


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    empty: str = "There are none.",
) -> Html:
    """Return a table whose first column heads each row; on a narrow screen each row becomes a block."""
    if not rows:
        return paragraph(empty)
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{_cells(headings, row)}</tr>" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="wide"><table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(headings: Sequence[str], row: Sequence[str]) -> str:
    first, *rest = row
    labelled = zip(headings[1:], rest, strict=True)
    cells = (
        f'<td data-label="{escape(heading)}">{_text(cell)}</td>' if cell else "<td></td>"
        for heading, cell in labelled
    )
    return f'<th scope="row">{_text(first)}</th>{"".join(cells)}'


def paragraph(text: str, *, soft: bool = False) -> Html:
    """Return a paragraph."""
    return Html(f"<p{' class=who' if soft else ''}>{_text(text)}</p>")


def bullets(items: Sequence[str]) -> Html:
    """Return a list."""
    return Html(f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>")


def chips(items: Sequence[str]) -> Html:
    """Return a list of identifiers in one line; nothing where there are none."""
    found = "".join(f"<li>{_PAUSE.sub(lambda dot: dot[0] + '<wbr>', escape(item))}</li>" for item in items)
    return Html(f'<ul class="chips">{found}</ul>' if found else "")


def picture(drawing: str, *, name: str) -> Html:
    """Return a drawing that scrolls within itself where the screen is too narrow."""
    return Html(
        f'<div class="picture" tabindex="0" role="region" aria-label="{escape(name)}">{drawing}</div>'
    )


def heading(text: str) -> Html:
    """Return a heading within a chapter."""
    return Html(f"<h3>{_text(text)}</h3>")


def fold(summary: str, *body: Html) -> Html:
    """Return parts that are shown on request."""
    return Html(f"<details><summary>{_text(summary)}</summary>{''.join(body)}</details>")


def preformatted(text: str) -> Html:
    """Return a text as it stands, in lines that break where they must."""
    return Html(f"<pre>{escape(text)}</pre>")


def joined(*parts: str) -> Html:
    """Return parts one after the other, each below the one before."""
    return Html("<br>".join(_text(part) for part in parts if part))


def _text(value: str) -> str:
    """Return text as markup; what stands between backticks is code."""
    return value if isinstance(value, Html) else _CODE.sub(r"<code>\1</code>", escape(value))
