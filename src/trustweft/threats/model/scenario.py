"""What there is before anybody acts: servers, values that a field can have, and what the attacker knows from the start."""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, fact

__all__ = ["RULES"]

RULES: Final[tuple[Rule, ...]] = (
    fact("scenario.honest-server", "server(has)"),
    derive("scenario.attacker-server", "attacker", "server(aas)", attacker="a1a"),
    # A configuration with the honest issuer and a foreign token endpoint: only possible where endpoints do not come
    # from the metadata of the issuer (cross-toolkit account takeover, security-topics-update).
    derive(
        "scenario.foreign-configuration",
        "attacker",
        "server(coat)",
        "not on(metadata_endpoints)",
        attacker="a1a",
    ),
    # Values that a field of a message can have.
    *(
        fact(f"values.{field}-{value}", f"{field}({value})")
        for field, value in (
            ("a_state", "none"),
            ("a_state", "e"),
            ("a_nonce", "none"),
            ("a_nonce", "e"),
            ("a_challenge", "none"),
            ("a_challenge", "h(e)"),
        )
    ),
    derive("values.state", "scenario", "a_state(st(S))", "session(S,_)"),
    derive("values.nonce", "scenario", "a_nonce(n(S))", "session(S,_)"),
    derive("values.challenge", "scenario", "a_challenge(h(S))", "session(S,_)"),
    derive("values.code", "scenario", "a_code(code(I))", "visit(I,_)"),
    # What the attacker knows without having learned it from anybody.
    *(
        fact(f"knowledge.{name}", f"k({value})")
        for name, value in (
            ("absent", "none"),
            ("own-value", "e"),
            ("own-challenge", "h(e)"),
            ("own-verifier", "v(e)"),
        )
    ),
)
