"""Every scenario that the hostile server can play."""

from __future__ import annotations

from trustweft.audit.hostile.scenario import DENIED, HONEST, SECOND, Scenario
from trustweft.audit.hostile.scenarios import front, identity, sessions, tokens

__all__ = ["all_scenarios"]

_PLAIN = (
    Scenario(id=HONEST, must="log in: this server does everything right"),
    Scenario(id=SECOND, must="log in: another server that does everything right"),
    Scenario(id=DENIED, must="say that the user did not agree"),
)


def all_scenarios() -> tuple[Scenario, ...]:
    """Return the scenarios: those without a deviation first."""
    return (*_PLAIN, *front.SCENARIOS, *identity.SCENARIOS, *tokens.SCENARIOS, *sessions.SCENARIOS)
