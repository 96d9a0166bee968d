"""Access tokens: who holds them, who may use them, and who reads them on the way.

FAPI 2.0 Security Profile sections 5.3.4 and 6.2 to 6.4; RFC 9449; RFC 8705; RFC 9700 sections 4.9 and 4.10.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, step

__all__ = ["RULES"]

_HELD: Final[tuple[Rule, ...]] = (
    derive("attacker.has-token", "attacker", "k(at(I))", "stolen_redeem(I,_)"),
    derive("client.has-token", "client", "holds(S,A,I)", "redeem(I,S,A)", checks=("nonce_fits(I,S)",)),
    # An attacker's token endpoint answers with a token that it found elsewhere (cuckoo's token).
    step(
        "attacker.injects-token",
        "attacker",
        "injected(S,aas,I)",
        "k(at(I))",
        "user(I,_)",
        "token_request(S,_,aas,aas)",
        attacker="a1a",
    ),
    step(
        "attacker.injects-token-misdirected",
        "attacker",
        "injected(S,has,I)",
        "k(at(I))",
        "user(I,_)",
        "token_request(S,_,has,aas)",
        "not on(at_hash)",
        attacker="a4",
    ),
    derive("client.has-injected-token", "client", "holds(S,A,I)", "injected(S,A,I)"),
    derive(
        "client.logs-in", "client", "login(S,U)", "redeem(I,S,has)", "user(I,U)", checks=("nonce_fits(I,S)",)
    ),
)

_BOUND: Final[tuple[Rule, ...]] = (
    derive(
        "server.binds-per-server",
        "authorization-server",
        "bound(I,key(X,A))",
        "redeem(I,S,A)",
        "client_of(S,X)",
        "on(per_as_key)",
    ),
    derive(
        "server.binds",
        "authorization-server",
        "bound(I,key(X))",
        "redeem(I,S,_)",
        "client_of(S,X)",
        "not on(per_as_key)",
    ),
    derive(
        "client.key-per-server",
        "client",
        "client_key(X,A,key(X,A))",
        "honest_client(X)",
        "server(A)",
        "on(per_as_key)",
    ),
    derive(
        "client.key",
        "client",
        "client_key(X,A,key(X))",
        "honest_client(X)",
        "server(A)",
        "not on(per_as_key)",
    ),
    # The client tells the resource server which issuer it believes the token to be from, if that is agreed.
    derive("resource.issuer-unchecked", "resource-server", "issuer_fits(A)", "server(A)", "not on(rs_iss)"),
    derive("resource.issuer-checked", "resource-server", "issuer_fits(has)", "server(has)"),
    derive(
        "resource.unbound",
        "resource-server",
        "usable(X,A,I)",
        "visit(I,_)",
        "honest_client(X)",
        "server(A)",
        "on(sc,none)",
    ),
    derive(
        "resource.bound",
        "resource-server",
        "usable(X,A,I)",
        "bound(I,K)",
        "client_key(X,A,K)",
        "not on(sc,none)",
    ),
)

_USED: Final[tuple[Rule, ...]] = (
    step(
        "client.uses-token",
        "client",
        "use(S,A,I)",
        "holds(S,A,I)",
        "client_of(S,X)",
        checks=("usable(X,A,I)", "issuer_fits(A)"),
    ),
    # A resource server of the attacker, to which the client goes with the same token (RFC 9700 section 4.9.1).
    step("client.uses-counterfeit", "client", "use_elsewhere(S,I)", "holds(S,_,I)", "not on(rs_aud)"),
    derive("attacker.counterfeit-token", "attacker", "k(at(I))", "use_elsewhere(_,I)", attacker="a1"),
    derive("attacker.reads-token", "attacker", "k(at(I))", "use(_,_,I)", attacker="a5"),
    derive("attacker.reads-proof", "attacker", "k(proof(I))", "use(_,_,I)", "on(sc,dpop)", attacker="a5"),
    step("attacker.uses-bearer-token", "attacker", "steal(I,bearer)", "k(at(I))", "on(sc,none)"),
    # A token that is not encrypted says what it says to everybody who has it.
    step("attacker.reads-claims", "attacker", "reads_claims(I)", "k(at(I))", "not on(encrypted_at)"),
    step("attacker.uses-own-token", "attacker", "steal(I,own)", "stolen_redeem(I,_)"),
    step(
        "attacker.replays-proof",
        "attacker",
        "steal(I,proof)",
        "k(at(I))",
        "k(proof(I))",
        "not on(rs_replay)",
        "not on(rs_nonce)",
    ),
    # A client registered with the id of a user asks for a token of its own (FAPI 2.0 section 6.7).
    step(
        "attacker.is-taken-for-user",
        "attacker",
        "impersonate(alice)",
        "malicious_client",
        "on(dcr)",
        "not on(sub_namespace)",
        attacker="a1",
    ),
    # A client that was off-boarded goes on with what it had.
    step(
        "attacker.uses-after-offboarding",
        "attacker",
        "use_after_offboarding(I)",
        "response(I,_,_,mc,_,_)",
        "user(I,alice)",
        "not on(offboarding)",
        attacker="a1",
    ),
)

RULES: Final = (*_HELD, *_BOUND, *_USED)
