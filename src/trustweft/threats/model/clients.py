"""The clients: which there are, which one a flow is at, where they are sent their answers, and how they authenticate.

There is one honest client, ``c``, unless the scenario has a second one, ``d``: of the same user, at the same server,
with keys, secret and redirect URIs of its own. Where the server serves public clients, the second one is public.
RFC 6749 sections 2.1 and 4.1.3; FAPI 2.0 Security Profile section 5.3.2.1; RFC 9700 sections 2.1 and 4.4.2.
"""

from __future__ import annotations

from typing import Final

from trustweft.threats.language import Rule, derive, fact, limit, step

__all__ = ["RULES"]

_THERE_ARE: Final[tuple[Rule, ...]] = (
    fact("client.first", "honest_client(c)"),
    derive("client.second", "scenario", "honest_client(d)", "on(second_client)"),
    derive("values.client", "scenario", "a_client(X)", "honest_client(X)"),
    fact("values.malicious-client", "a_client(mc)"),
    # Which of them a flow is at.
    derive("client.the-only-one", "scenario", "client_of(S,c)", "session(S,_)", "not on(second_client)"),
    step(
        "user.opens-client",
        "user",
        "opens(S,X)",
        "session(S,_)",
        "honest_client(X)",
        "on(second_client)",
    ),
    limit("user.opens-one", "scenario", ("opens(S,_)",), "session(S,_)", "on(second_client)"),
    derive("client.the-opened-one", "scenario", "client_of(S,X)", "opens(S,X)"),
)


def _redirects(client: str, uri: str) -> tuple[Rule, ...]:
    """Return where a client is sent answers: one redirect URI for all, one per issuer, or one per configuration."""
    return (
        derive(
            f"client.redirect-{client}",
            "client",
            f"redirect_of({client},A,{uri})",
            "server(A)",
            f"honest_client({client})",
            "not on(distinct_ruri)",
            "not on(context)",
        ),
        derive(
            f"client.redirect-context-{client}",
            "client",
            f"redirect_of({client},A,{uri}(A))",
            "server(A)",
            f"honest_client({client})",
            "on(context)",
        ),
        derive(
            f"client.redirect-issuer-{client}",
            "client",
            f"redirect_of({client},A,{uri}(B))",
            "issuer_of(A,B)",
            f"honest_client({client})",
            "on(distinct_ruri)",
            "not on(context)",
        ),
    )


_BELONGS: Final[tuple[Rule, ...]] = (
    # Whom the server gives a token for a code that it issued to X: X alone, if it looks.
    derive("server.code-of-the-client", "authorization-server", "code_for(X,X)", "a_client(X)"),
    derive(
        "server.code-for-any-client",
        "authorization-server",
        "code_for(X,Y)",
        "a_client(X)",
        "a_client(Y)",
        "not on(code_client)",
    ),
    derive(
        "server.public-client",
        "authorization-server",
        "credential(d,P)",
        "purpose(P)",
        "honest_client(d)",
        "not on(confidential_clients)",
    ),
)

RULES: Final = (*_THERE_ARE, *_redirects("c", "rc"), *_redirects("d", "rd"), *_BELONGS)
