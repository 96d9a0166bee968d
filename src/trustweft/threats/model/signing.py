"""Who could deny what: the goal of the profiles that sign messages.

FAPI 2.0 Message Signing section 5; FAPI 2.0 HTTP Signatures (draft); formal analysis of 2023 for the tie between a
request and its response. A profile that signs some of its messages is held to all of its front channel, and to the
resource exchange if it signs any of that. Whether it is held to it at all is said by `goals_for`.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, step

__all__ = ["RULES", "SIGNING"]

# A profile with one of these says that messages cannot be denied.
SIGNING: Final = ("jarm", "introspection_jwt", "http_sig", "http_sig_response", "signed_ciba")
_EXCHANGE: Final = ("http_sig", "http_sig_response")

RULES: Final[tuple[Rule, ...]] = (
    *(derive(f"signing.exchange-{name}", "scenario", "signed_exchange", f"on({name})") for name in _EXCHANGE),
    step(
        "signing.request-denied", "attacker", "denies(request,S)", "request(S,_,_,_,_,_)", "not on(jar)",
        attacker="a1",
    ),
    step(
        "signing.response-denied", "attacker", "denies(response,I)", "response(I,_,_,_,_,_)", "not on(jarm)",
        attacker="a1",
    ),
    step(
        "signing.resource-request-denied", "attacker", "denies(resource_request,I)", "use(_,_,I)", "signed_exchange",
        "not on(http_sig)", attacker="a1",
    ),
    step(
        "signing.resource-response-denied", "attacker", "denies(resource_response,I)", "use(_,_,I)", "signed_exchange",
        "not on(http_sig_response)", attacker="a1",
    ),
    step(
        "signing.introspection-denied", "attacker", "denies(introspection_answer,I)", "use(_,_,I)", "on(introspection)",
        "not on(introspection_jwt)", attacker="a1",
    ),
    # A signed response that does not cover its request can be shown as the answer to another one.
    step(
        "signing.response-swapped", "attacker", "denies(link,I)", "use(_,_,I)", "on(http_sig)", "on(http_sig_response)",
        "not on(http_sig_link)", attacker="a1",
    ),
)  # fmt: skip
