"""Userinfo: whom it tells about a person, and that it is the person of the ID token (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.forging import read_parts, with_claims, without_signature
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


def known_good(trial: Trial) -> tuple[Access, Exchange]:
    """Return a good token with the answer that it got, which is the control.

    Raises:
        Inconclusive: it was refused.
        NotApplicable: there is no userinfo, or the client does not use OpenID Connect.
    """
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
    access, _ = known_good(trial)
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
    access, _ = known_good(trial)
    trial.need(read_parts(access.token)[1], "access tokens are opaque")
    attacks = []
    for label, token in (
        ("No signature", without_signature(access.token)),
        ("Another subject under the old signature", with_claims(access.token, sub="somebody-else")),
        ("A later exp under the old signature", with_claims(access.token, exp=4_102_444_800)),
    ):
        attacks.append(trial.attack(label, asking(trial, carrying_another(access, token))))
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
    known_good(trial)
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
    known_good(trial)
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
    access, answer = known_good(trial)
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
    known_good(trial)
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


def carrying_another(access: Access, token: str) -> Access:
    """Return the same with another token, for which the holder's key then makes proofs."""
    return replace(access, token=token)
