"""The mutants: each names the checks that must notice its flaw, or says why nobody can, or why it is none."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["Mutant", "SourceChange", "all_mutants"]


class SourceChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In ``file``, below the package, ``old`` becomes ``new``."""

    file: str
    old: str
    new: str


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ecosystem with one flaw.

    Attributes:
        without: pipeline checks that are taken out.
        change: what the source says instead.
        trips: checks that must find it.
        client: who is led to the hostile server: the sample application, or our library in a program.
        misses: why no audit can see it, though it is a flaw; then nothing trips.
        equivalent: why it is none: it does the same from everywhere, or another defence refuses every case.
        elsewhere: where the audited ecosystem has nothing that the check could refuse: the test, below ``tests``, that takes
            it out of a server that has. No audit meets this mutant.
        hand_made: a flaw of judgement, not only a check that is gone.
    """

    id: str
    flaw: str
    without: tuple[tuple[str, str], ...] = ()
    change: tuple[SourceChange, ...] = ()
    trips: tuple[str, ...] = ()
    misses: str | None = None
    equivalent: str | None = None
    elsewhere: str | None = None
    hand_made: bool = False
    client: Literal["moneyview", "probe"] = "moneyview"

    @property
    def seen(self) -> bool:
        """Whether a check must find it."""
        return self.misses is None and self.equivalent is None and self.elsewhere is None

    def order(self) -> dict[str, object]:
        """Return what makes the running ecosystem this mutant."""
        return {
            "without": self.without,
            "change": [msgspec.structs.asdict(each) for each in self.change],
            "client": self.client,
        }


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mutant: tuple[Mutant, ...] = ()


@cache
def all_mutants() -> tuple[Mutant, ...]:
    """Return every mutant of the tables beside this file."""
    found: list[Mutant] = []
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        found += msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Table).mutant
    return tuple(found)
