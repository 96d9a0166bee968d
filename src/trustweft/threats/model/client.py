"""The client: starts flows, receives responses, asks for tokens, and believes something about who is logged in.

FAPI 2.0 Security Profile section 5.3.3; RFC 6749 section 4.1; RFC 9700 sections 4.4, 4.5 and 4.7.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, fact, limit, step

__all__ = ["RULES"]

_START: Final[tuple[Rule, ...]] = (
    # Whoever sits at the browser picks a server; the attacker's own browser is a browser too.
    step("client.start", "client", "start(S,A)", "session(S,_)", "server(A)"),
    limit("client.start-once", "scenario", ("start(S,_)", "forced(S)"), "session(S,_)"),
    derive("client.state", "client", "state_of(S,st(S))", "session(S,_)", "on(state)"),
    derive("client.no-state", "client", "state_of(S,none)", "session(S,_)", "not on(state)"),
    derive("client.challenge", "client", "challenge_of(S,h(S))", "session(S,_)", "on(pkce)"),
    derive("client.no-challenge", "client", "challenge_of(S,none)", "session(S,_)", "not on(pkce)"),
    derive("client.nonce", "client", "nonce_of(S,n(S))", "session(S,_)", "on(nonce)"),
    derive("client.no-nonce", "client", "nonce_of(S,none)", "session(S,_)", "not on(nonce)"),
    derive(
        "client.redirect-session",
        "client",
        "redirect(S,R)",
        "start(S,A)",
        "client_of(S,X)",
        "redirect_of(X,A,R)",
    ),
    derive("client.issuer", "client", "issuer_of(A,A)", "server(A)", "A != coat"),
    derive("client.issuer-claimed", "client", "issuer_of(coat,has)", "server(coat)"),
    # A request that goes to the honest server's authorization endpoint.
    derive("client.to-honest", "client", "to_honest(S)", "start(S,has)"),
    derive("client.to-honest-claimed", "client", "to_honest(S)", "start(S,coat)", "not on(par)"),
    derive(
        "client.request",
        "client",
        "request(S,X,R,T,C,N)",
        "to_honest(S)",
        "client_of(S,X)",
        "redirect(S,R)",
        "state_of(S,T)",
        "challenge_of(S,C)",
        "nonce_of(S,N)",
    ),
)

_SEEN: Final[tuple[Rule, ...]] = (
    derive("attacker.sees-own-server", "attacker", "seen(S)", "start(S,aas)", attacker="a1a"),
    derive(
        "attacker.sees-own-browser",
        "attacker",
        "seen(S)",
        "to_honest(S)",
        "not on(par)",
        "session(S,eve)",
        attacker="a1",
    ),
    derive("attacker.reads-request", "attacker", "seen(S)", "to_honest(S)", "not on(par)", attacker="a3a"),
    derive("attacker.learns-state", "attacker", "k(T)", "seen(S)", "state_of(S,T)"),
    derive("attacker.learns-challenge", "attacker", "k(T)", "seen(S)", "challenge_of(S,T)"),
    derive("attacker.learns-nonce", "attacker", "k(T)", "seen(S)", "nonce_of(S,T)"),
    # The whole request, to be sent on as it is: by reference (request_uri), or signed (JAR).
    derive(
        "attacker.own-reference",
        "attacker",
        "k(ru(S))",
        "start(S,has)",
        "on(par)",
        "session(S,eve)",
        attacker="a1",
    ),
    derive("attacker.reads-reference", "attacker", "k(ru(S))", "start(S,has)", "on(par)", attacker="a3a"),
    derive("attacker.own-request", "attacker", "k(ru(S))", "seen(S)", "to_honest(S)", "not on(par)"),
)

_CALLBACK: Final[tuple[Rule, ...]] = (
    # Which server the client believes a response to be from, given where it arrived.
    derive(
        "client.believes-session",
        "client",
        "believes(S,A,R)",
        "start(S,A)",
        "on(as_in_session)",
        "redirect(S,R)",
    ),
    derive(
        "client.believes-redirect",
        "client",
        "believes(S,A,R)",
        "start(S,_)",
        "not on(as_in_session)",
        "on(distinct_ruri)",
        "client_of(S,X)",
        "redirect_of(X,A,R)",
    ),
    derive(
        "client.believes-start",
        "client",
        "believes(S,A,R)",
        "start(S,A)",
        "not on(as_in_session)",
        "not on(distinct_ruri)",
        "redirect(S,R)",
    ),
    derive(
        "client.state-unchecked", "client", "state_fits(S,T)", "session(S,_)", "a_state(T)", "not on(state)"
    ),
    derive("client.state-checked", "client", "state_fits(S,st(S))", "session(S,_)", "on(state)"),
    derive(
        "client.iss-unchecked",
        "client",
        "iss_fits(A,J)",
        "server(A)",
        "an_issuer(J)",
        "not on(iss)",
        "not on(jarm)",
    ),
    derive("client.iss-checked", "client", "iss_fits(A,J)", "issuer_of(A,J)", "on(iss)"),
    derive("client.iss-in-jarm", "client", "iss_fits(A,J)", "issuer_of(A,J)", "on(jarm)"),
    fact("values.no-issuer", "an_issuer(none)"),
    derive("values.issuer", "scenario", "an_issuer(A)", "server(A)", "A != coat"),
    # A browser brings the response that its own login ended with.
    step(
        "client.callback",
        "client",
        "callback(S,code(I),T,has,A,via(I))",
        "response(I,R,T,X,_,_)",
        "visit(I,U)",
        "session(S,U)",
        "client_of(S,X)",
        "believes(S,A,R)",
        checks=("state_fits(S,T)", "iss_fits(A,has)"),
    ),
    # Without a tie between flow and browser, another browser can bring it (cross-user session fixation). It answers
    # this very request, so that state and issuer fit by themselves.
    step(
        "client.callback-unbound",
        "attacker",
        "callback(S,code(I),T,has,A,other(I))",
        "response(I,R,T,X,C,N)",
        "visit(I,U)",
        "session(S,W)",
        "U != W",
        "believes(S,A,R)",
        "not on(ua_binding)",
        "request(S,X,R,T,C,N)",
        attacker="a1",
    ),
    # The attacker makes a response up and sends a browser to the client with it. It names the issuer that the client
    # waits for, which is no check: iss in an unsigned response is for honest answers that went astray.
    step(
        "client.callback-crafted",
        "attacker",
        "callback(S,X,T,J,A,attacker)",
        "k(X)",
        "a_code(X)",
        "k(T)",
        "a_state(T)",
        "believes(S,A,_)",
        "iss_fits(A,J)",
        "not on(jarm)",
        checks=("state_fits(S,T)",),
        attacker="a1",
    ),
    # A signed response can only be sent on whole, and only to the client that it names.
    step(
        "client.callback-forwarded",
        "attacker",
        "callback(S,code(I),T,has,A,attacker)",
        "k(code(I))",
        "response(I,_,T,X,_,_)",
        "client_of(S,X)",
        "believes(S,A,_)",
        "on(jarm)",
        checks=("state_fits(S,T)", "iss_fits(A,has)"),
        attacker="a1",
    ),
    # The attacker's own server signs its own responses.
    step(
        "client.callback-own-server",
        "attacker",
        "callback(S,X,T,aas,aas,attacker)",
        "k(X)",
        "a_code(X)",
        "k(T)",
        "a_state(T)",
        "believes(S,aas,_)",
        "on(jarm)",
        checks=("state_fits(S,T)",),
        attacker="a1a",
    ),
    limit("client.callback-once", "scenario", ("callback(S,_,_,_,_,_)",), "session(S,_)"),
)

RULES: Final = (*_START, *_SEEN, *_CALLBACK)
