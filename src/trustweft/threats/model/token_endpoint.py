"""The token endpoint: codes for tokens, for the client and for whoever poses as it; refresh tokens.

FAPI 2.0 Security Profile section 5.3.2.1; RFC 7636; RFC 9449 section 10; RFC 9700 sections 4.5, 4.8 and 4.14.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, limit, step

__all__ = ["RULES"]

_REQUEST: Final[tuple[Rule, ...]] = (
    # Attacker A4: the client has a wrong token endpoint for an honest server; for each session anew.
    step(
        "attacker.misdirects",
        "attacker",
        "misdirected(S)",
        "session(S,_)",
        "not on(metadata_endpoints)",
        attacker="a4",
    ),
    # A session's token request goes to one place.
    limit("client.one-endpoint", "client", ("redeem(_,S,has)", "misdirected(S)"), "session(S,_)"),
    derive(
        "client.token-request", "client", "token_request(S,X,A,B)", "callback(S,X,_,_,A,_)", "endpoint(A,B)"
    ),
    derive(
        "client.token-request-misdirected",
        "client",
        "token_request(S,X,has,aas)",
        "callback(S,X,_,_,has,_)",
        "misdirected(S)",
    ),
    derive(
        "client.token-request-borrowed",
        "client",
        "token_request(S,X,aas,has)",
        "callback(S,X,_,_,aas,_)",
        "borrowed(aas)",
    ),
    derive("attacker.receives-code", "attacker", "k(X)", "token_request(_,X,_,aas)"),
    derive("attacker.receives-verifier", "attacker", "k(v(S))", "token_request(S,_,_,aas)", "on(pkce)"),
)

_CHECKS: Final[tuple[Rule, ...]] = (
    derive(
        "server.verifier-fits",
        "authorization-server",
        "verifier_fits(I,S)",
        "response(I,_,_,_,h(S),_)",
        "session(S,_)",
    ),
    derive(
        "server.no-pkce",
        "authorization-server",
        "verifier_fits(I,S)",
        "response(I,_,_,_,none,_)",
        "session(S,_)",
        "not on(pkce)",
    ),
    # A verifier without a challenge is ignored unless that is refused (PKCE downgrade, RFC 9700 section 4.8.2).
    derive(
        "server.verifier-ignored",
        "authorization-server",
        "verifier_fits(I,S)",
        "response(I,_,_,_,none,_)",
        "session(S,_)",
        "on(pkce)",
        "not on(pkce_downgrade)",
    ),
    derive(
        "server.redirect-fits",
        "authorization-server",
        "redirect_fits(I,S)",
        "response(I,R,_,_,_,_)",
        "redirect(S,R)",
    ),
    derive(
        "server.redirect-unchecked",
        "authorization-server",
        "redirect_fits(I,S)",
        "response(I,_,_,_,_,_)",
        "session(S,_)",
        "not on(ru_tok)",
    ),
    derive("client.nonce-fits", "client", "nonce_fits(I,S)", "response(I,_,_,_,_,N)", "nonce_of(S,N)"),
    derive(
        "client.nonce-unchecked",
        "client",
        "nonce_fits(I,S)",
        "response(I,_,_,_,_,_)",
        "session(S,_)",
        "not on(nonce)",
    ),
    derive("attacker.no-verifier-needed", "attacker", "attacker_verifies(I)", "response(I,_,_,_,none,_)"),
    derive("attacker.own-verifier", "attacker", "attacker_verifies(I)", "response(I,_,_,_,h(e),_)"),
    derive(
        "attacker.stolen-verifier",
        "attacker",
        "attacker_verifies(I)",
        "session(S,_)",
        "response(I,_,_,_,h(S),_)",
        "k(v(S))",
    ),
    # A code that the client bound to its DPoP key is of no use with another key.
    derive(
        "server.code-unbound",
        "authorization-server",
        "attacker_key_fits(I)",
        "visit(I,_)",
        "not on(dpop_jkt)",
    ),
    derive(
        "server.code-bound-elsewhere",
        "authorization-server",
        "attacker_key_fits(I)",
        "visits(I,_,_,_,_,_,attacker)",
    ),
    derive(
        "server.code-bound-pushed",
        "authorization-server",
        "attacker_key_fits(I)",
        "visits(I,_,_,_,_,_,pushed(_))",
    ),
)

_REDEEM: Final[tuple[Rule, ...]] = (
    step(
        "server.redeem",
        "authorization-server",
        "redeem(I,S,A)",
        "token_request(S,code(I),A,has)",
        "response(I,_,_,X,_,_)",
        "client_of(S,Y)",
        checks=("code_for(X,Y)", "verifier_fits(I,S)", "redirect_fits(I,S)"),
    ),
    step(
        "attacker.redeems",
        "attacker",
        "stolen_redeem(I,Y)",
        "k(code(I))",
        "response(I,_,_,X,_,_)",
        "honest_client(X)",
        "a_client(Y)",
        checks=(
            "code_for(X,Y)",
            "credential(Y,redemption(I))",
            "attacker_verifies(I)",
            "attacker_key_fits(I)",
        ),
    ),
    limit(
        "server.code-once",
        "authorization-server",
        ("redeem(I,_,_)", "stolen_redeem(I,_)", "prepared_redeem(I)"),
        "on(once)",
        "visit(I,_)",
    ),
    # Refresh tokens are of use to the client alone (RFC 6749 section 6), and no attacker of the Attacker Model sees one.
    derive(
        "server.refresh-token", "authorization-server", "refresh_token(I)", "redeem(I,_,_)", "on(refresh)"
    ),
    # A page of the client tells third parties where it was opened, with the code that it has just used (RFC 9700
    # section 4.2.4).
    derive(
        "client.referrer", "client", "k(code(I))", "redeem(I,S,_)", "session(S,alice)", "not on(no_referrer)"
    ),
    step("client.refreshes", "client", "refresh(I)", "refresh_token(I)"),
)

RULES: Final = (*_REQUEST, *_CHECKS, *_REDEEM)
