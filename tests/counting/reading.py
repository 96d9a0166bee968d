"""Reads a specification, as HTML made by xml2rfc or as the text of an RFC, into its paragraphs and list items."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Block", "read"]

# "section-5.3.1-2.1": the section, and the place in it. Notes before section 1 and appendices have other names.
_PLACE: Final = re.compile(r"section-([0-9]+(?:\.[0-9]+)*)-[0-9.]+")
_HEADING: Final = re.compile(r"([0-9]+(?:\.[0-9]+)*)\. {1,2}\S")
_BULLET: Final = re.compile(r"(?:[*o+-]|[0-9]+\.|\(?[0-9a-z]\)) +")
_PAGE: Final = re.compile(r"\f|.*\[Page [0-9]+\]$|RFC [0-9]+ .* [A-Z][a-z]+ [0-9]{4}$")
_END: Final = re.compile(r"Appendix [A-Z]|Acknowledge?ments|Authors' Addresses")
_SKIPPED: Final = frozenset({"pre", "table", "nav", "figure", "style", "script"})


@dataclass(kw_only=True)
class Block:
    """A paragraph, or a list item with what stands in it but the lists in it.

    Attributes:
        section: its number, as printed.
        text: what it says, in one line.
        item: whether it is a list item.
        introduction: for a list item, what stands before its list; empty otherwise.
    """

    section: str
    text: str = ""
    item: bool = False
    introduction: str = ""


def read(text: str) -> tuple[Block, ...]:
    """Return the paragraphs and list items of a specification in their order."""
    blocks = _read_html(text) if "<html" in text[:1000].lower() else _read_text(text)
    return tuple(block for block in blocks if block.text)


def _read_html(text: str) -> Iterator[Block]:
    reader = _Reader()
    reader.feed(text)
    for block in reader.blocks:
        block.text = " ".join(block.text.replace("¶", " ").split())
        block.introduction = " ".join(block.introduction.replace("¶", " ").split())
        yield block


@dataclass
class _Reader(HTMLParser):
    """Collects blocks; a paragraph within a list item belongs to the item."""

    blocks: list[Block] = field(default_factory=list)
    open: list[tuple[str, Block | None]] = field(default_factory=list)
    skipping: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self.skipping += 1
        if tag not in {"p", "li", "dd"}:
            return
        place = _PLACE.fullmatch(dict(attrs).get("id") or "")
        around = self._around()
        if place is None or (tag == "p" and around is not None):
            self.open.append((tag, None))
            return
        block = Block(section=place[1], item=tag == "li")
        if block.item:
            block.introduction = self._before(place[1], around)
        self.blocks.append(block)
        self.open.append((tag, block))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self.skipping -= 1
        if tag in {"p", "li", "dd"} and any(name == tag for name, _ in self.open):
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        block = self._around()
        if block is not None and not self.skipping:
            block.text += data

    def _around(self) -> Block | None:
        return next((block for _, block in reversed(self.open) if block is not None), None)

    def _before(self, section: str, around: Block | None) -> str:
        if around is not None:
            return around.text
        before = (block for block in reversed(self.blocks) if not block.item)
        block = next(before, None)
        return block.text if block is not None and block.section == section else ""


def _read_text(text: str) -> list[Block]:
    blocks: list[Block] = []
    section = ""
    open_items: list[tuple[int, Block]] = []
    for paragraph in _paragraphs(text):
        heading = _HEADING.match(paragraph[0])
        if _END.match(paragraph[0]):
            break
        if heading:
            section, open_items = heading[1], []
        elif section and paragraph[0].startswith(" "):
            _add(paragraph, section, open_items, blocks)
    return blocks


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Yield what blank lines part, without the heads and feet of pages."""
    paragraph: list[str] = []
    for line in (*text.replace("\f", "\n\f\n").splitlines(), ""):
        if _PAGE.match(line):
            continue
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield paragraph
            paragraph = []


def _add(
    paragraph: list[str], section: str, open_items: list[tuple[int, Block]], blocks: list[Block]
) -> None:
    """Add a paragraph, or its list items where no blank lines part them.

    Args:
        paragraph: its lines.
        section: the number of its section.
        open_items: what the next item may belong to, each with the column of its words; a paragraph in the column of an
            item's words goes on with that item.
        blocks: what is added to.
    """
    current: Block | None = None
    for line in paragraph:
        words = line.lstrip()
        column = len(line) - len(words)
        bullet = _BULLET.match(words)
        if bullet is None and current is not None:
            current.text += f" {words}"
            continue
        start = column + len(bullet[0]) if bullet else column
        around = next((block for place, block in open_items if place == column), None)
        if bullet is None and around is not None and around.item:
            around.text += f" {words}"
            current = around
            continue
        current = Block(section=section, text=words[start - column :], item=bullet is not None)
        _place(current, start, open_items)
        blocks.append(current)


def _place(block: Block, start: int, open_items: list[tuple[int, Block]]) -> None:
    """Note what introduces a list item, and what may follow within the block."""
    while open_items and open_items[-1][0] >= start:
        open_items.pop()
    if block.item and open_items:
        block.introduction = open_items[-1][1].text
    open_items.append((start, block))
