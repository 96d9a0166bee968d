"""Every scenario that the hostile server can play."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.hostile.scenario import DENIED, HONEST, SECOND, Scenario
from trustweft.audit.hostile.scenarios import front, identity, sessions, tokens

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["all_scenarios", "scenarios_of"]

_PLAIN = (
    Scenario(id=HONEST, must="log in: this server does everything right"),
    Scenario(id=SECOND, must="log in: another server that does everything right"),
    Scenario(id=DENIED, must="say that the user did not agree"),
)


def all_scenarios() -> tuple[Scenario, ...]:
    """Return the scenarios: those without a deviation first."""
    return (*_PLAIN, *front.SCENARIOS, *identity.SCENARIOS, *tokens.SCENARIOS, *sessions.SCENARIOS)


def scenarios_of(checks: Collection[str]) -> tuple[Scenario, ...]:
    """Return the scenarios without a deviation, and those that checks with these ids play."""
    return tuple(each for each in all_scenarios() if each in _PLAIN or each.id in checks)
