"""One question to the prover: these mechanisms, these attackers, this many sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.threats.language import Rule, derive, fact

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ATTACKERS", "DEEP", "DEFAULT", "SMALLEST", "Bound", "Setting", "switches"]

# The Attacker Model (Final): A1 is always there; A3b was taken out of the Final text and A4 is kept for information.
# The last three are ours (`model/further_attackers.py`).
ATTACKERS: Final = ("a1", "a1a", "a2", "a3a", "a3b", "a4", "a5", "preparer", "initiator", "reader")


@dataclass(frozen=True)
class Bound:
    """How much may happen at most: half of the sessions are the victim's, half the attacker's.

    Attributes:
        client_sessions: flows at the client.
        server_sessions: visits to the honest server's authorization endpoint.
        pushes: requests that the attacker pushes.
    """

    client_sessions: int
    server_sessions: int
    pushes: int

    def rules(self) -> tuple[Rule, ...]:
        """Return the facts that make the scenario this large."""
        owners = ("alice", "eve")
        sessions = [f"session(s{n},{owners[(n - 1) % 2]})" for n in range(1, self.client_sessions + 1)]
        visits = [f"visit(i{n},{owners[(n - 1) % 2]})" for n in range(1, self.server_sessions + 1)]
        pushes = [f"push(j{n})" for n in range(1, self.pushes + 1)]
        return tuple(fact(f"bound.{text}", text) for text in (*sessions, *visits, *pushes))

    @property
    def holds_two_victims(self) -> bool:
        """Say whether the victim can have two flows at once."""
        return min(self.client_sessions, self.server_sessions) > len(("alice", "eve"))

    def __str__(self) -> str:
        return f"{self.client_sessions} client sessions, {self.server_sessions} logins, {self.pushes} pushed requests of the attacker"


SMALLEST: Final = Bound(2, 2, 1)
DEFAULT: Final = Bound(4, 4, 2)
DEEP: Final = Bound(8, 8, 4)


@dataclass(frozen=True)
class Setting:
    """What is on (ids of mechanisms, graded ones as ``kind=value``), and who attacks."""

    mechanisms: frozenset[str]
    attackers: frozenset[str]
    bound: Bound = DEFAULT

    def rules(self) -> tuple[Rule, ...]:
        """Return the setting as facts."""
        attackers = tuple(
            fact(f"setting.{attacker}", f"attacker({attacker})") for attacker in sorted(self.attackers)
        )
        return (*self.bound.rules(), *switches(self.mechanisms), *attackers)


def switches(mechanisms: Iterable[str]) -> tuple[Rule, ...]:
    """Return mechanisms as facts; ``auth=mtls`` becomes ``on(auth,mtls)``."""
    return tuple(
        derive(f"setting.{mechanism}", "scenario", f"on({mechanism.replace('=', ',')})")
        for mechanism in sorted(mechanisms)
    )
