"""Good requests are answered: an endpoint that breaks at what it should serve has lost a part of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.access import read_access
from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.checks.revocation import revoking
from trustweft.audit.checks.token_grants import own_scope
from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.flow import bound
from trustweft.audit.token_reading import introspecting, introspector
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


def _judge(answers: list[Exchange], where: str) -> Outcome:
    broken = [each for each in answers if each.broke]
    if broken:
        return failed(f"A good request {where} was answered with {broken[0].status}.")
    refused = [each for each in answers if not each.ok]
    if refused:
        raise Inconclusive(f"a good request {where} was refused: {refused[0].status} {refused[0].error}")
    return passed(f"Good requests {where} were answered.")


@check(
    "TK-23-good",
    title="The token endpoint serves good requests without breaking",
    sends="a good request for each grant of the client",
    fix="Find in the log what broke; a check or a step of the endpoint is missing.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_token_requests(trial: Trial) -> Outcome:
    """A status of 5xx for a good request is never an answer (RFC 6749 section 5).

    It is a part that is missing or down; and whatever else is tried at an endpoint that breaks is refused for the
    wrong reason. The check sends one good request for each grant that the client has.
    """
    deployment = trial.deployment
    party = deployment.party()
    plan = deployment.plan(party)
    answers = []
    if "authorization_code" in party.entry.grant_types:
        flow = deployment.flow(party)
        code = deployment.code(flow)
        answer = trial.observe("A code", deployment.send_bound(flow.token_request(code), party))
        answers.append(answer)
        access = read_access(answer, party=party, user=None, flow=flow, now=deployment.clock.now())
        if access.refresh_token:
            answers.append(
                trial.observe("A refresh token", deployment.send_bound(deployment.refreshing(access), party))
            )
    if "client_credentials" in party.entry.grant_types:
        url = plan.endpoint("token_endpoint", party)
        asked = form_request(url, ("grant_type", "client_credentials"), ("scope", own_scope(party)))
        request = bound(party.authenticate(asked), party=party, wire=deployment.wire, plan=plan)
        answers.append(trial.observe("client_credentials", deployment.send_bound(request, party)))
    return _judge(answers, "at the token endpoint")


@check(
    "IN-06",
    title="Introspection answers good requests without breaking",
    sends="a good introspection request",
    fix="Find in the log what broke; a check or a step of the endpoint is missing.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_introspection(trial: Trial) -> Outcome:
    """While introspection breaks no resource server that relies on it can serve, or it serves without asking."""
    deployment = trial.deployment
    request = introspecting(deployment, introspector(deployment), deployment.access().token)
    return _judge(
        [trial.observe("A good token", deployment.wire.send(request))], "at the introspection endpoint"
    )


@check(
    "RV-04",
    title="Revocation answers good requests without breaking",
    sends="the revocation of an invented token and of one of its own",
    fix="Find in the log what broke; a check or a step of the endpoint is missing.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
    alone=True,
)
def good_revocation(trial: Trial) -> Outcome:
    """While revocation breaks nothing can be taken back, and a client that gets a 5xx believes it will be (RFC 7009 section 2.2.1)."""
    deployment = trial.deployment
    party = deployment.party()
    deployment.plan(party).endpoint("revocation_endpoint", party)
    tokens = {"An invented token": deployment.entropy.token(), "A token": deployment.fresh_access().token}
    answers = [
        trial.observe(label, deployment.wire.send(revoking(trial, party, token)))
        for label, token in tokens.items()
    ]
    if any(each.text("error") == "unsupported_token_type" for each in answers):
        return passed("The server says that it cannot revoke such tokens.")
    return _judge(answers, "at the revocation endpoint")


@check(
    "UI-07",
    title="Userinfo answers good requests without breaking",
    sends="a good userinfo request",
    fix="Find in the log what broke; a check or a step of the endpoint is missing.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_userinfo(trial: Trial) -> Outcome:
    """Clients that are told to ask for who logged in cannot go on while it breaks (OpenID Connect Core section 5.3)."""
    deployment = trial.deployment
    access = deployment.access()
    url = deployment.plan(access.party).endpoint("userinfo_endpoint", access.party)
    trial.need(access.id_token, "the client gets no ID token: openid is not in its scope")
    answer = deployment.send_call(deployment.using(Request(method="GET", url=url), access), access)
    return _judge([trial.observe("A good token", answer)], "at userinfo")
