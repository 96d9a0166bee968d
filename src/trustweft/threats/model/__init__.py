"""The description: who takes part, what they do, what they check, what attackers can do, and what must not happen.

Values are named by the session that made them: ``st(s1)`` is the state of session s1, ``code(i1)`` the code of login
i1. ``has`` is the honest authorization server, ``aas`` one that the attacker runs, ``coat`` a configuration at the
client that names the honest issuer but the attacker's token endpoint. ``c`` is the honest client, ``d`` a second
one where the scenario has it, ``mc`` a malicious one. Alice is the honest user, eve the attacker's own account. Of the attacker's own values one constant per type is
enough: two of them differ for nobody who compares them with honest ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.threats.model import (
    authorization_server,
    client,
    clients,
    cross_device,
    further_attackers,
    goals,
    resource_server,
    scenario,
    signing,
    token_endpoint,
)

if TYPE_CHECKING:
    from trustweft.threats.language import Rule

__all__ = ["MODEL"]

MODEL: Final[tuple[Rule, ...]] = (
    *scenario.RULES,
    *clients.RULES,
    *client.RULES,
    *authorization_server.RULES,
    *token_endpoint.RULES,
    *resource_server.RULES,
    *further_attackers.RULES,
    *cross_device.RULES,
    *signing.RULES,
    *goals.RULES,
)
