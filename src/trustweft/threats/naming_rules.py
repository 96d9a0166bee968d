"""The table of names as rules, for questions about all runs at once: what `names.name_of` says of one.

A test holds the two against each other, row by row.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.names import TABLE

__all__ = ["naming_rules"]

_HELPERS: Final = """
crafted(S,I) :- callback(S,code(I),_,_,_,attacker).
brought(S,A,I) :- callback(S,code(I),_,_,A,via(_)), session(S,alice).
brought(S,A,I) :- callback(S,code(I),_,_,A,other(_)), session(S,alice).
foreign_redirect :- visits(_,c,ra,_,_,_,_).
foreign_redirect :- visits(_,d,ra,_,_,_,_).
opened(S) :- opens(S,_).
redeemed_by(I,Y) :- redeem(I,S,_), opens(S,Y).
redeemed_by(I,c) :- redeem(I,S,_), not opened(S).
redeemed_by(I,Y) :- stolen_redeem(I,Y).
chosen_delivered :- brought(S,aas,I), visits(I,_,_,_,h(X),_,_), X != S.
request_planted :- crafted(S,I), visits(I,_,_,_,_,_,planted(S)), session(S,alice).
used_twice :- visits(_,_,_,_,_,_,via(S)), visits(_,_,_,_,_,_,planted(S)).
leaked_state :- callback(S,_,st(S),_,_,attacker).
whole_request :- used_twice, not on(par).
code_injected :- crafted(S,I), visits(I,_,_,_,_,_,_), session(S,eve).
not_by_the_client(I) :- visits(I,_,_,_,_,_,planted(_)).
not_by_the_client(I) :- visits(I,_,_,_,_,_,pushed(_)).
not_by_the_client(I) :- visits(I,_,_,_,_,_,attacker).
"""

# For each name the bodies of which one has to hold; a name is given where those before it do not fit.
_FITS: Final[dict[str, tuple[str, ...]]] = {
    "unsigned-ciba-request": ("denies(approval,_)",),
    "request-denied": ("denies(request,_)",),
    "response-denied": ("denies(response,_)",),
    "resource-request-denied": ("denies(resource_request,_)",),
    "resource-response-denied": ("denies(resource_response,_)",),
    "introspection-denied": ("denies(introspection_answer,_)",),
    "response-unlinked": ("denies(link,_)",),
    "ciba-relay": ("relays(_)",),
    "ciba-phishing": ("asks(_,_)",),
    "device-phishing": ("types_code(_,_)",),
    "claims-read": ("reads_claims(_)",),
    "client-as-user": ("impersonate(_)",),
    "offboarded-client": ("use_after_offboarding(_)",),
    "redirect-307": ("user(I,alice), visit(I,eve)",),
    "initiation-csrf": ("forced(_)",),
    "refresh-token-theft": ("stolen_refresh(_)",),
    "prepared-redemption": ("prepared_redeem(_)",),
    "prepared-proof": ("steal(_,prepared)",),
    "session-fixation": ("callback(_,_,_,_,_,other(_))",),
    "counterfeit-rs": ("use_elsewhere(_,_)",),
    "cuckoo": ("injected(_,aas,_)",),
    "token-injection": ("injected(_,has,_)",),
    "token-endpoint-tampering": ("misdirected(_)",),
    "audience-injection": ("spend(_,_,_)",),
    "coat": ("brought(_,coat,_)",),
    "proof-replay": ("steal(_,proof)",),
    "token-replay": ("steal(_,bearer)",),
    "foreign-code": ("redeemed_by(I,Y), visits(I,X,_,_,_,_,_), X != Y",),
    "public-second-client": ("stolen_redeem(_,d)",),
    "naive-rp": ("session_integrity, callback(S,_,_,_,A,_), start(S,B), A != B, session(S,alice)",),
    "mix-up-chosen-challenge": ("chosen_delivered",),
    "mix-up": ("brought(_,aas,_)",),
    "state-leak": (
        "session_integrity, leaked_state, whole_request",
        "session_integrity, leaked_state, not request_planted",
    ),
    "request-reuse": ("session_integrity, used_twice",),
    "request-leak": ("session_integrity, request_planted",),
    "pkce-downgrade": ("on(pkce), crafted(_,I), visits(I,_,_,_,none,_,_)",),
    "csrf": ("session_integrity, callback(_,_,_,_,_,attacker)",),
    "code-theft": ("steal(_,own), not foreign_redirect",),
    "code-replay": (
        "redeem(I,S,_), redeem(I,T,_), S != T",
        "redeem(I,_,A), redeem(I,_,B), A != B",
        "redeem(I,_,_), stolen_redeem(I,_)",
        "stolen_redeem(I,X), stolen_redeem(I,Y), X != Y",
    ),
    "pkce-chosen-challenge": ("foreign_redirect, steal(_,own), on(pkce)",),
    "open-redirect-uri": ("foreign_redirect",),
    "browser-swapping": ("crafted(S,I), not_by_the_client(I), session(S,eve), attacker(a3b)",),
    "plaintext-redirect": ("code_injected, attacker(a2)",),
    "code-injection": ("code_injected",),
}


def naming_rules() -> str:
    """Return rules that make ``named("mix-up")`` hold of a run that is called so; of others nothing holds.

    What they rest upon: the steps, ``session/2``, ``visit/2``, ``attacker/1``, ``on/1`` and ``session_integrity``.
    """
    lines = [_HELPERS]
    for row, (name, _) in enumerate(TABLE):
        lines += [f"fits({row}) :- {body}." for body in _FITS[name]]
        lines.append(f'named("{name}") :- fits({row}), not before({row}).')
        lines += [f"before({row}) :- before({row - 1}).", f"before({row}) :- fits({row - 1})."] if row else []
    return "\n".join(lines)
