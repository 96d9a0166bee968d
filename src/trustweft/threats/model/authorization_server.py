"""The honest authorization server: pushed requests, the authorization endpoint, login, and its answer to the browser.

FAPI 2.0 Security Profile sections 5.3.2.1 and 5.3.2.2; RFC 9126; RFC 9101; RFC 9207; RFC 9700 sections 4.1, 4.2, 4.12.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, fact, forbid, limit, step

__all__ = ["RULES"]

_CREDENTIALS: Final[tuple[Rule, ...]] = (
    # Where the client sends what it means for a server.
    derive("client.endpoint", "client", "endpoint(has,has)", "server(has)"),
    derive("client.endpoint-own", "attacker", "endpoint(aas,aas)", "server(aas)"),
    derive("client.endpoint-claimed", "attacker", "endpoint(coat,aas)", "server(coat)"),
    # An attacker's server can publish the honest server's token endpoint as its own (audience injection).
    step("attacker.names-honest-endpoint", "attacker", "borrowed(aas)", "server(aas)", attacker="a1a"),
    derive("client.audience-issuer", "client", "audience(A,B)", "issuer_of(A,B)", "on(aud,issuer)"),
    derive("client.audience-endpoint", "client", "audience(A,B)", "endpoint(A,B)", "on(aud,endpoint)"),
    derive("client.audience-borrowed", "client", "audience(A,has)", "borrowed(A)", "on(aud,endpoint)"),
    # A client assertion that reached the attacker and that the honest server accepts.
    derive(
        "attacker.assertion-par",
        "attacker",
        "k(assertion(S,par))",
        "start(S,aas)",
        "on(par)",
        "on(auth,pkjwt)",
        "not on(per_as_key)",
        "audience(aas,has)",
    ),
    derive(
        "attacker.assertion-token",
        "attacker",
        "k(assertion(S,token))",
        "token_request(S,_,A,aas)",
        "on(auth,pkjwt)",
        "not on(per_as_key)",
        "audience(A,has)",
    ),
    derive(
        "attacker.secret",
        "attacker",
        "k(secret(X))",
        "token_request(S,_,has,aas)",
        "client_of(S,X)",
        "on(auth,secret)",
    ),
    step("attacker.spends-at-par", "attacker", "spend(S,W,push(J))", "k(assertion(S,W))", "push(J)"),
    step(
        "attacker.spends-at-token", "attacker", "spend(S,W,redemption(I))", "k(assertion(S,W))", "visit(I,_)"
    ),
    derive("purpose.push", "scenario", "purpose(push(J))", "push(J)"),
    derive("purpose.redemption", "scenario", "purpose(redemption(I))", "visit(I,_)"),
    derive("server.own-client", "authorization-server", "credential(mc,P)", "purpose(P)", "malicious_client"),
    derive(
        "server.no-authentication",
        "authorization-server",
        "credential(X,P)",
        "purpose(P)",
        "honest_client(X)",
        "on(auth,none)",
    ),
    derive("server.stolen-secret", "authorization-server", "credential(X,P)", "purpose(P)", "k(secret(X))"),
    derive(
        "server.stolen-assertion", "authorization-server", "credential(X,P)", "spend(S,_,P)", "client_of(S,X)"
    ),
    # A malicious client is registered like any other, unless registration asks for proof of who one is.
    derive("attacker.registers-client", "attacker", "malicious_client", "not on(dcr_auth)", attacker="a1"),
)

_REQUEST: Final[tuple[Rule, ...]] = (
    fact("server.redirect-malicious", "redirect_allowed(mc,ra)"),
    derive(
        "server.redirect-registered", "authorization-server", "redirect_allowed(X,R)", "redirect_of(X,_,R)"
    ),
    derive(
        "server.redirect-inexact",
        "authorization-server",
        "redirect_allowed(X,ra)",
        "honest_client(X)",
        "not on(exact_ruri)",
    ),
    step(
        "attacker.pushes",
        "attacker",
        "pushed(J,X,R,T,C,N)",
        "push(J)",
        "on(par)",
        "credential(X,push(J))",
        "a_client(X)",
        "k(T)",
        "a_state(T)",
        "k(C)",
        "a_challenge(C)",
        "k(N)",
        "a_nonce(N)",
        "redirect_allowed(X,R)",
        "may_write(X)",
    ),
    limit("attacker.pushes-once", "scenario", ("pushed(J,_,_,_,_,_)",), "push(J)"),
    # A signed request of the honest client cannot be written by anybody else.
    derive("server.unsigned", "authorization-server", "may_write(X)", "a_client(X)", "not on(jar)"),
    derive("server.signed-own", "authorization-server", "may_write(mc)", "on(jar)"),
    # The browser arrives with the client's request, with one that was planted, or with one that the attacker wrote.
    step(
        "user.follows-client",
        "user",
        "visits(I,X,R,T,C,N,via(S))",
        "request(S,X,R,T,C,N)",
        "start(S,has)",
        "session(S,U)",
        "visit(I,U)",
    ),
    step(
        "user.follows-claimed",
        "user",
        "visits(I,X,R,T,C,N,via(S))",
        "request(S,X,R,T,C,N)",
        "start(S,coat)",
        "session(S,U)",
        "visit(I,U)",
    ),
    step(
        "attacker.plants-request",
        "attacker",
        "visits(I,X,R,T,C,N,planted(S))",
        "request(S,X,R,T,C,N)",
        "k(ru(S))",
        "visit(I,_)",
    ),
    step(
        "attacker.plants-pushed",
        "attacker",
        "visits(I,X,R,T,C,N,pushed(J))",
        "pushed(J,X,R,T,C,N)",
        "visit(I,_)",
    ),
    step(
        "attacker.writes-request",
        "attacker",
        "visits(I,X,R,T,C,N,attacker)",
        "visit(I,_)",
        "not on(par)",
        "a_client(X)",
        "registered(X)",
        "k(T)",
        "a_state(T)",
        "k(C)",
        "a_challenge(C)",
        "k(N)",
        "a_nonce(N)",
        "redirect_allowed(X,R)",
        "may_write(X)",
    ),
    derive("server.knows-client", "authorization-server", "registered(X)", "honest_client(X)"),
    derive("server.knows-malicious-client", "authorization-server", "registered(mc)", "malicious_client"),
    limit("user.one-request", "scenario", ("visits(I,_,_,_,_,_,_)",), "visit(I,_)"),
    # A pushed request serves once; who holds the user back and comes first uses it all the same (FAPI2-SP section 6.4).
    limit(
        "server.request-once",
        "authorization-server",
        ("visits(_,_,_,_,_,_,via(S))", "visits(_,_,_,_,_,_,planted(S))"),
        "on(once_ru)",
        "on(par)",
        "session(S,_)",
    ),
    forbid("server.requires-challenge", "authorization-server", "visits(_,_,_,_,none,_,_)", "on(pkce_req)"),
)

_LOGIN: Final[tuple[Rule, ...]] = (
    derive("user.logs-in", "user", "user(I,alice)", "visit(I,alice)", "visits(I,_,_,_,_,_,_)"),
    step("attacker.logs-in", "attacker", "user(I,eve)", "visit(I,eve)"),
    step("attacker.logs-in-as-victim", "attacker", "user(I,alice)", "visit(I,eve)", "k(password)"),
    limit("attacker.one-account", "scenario", ("user(I,_)",), "visit(I,_)"),
    # A redirect with status 307 sends the login form on (RFC 9700 section 4.12).
    derive(
        "server.forwards-form",
        "authorization-server",
        "k(password)",
        "visits(I,mc,ra,_,_,_,_)",
        "visit(I,alice)",
        "not on(r303)",
    ),
    # The page of the login tells third parties where it was opened (RFC 9700 section 4.2): the whole request, or where
    # that was pushed its reference. Both are known when the user has arrived, not before.
    derive(
        "server.referrer-request",
        "authorization-server",
        "k(ru(S))",
        "visits(_,_,_,_,_,_,via(S))",
        "not on(no_referrer)",
    ),
    derive(
        "server.referrer-state",
        "authorization-server",
        "k(T)",
        "visits(_,X,_,T,_,_,_)",
        "honest_client(X)",
        "not on(no_referrer)",
        "not on(par)",
    ),
    derive(
        "server.response",
        "authorization-server",
        "response(I,R,T,X,C,N)",
        "visits(I,X,R,T,C,N,_)",
        "user(I,_)",
    ),
    derive("attacker.own-redirect-code", "attacker", "k(code(I))", "response(I,ra,_,_,_,_)"),
    derive(
        "attacker.own-code", "attacker", "k(code(I))", "response(I,_,_,_,_,_)", "visit(I,eve)", attacker="a1"
    ),
    derive("attacker.own-state", "attacker", "k(T)", "response(I,_,T,_,_,_)", "visit(I,eve)", attacker="a1"),
    derive("attacker.reads-code", "attacker", "k(code(I))", "response(I,_,_,_,_,_)", attacker="a3b"),
    derive("attacker.reads-state", "attacker", "k(T)", "response(I,_,T,_,_,_)", attacker="a3b"),
    derive(
        "attacker.network-code",
        "attacker",
        "k(code(I))",
        "response(I,_,_,_,_,_)",
        "not on(https_redirect)",
        attacker="a2",
    ),
    derive(
        "attacker.network-state",
        "attacker",
        "k(T)",
        "response(I,_,T,_,_,_)",
        "not on(https_redirect)",
        attacker="a2",
    ),
)

RULES: Final = (*_CREDENTIALS, *_REQUEST, *_LOGIN)
