"""What the OpenID Foundation's conformance suite examines, module by module, and where we do the same ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Module"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of the suite.

    Attributes:
        name: as the suite has it.
        role: who is examined.
        test: the test that does what the module does.
        mutant: our participant minus one check, with which that test fails.
        not_applicable: why there is no test; None where there is one.
    """

    name: str
    role: Literal["server", "client"]
    test: str
    mutant: str
    not_applicable: str | None = None
