"""Which tokens userinfo takes: access tokens for itself, from the header, once with each proof, until they are revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trustweft.audit.check import Inconclusive, NotApplicable, check
from trustweft.audit.checks.userinfo import asking, carrying_another, known_good, told
from trustweft.audit.clients import client_that, gets_id_tokens, revokes
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.forging import read_parts
from trustweft.audit.token_reading import audience_of
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


@check(
    "UI-03",
    title="Userinfo takes no token from the address",
    sends="an access token as a parameter of the query",
    fix="Read access tokens from the Authorization header alone.",
    requirements=("RFC9700-4.3.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    cwe="CWE-598",
    owasp="API2:2023",
    gives=("token-leaks",),
)
def no_token_in_query(trial: Trial) -> Outcome:
    """Addresses are logged and remembered, tokens in them with it (RFC 9700 section 4.3.2)."""
    access, _ = known_good(trial)
    request = asking(trial, access)
    query = urlencode({"access_token": access.token})
    bare = request.with_header("authorization", None)
    attack = trial.attack(
        "The token in the query",
        Request(
            method="GET",
            url=f"{request.url}?{query}",
            headers=bare.headers,
            certificate=request.certificate,
        ),
    )
    return trial.judge(
        [attack],
        accepted=told,
        failure="Userinfo takes access tokens from the query.",
        success="A token in the query was refused.",
    )


@check(
    "UI-04",
    title="Userinfo refuses a revoked token",
    sends="the revocation of a token of its own, then a userinfo request with it",
    fix="Look at the state of token and grant with each userinfo request.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,
)
def userinfo_knows_revocation(trial: Trial) -> Outcome:
    """The server itself knows that the token was taken back; its own resource must not serve it."""
    known_good(trial)
    deployment = trial.deployment
    trial.need(deployment.discovery.text("revocation_endpoint"), "the server names no revocation_endpoint")
    party = client_that(
        trial, revokes, gets_id_tokens, lacking="no client is told who logged in and can revoke its tokens"
    )
    access = deployment.fresh_access(party)
    trial.control(
        "Userinfo before the revocation", deployment.send_call(asking(trial, access), access), good=told
    )
    url = deployment.plan(access.party).endpoint("revocation_endpoint", access.party)
    revoked = deployment.wire.send(access.party.authenticate(form_request(url, ("token", access.token))))
    if revoked.text("error") == "unsupported_token_type":
        raise NotApplicable("the server says that it cannot revoke access tokens")
    trial.control("The revocation", revoked)
    attack = trial.attack(
        "Userinfo after the revocation", deployment.send_call(asking(trial, access), access)
    )
    return trial.judge(
        [attack],
        accepted=told,
        failure="Userinfo serves a revoked token.",
        success="The revoked token was refused.",
    )


@check(
    "UI-05",
    title="Userinfo takes access tokens alone",
    sends="an ID token and a client assertion as access tokens",
    fix="Demand the type of access tokens, and the server itself as audience.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-843",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def userinfo_takes_access_tokens(trial: Trial) -> Outcome:
    """An ID token has the right signature, issuer and person; only its type and audience say that it opens nothing."""
    access, _ = known_good(trial)
    tokens = {"The ID token": access.id_token, "The refresh token": access.refresh_token}
    attacks = [
        trial.attack(
            f"{label}, as {scheme}",
            asking(trial, carrying_another(access, token)).with_header("authorization", f"{scheme} {token}"),
        )
        for label, token in tokens.items()
        for scheme in dict.fromkeys((access.scheme, "Bearer"))
        if token
    ]
    return trial.judge(
        attacks,
        accepted=told,
        failure="Userinfo takes something for an access token that is none.",
        success="Other tokens were refused.",
    )


@check(
    "UI-06",
    title="Userinfo refuses tokens for other resource servers",
    sends="a token whose audience is another resource server",
    fix="Compare aud with the server's own identifier.",
    requirements=("RFC9700-2.3-p2.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    cwe="CWE-284",
    owasp="API2:2023",
)
def userinfo_compares_audience(trial: Trial) -> Outcome:
    """A resource server that got a token could read with it who its user is (RFC 9700 section 2.3)."""
    good, _ = known_good(trial)
    here = set(audience_of(read_parts(good.token)[1]))
    deployment = trial.deployment
    party = deployment.party()
    for scope in party.entry.scope.split():
        if scope == "openid":
            continue
        try:
            access = deployment.access(party, scope=scope)
        except Inconclusive:
            continue
        there = set(audience_of(read_parts(access.token)[1]))
        if there and there < here:
            attack = trial.attack(
                f"A token for {' '.join(sorted(there))}",
                deployment.send_call(asking(trial, access), access),
            )
            return trial.judge(
                [attack],
                accepted=told,
                failure="Userinfo takes a token for another resource server.",
                success="A token for another resource server was refused.",
            )
    raise NotApplicable("no token for another audience could be obtained")


@check(
    "UI-08",
    title="A used proof opens userinfo no second time",
    sends="a good userinfo request twice, with one proof",
    fix="Remember the jti of proofs at userinfo as at every other protected resource.",
    requirements=("RFC9449-11.1-p2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def userinfo_remembers_proofs(trial: Trial) -> Outcome:
    """Whoever saw a request, in a log or at a proxy, has token and proof of it; only that it was used stops them.

    RFC 9449 section 11.1 has servers remember the identifiers of proofs for as long as these are good.
    """
    access, _ = known_good(trial)
    trial.need(access.scheme == "DPoP", "the token is not bound to a proof key")
    request = asking(trial, access)
    trial.control("A proof for the first time", trial.deployment.wire.send(request), good=told)
    attack = trial.attack("The same request again", request)
    return trial.judge(
        [attack],
        accepted=told,
        failure="A used proof opened userinfo a second time.",
        success="The used proof was refused.",
    )
