"""Methods and modes that no clause forbids, and that a server had better not take for the ones it knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trustweft.audit.asking import ask, good_request, judge_replies
from trustweft.audit.check import check
from trustweft.audit.checks.revocation import revoking, revoking_client
from trustweft.audit.checks.token_grants import ask as ask_token
from trustweft.audit.checks.token_grants import granted_scope, own_scope
from trustweft.audit.checks.userinfo import asking, known_good, told
from trustweft.audit.token_reading import introspecting, introspector
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


@check(
    "IN-06-method",
    title="Introspection answers POST alone",
    sends="a good introspection request as PUT",
    fix="Refuse other methods with 405, so that proxies and logs see what they expect.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-650",
    owasp="API8:2023",
)
def introspection_takes_post(trial: Trial) -> Outcome:
    """RFC 7662 section 2.1 asks by POST. A rule of a gateway for POST does not see the same request by another name."""
    deployment = trial.deployment
    party, token = introspector(deployment), deployment.access().token
    good = deployment.wire.send(introspecting(deployment, party, token))
    trial.control("A good introspection request", good)
    return trial.judge(
        [trial.attack("The same as PUT", replace(introspecting(deployment, party, token), method="PUT"))],
        accepted=lambda each: "active" in each.document(),
        failure="Introspection answered another method than POST.",
        success="Introspection refused another method than POST.",
    )


@check(
    "RV-04-method",
    title="Revocation answers POST alone",
    sends="the revocation of an invented token as PUT",
    fix="Refuse other methods with 405, so that proxies and logs see what they expect.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-650",
    owasp="API8:2023",
)
def revocation_takes_post(trial: Trial) -> Outcome:
    """RFC 7009 section 2.1 asks by POST. A rule of a gateway for POST does not see the same request by another name."""
    deployment = trial.deployment
    trial.need(deployment.discovery.text("revocation_endpoint"), "the server names no revocation_endpoint")
    party = revoking_client(trial)
    token = deployment.entropy.token()
    trial.control("A good revocation", deployment.wire.send(revoking(trial, party, token)))
    attack = replace(revoking(trial, party, token), method="PUT")
    return trial.access_refused(
        [trial.attack("The same as PUT", attack)],
        failure="Revocation answered another method than POST.",
        success="Revocation refused another method than POST.",
    )


@check(
    "UI-07-method",
    title="Userinfo answers GET and POST alone",
    sends="a good userinfo request as PATCH",
    fix="Refuse other methods with 405, so that proxies and logs see what they expect.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-650",
    owasp="API8:2023",
)
def userinfo_takes_two_methods(trial: Trial) -> Outcome:
    """OpenID Connect Core section 5.3 has GET and POST; whatever answers to any method does so by accident."""
    deployment = trial.deployment
    access, _ = known_good(trial)
    request = replace(asking(trial, access), method="PATCH")
    attack = deployment.send_call(deployment.using(request, access), access)
    return trial.judge(
        [trial.attack("The same as PATCH", attack)],
        accepted=told,
        failure="Userinfo answered another method than GET and POST.",
        success="Userinfo refused another method than GET and POST.",
    )


@check(
    "AZ-03-mode",
    title="A response mode that the server does not know is refused",
    sends="an authorization request with an unknown response_mode",
    fix="Refuse a response_mode that is not supported, instead of answering in another.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-20",
    owasp="API8:2023",
)
def unknown_mode_is_refused(trial: Trial) -> Outcome:
    """A client asks for a mode to keep the code out of addresses, or to have it signed; another mode undoes that.

    OAuth 2.0 Multiple Response Type Encoding Practices section 2.1 does not say what becomes of modes that are unknown.
    """
    good_request(trial)
    flow = trial.deployment.flow(changes={"response_mode": "trustweft-check"})
    return judge_replies(
        trial,
        [("An unknown response_mode", ask(flow, trial.deployment.user()))],
        failure="A code came in another mode than was asked for.",
        success="A mode that nobody knows was refused.",
    )


@check(
    "TK-14-personal",
    title="A client alone gets no scope that is about a person",
    sends="a client_credentials request with openid in its scope",
    fix="Refuse openid, profile and the like with client_credentials: nobody has logged in.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-863",
    owasp="API5:2023",
)
def nobody_has_logged_in(trial: Trial) -> Outcome:
    """With ``openid`` in its scope a token looks as if somebody had logged in (OpenID Connect Core section 3.1.2.1).

    A resource server that takes its ``sub`` for a person has a client for a user (RFC 9700 section 4.15).
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need("openid" in party.entry.scope.split(), "the client does not use OpenID Connect")
    trial.control(
        "The client's own token", deployment.own_access(party).answer, good=lambda each: each.issued
    )
    scope = f"openid {own_scope(party)}"
    grant = ("grant_type", "client_credentials")
    return trial.judge(
        [ask_token(trial, "client_credentials with openid", party, grant, ("scope", scope))],
        accepted=lambda each: each.issued and "openid" in granted_scope(each, scope),
        failure="A client alone got a token with openid in its scope.",
        success="A client alone got no openid.",
    )
