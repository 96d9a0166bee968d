"""Scenarios in which the server does nothing wrong, and browsers do: each has a place of its own in the journal."""

from __future__ import annotations

from typing import Final

from trustweft.audit.hostile.scenario import Scenario

__all__ = ["SCENARIOS"]

_IGNORE: Final = "end the flow, and log nobody in"

SCENARIOS: Final = (
    Scenario(id="RP-01-no-session", must=_IGNORE),
    Scenario(id="RP-01-other-session", must=_IGNORE),
    Scenario(id="RP-01-replayed", must="send a code once"),
    Scenario(id="RP-04-fresh", must="log in: what is new in each flow is looked at"),
    Scenario(id="RP-05-injected-code", must=_IGNORE),
    Scenario(id="RP-14-other-user", must=_IGNORE),
)
