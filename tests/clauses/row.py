"""What the tables of clauses are made of: one clause, for one participant, with the two tests that show it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Change", "Row", "node_id"]

SPECIFICATION: Final = "FAPI2-SP"
_NAMED: Final = re.compile(
    r"(?P<folder>[a-z_/]+)/(?P<file>[a-z0-9_]+)::(?P<name>[a-z0-9_]+)(?P<case>\[.+\])?"
)


@dataclass(frozen=True)
class Change:
    """A change of the source after which something is not enforced any more.

    Attributes:
        file: below ``src/trustweft``.
        old: what stands there, once.
        new: what would stand there.
    """

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Row:
    """One clause for one participant.

    Tests are named without what is the same in all of them: ``unit/net/fetch::a_form_is_posted`` is
    ``tests/unit/net/test_fetch.py::test_a_form_is_posted``. A case in brackets is one of its parameters.

    Attributes:
        clause: the id of the requirement without the specification's.
        words: what it is about.
        works: the test in which what the clause allows, or asks for, works.
        refused: the test in which its violation is refused, or does not happen.
    """

    clause: str
    words: str
    works: str
    refused: str

    @property
    def requirement(self) -> str:
        """Return the id of the requirement."""
        return f"{SPECIFICATION}-{self.clause}"


def node_id(named: str) -> str:
    """Return what pytest calls a test.

    Raises:
        ValueError: it is not named as the tables name tests.
    """
    match = _NAMED.fullmatch(named)
    if match is None:
        raise ValueError(f"{named!r} names no test")
    path = f"tests/{match['folder']}/test_{match['file']}.py"
    return f"{path}::test_{match['name']}{match['case'] or ''}"
