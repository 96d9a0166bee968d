"""Says which paragraphs and list items of a specification ask for something."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from counting.reading import Block, read

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VERBS", "Verbs", "count", "statements"]

Verbs = Literal["ISO", "BCP 14"]

# The FAPI documents write as ISO directives do, in small letters; RFCs ask in capitals alone (BCP 14).
VERBS: Final[dict[Verbs, re.Pattern[str]]] = {
    "ISO": re.compile(
        r"\b(shall|should|may|must|recommended|recommends|REQUIRED|RECOMMENDED|OPTIONAL)\b",
    ),
    "BCP 14": re.compile(r"\b(MUST|REQUIRED|SHALL|SHOULD|RECOMMENDED|MAY|OPTIONAL)\b"),
}
# What may be said of the items of a list is not asked of them.
_ASKS: Final = re.compile(r"\b(shall|should|must|MUST|REQUIRED|SHALL|SHOULD|RECOMMENDED)\b")
_NOTE: Final = re.compile(r"(\| +)?(NOTE|Note)\b|The key ?words\b")
_SENTENCES: Final = re.compile(r"(?<=[.;]) ")


def statements(text: str, verbs: Verbs) -> Iterator[Block]:
    """Yield what asks for something: by a verb of its own, or by the verb of what introduces its list.

    Notes, and the explanation of the verbs themselves, ask for nothing.
    """
    pattern = VERBS[verbs]
    for block in read(text):
        if _NOTE.match(block.text):
            continue
        introduction = _SENTENCES.split(block.introduction)[-1] if block.item else ""
        if pattern.search(block.text) or _ASKS.search(introduction):
            yield block


def count(text: str, verbs: Verbs) -> dict[str, int]:
    """Return how many statements each section has, without the sections that have none."""
    return dict(Counter(block.section for block in statements(text, verbs)))
