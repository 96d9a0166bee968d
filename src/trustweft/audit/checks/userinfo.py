"""Userinfo: whom it tells about a person, and that it is the person of the ID token (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.forging import read_parts, with_claims, without_signature
from trustweft.audit.token_reading import audience_of
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial


def told(exchange: Exchange) -> bool:
    """Return whether an answer tells anything about a person."""
    return exchange.ok and bool(exchange.document().get("sub") or read_parts(exchange.page().strip())[1])


def asking(trial: Trial, access: Access) -> Request:
    """Return the good request with a token.

    Raises:
        NotApplicable: there is no userinfo.
    """
    url = trial.deployment.plan(access.party).endpoint("userinfo_endpoint", access.party)
    return trial.deployment.using(Request(method="GET", url=url), access)


def _good(trial: Trial) -> tuple[Access, Exchange]:
    deployment = trial.deployment
    trial.need(deployment.discovery.text("userinfo_endpoint"), "the server names no userinfo_endpoint")
    access = deployment.access()
    trial.need(access.id_token, "the client gets no ID token: openid is not in its scope")
    answer = deployment.send_call(asking(trial, access), access)
    return access, trial.control("Userinfo with a good token", answer, good=told)


@check(
    "UI-01",
    title="Userinfo tells nothing without a token",
    sends="userinfo requests without a token, and with one that nobody issued",
    fix="Verify the access token before anything is told.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("anonymous-access",),
)
def userinfo_needs_a_token(trial: Trial) -> Outcome:
    """Userinfo is a protected resource like any other (OpenID Connect Core section 5.3.1)."""
    access, _ = _good(trial)
    request = asking(trial, access)
    attacks = [
        trial.attack("No token", request.with_header("authorization", None)),
        trial.attack("An empty token", request.with_header("authorization", access.scheme)),
        trial.attack(
            "An invented token",
            request.with_header("authorization", f"{access.scheme} {trial.deployment.entropy.token()}"),
        ),
    ]
    return trial.judge(
        attacks,
        accepted=told,
        failure="Userinfo answers without a good token.",
        success="Without a good token userinfo tells nothing.",
    )


@check(
    "UI-01-forged",
    title="Userinfo refuses a token that was changed",
    sends="an access token without its signature and with another subject",
    fix="Verify the signature of access tokens with the server's own keys and algorithm.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def userinfo_verifies(trial: Trial) -> Outcome:
    """A real token whose claims were changed is the forgery that is most like a good one: all but the signature fits."""
    access, _ = _good(trial)
    trial.need(read_parts(access.token)[1], "access tokens are opaque")
    attacks = []
    for label, token in (
        ("No signature", without_signature(access.token)),
        ("Another subject under the old signature", with_claims(access.token, sub="somebody-else")),
        ("A later exp under the old signature", with_claims(access.token, exp=4_102_444_800)),
    ):
        attacks.append(trial.attack(label, asking(trial, _with_token(access, token))))
    return trial.judge(
        attacks,
        accepted=told,
        failure="Userinfo accepts a changed token.",
        success="Changed tokens are refused.",
    )


@check(
    "UI-01-scope",
    title="Userinfo needs the scope openid",
    sends="a token without openid in its scope",
    fix="Answer 403 insufficient_scope where the token does not cover openid.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def userinfo_needs_openid(trial: Trial) -> Outcome:
    """A person who agreed to one thing did not agree to say who they are (OpenID Connect Core section 5.3.1)."""
    _good(trial)
    deployment = trial.deployment
    party = deployment.party()
    without = " ".join(scope for scope in party.entry.scope.split() if scope != "openid")
    trial.need(without, "the client's scope is openid alone")
    access = deployment.access(party, scope=without)
    if "openid" in access.scope.split():
        raise Inconclusive("the server gave openid although it was not asked for")
    attack = trial.attack("A token without openid", deployment.send_call(asking(trial, access), access))
    return trial.judge(
        [attack],
        accepted=told,
        failure="Userinfo tells who the person is to a token without openid.",
        success="Without openid nothing was told.",
    )


@check(
    "UI-01-client",
    title="Userinfo tells nothing to a client's own token",
    sends="a token of the client's own",
    fix="Refuse tokens at userinfo that are about no person.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-863",
    owasp="API2:2023",
)
def userinfo_is_about_people(trial: Trial) -> Outcome:
    """Nobody logged in for such a token, so that whoever userinfo names is somebody else (RFC 9700 section 4.15)."""
    _good(trial)
    deployment = trial.deployment
    own = deployment.own_access()
    attack = trial.attack("The client's own token", deployment.send_call(asking(trial, own), own))
    return trial.judge(
        [attack],
        accepted=told,
        failure="Userinfo answers to a token that is about no person.",
        success="The client's own token was refused.",
    )


@check(
    "UI-01-subject",
    title="Userinfo and the ID token are about the same person",
    sends="a good userinfo request",
    fix="Use one sub for a person and a client, in the ID token and at userinfo.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-287",
)
def same_person(trial: Trial) -> Outcome:
    """A client must compare both (OpenID Connect Core section 5.3.2), and refuse the login where they differ."""
    access, answer = _good(trial)
    here = answer.text("sub") or read_parts(answer.page().strip())[1].get("sub")
    there = read_parts(access.id_token)[1].get("sub")
    if there is None:
        raise Inconclusive("the ID token cannot be read")
    if here == there:
        return passed("The sub is the same.")
    return failed("The sub of userinfo is not that of the ID token.")


@check(
    "UI-01-claims",
    title="Userinfo tells what the scope covers, and no more",
    sends="a token with openid alone in its scope",
    fix="Tell profile, email, address and phone only where the scope has them.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-213",
    owasp="API3:2023",
    gives=("rights-widened",),
)
def userinfo_follows_scope(trial: Trial) -> Outcome:
    """OpenID Connect Core section 5.4 says which scope asks for which claims; the person saw the scope."""
    _good(trial)
    deployment = trial.deployment
    access = deployment.access(scope="openid")
    if set(access.scope.split()) - {"openid"}:
        raise Inconclusive("the server gave more than openid although it was not asked for")
    answer = trial.observe("Userinfo with openid alone", deployment.send_call(asking(trial, access), access))
    trial.need_clear([answer])
    trial.need(answer.ok, "a token with openid alone is refused")
    beyond = set(answer.document()) & _ASKED_BY_SCOPE
    if beyond:
        return failed(f"With the scope openid alone userinfo tells {', '.join(sorted(beyond))}.")
    return passed("With openid alone nothing of profile, email, address or phone was told.")


_ASKED_BY_SCOPE = {
    *(
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "picture",
        "website",
    ),
    *("gender", "birthdate", "zoneinfo", "locale"),
    *("email", "email_verified", "address", "phone_number", "phone_number_verified"),
}


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
    access, _ = _good(trial)
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
    _good(trial)
    deployment = trial.deployment
    trial.need(deployment.discovery.text("revocation_endpoint"), "the server names no revocation_endpoint")
    access = deployment.fresh_access()
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
    access, _ = _good(trial)
    tokens = {"The ID token": access.id_token, "The refresh token": access.refresh_token}
    attacks = [
        trial.attack(
            f"{label}, as {scheme}",
            asking(trial, _with_token(access, token)).with_header("authorization", f"{scheme} {token}"),
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
    good, _ = _good(trial)
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


def _with_token(access: Access, token: str) -> Access:
    return replace(access, token=token)
