"""One row of what is examined: a module of the outside suite, the test that stands for it, and a mutant it notices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Module"]


@dataclass(frozen=True)
class Module:
    """One module.

    Attributes:
        name: as the outside suite calls it.
        role: which participant it examines.
        test: the pytest node id, without parameters.
        mutant: the name of a mutant of that participant, against which the test fails.
        not_applicable: why it can never apply here; None where it does.
    """

    name: str
    role: Literal["server", "client"]
    test: str
    mutant: str
    not_applicable: str | None
