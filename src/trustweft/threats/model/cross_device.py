"""Flows that are approved on another device: CIBA, and the device flow with a code that the user types.

FAPI-CIBA, security considerations; draft-ietf-oauth-cross-device-security. The weak spot of both is the same: nothing
technical ties the device that approves to the one that asks.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, limit, step

__all__ = ["RULES"]

_CIBA: Final[tuple[Rule, ...]] = (
    derive("ciba.own-hint", "user", "hint(S,U)", "session(S,U)", "on(ciba)"),
    # Whoever knows a name can ask for its approval, unless hints are made by the user's own device.
    derive("ciba.guessed-hint", "attacker", "hint(S,alice)", "session(S,eve)", "on(ciba)", "not on(hint_nonce)", attacker="a1"),
    step("ciba.begin", "client", "asks(S,U)", "hint(S,U)"),
    limit("ciba.begin-once", "client", ("asks(S,_)", "start(S,_)"), "session(S,_)"),
    derive("ciba.expected", "user", "expected(S)", "asks(S,U)", "session(S,U)"),
    # Without anything to compare or to know, a user who is busy approves what comes.
    derive(
        "ciba.unchecked", "attacker", "expected(S)", "asks(S,alice)", "session(S,eve)", "not on(binding_message)",
        "not on(user_code)", attacker="a1",
    ),
    # A page of the attacker's shows the user the message of his own flow, and asks her for her code.
    step("ciba.relay", "attacker", "relays(S)", "asks(S,alice)", "session(S,eve)", "on(binding_message)", attacker="a1"),
    step("ciba.relay-code", "attacker", "relays(S)", "asks(S,alice)", "session(S,eve)", "on(user_code)", attacker="a1"),
    derive("ciba.relayed", "attacker", "expected(S)", "relays(S)"),
    step("ciba.approve", "user", "approves(S)", "asks(S,_)", checks=("expected(S)",)),
    derive("ciba.login", "client", "login(S,U)", "approves(S)", "asks(S,U)"),
    step("ciba.deny", "attacker", "denies(approval,S)", "approves(S)", "not on(signed_ciba)", attacker="a1"),
)  # fmt: skip

_DEVICE: Final[tuple[Rule, ...]] = (
    step("device.begin", "client", "shows_code(S)", "session(S,_)", "on(device)"),
    limit("device.begin-once", "client", ("shows_code(S)", "asks(S,_)", "start(S,_)"), "session(S,_)"),
    step("device.type-own", "user", "types_code(S,alice)", "shows_code(S)", "session(S,alice)"),
    # The attacker sends the code of his own device, with a story.
    step("device.phish", "attacker", "types_code(S,alice)", "shows_code(S)", "session(S,eve)", attacker="a1"),
    derive("device.login", "client", "login(S,alice)", "types_code(S,alice)"),
)

RULES: Final = (*_CIBA, *_DEVICE)
