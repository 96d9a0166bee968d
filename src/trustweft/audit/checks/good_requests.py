"""Good requests are answered: an endpoint that breaks at what it should serve has lost a part of itself."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from trustweft.audit.access import read_access
from trustweft.audit.asking import ask
from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.checks.revocation import revoking, revoking_client
from trustweft.audit.checks.token_grants import own_scope
from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.flow import bound
from trustweft.audit.protected import EVERY
from trustweft.audit.token_reading import introspecting, introspector
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

NOT_FOUND: Final = 404
CLOCKS_DIFFER: Final = 10.0  # seconds from which on a refused proof may be too old or too new


def _judge(answers: list[Exchange], where: str) -> Outcome:
    broken = [each for each in answers if each.broke]
    if broken:
        return failed(f"A good request {where} was answered with {broken[0].status}.")
    refused = [each for each in answers if not each.ok]
    if refused:
        raise Inconclusive(f"a good request {where} was refused: {refused[0].says}")
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
    party = revoking_client(trial)
    deployment.plan(party).endpoint("revocation_endpoint", party)
    tokens = {
        "An invented token": deployment.entropy.token(),
        "A token": deployment.fresh_access(party).token,
    }
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


@check(
    "RS-15",
    title="The APIs answer good requests without breaking",
    sends="a good request to each operation that only reads",
    fix="Find in the log what broke; a check or a step before the operation is missing.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_calls(trial: Trial) -> Outcome:
    """An API that breaks at what it should serve refuses attacks for the wrong reason, and nobody knows what it checks.

    Where the request was spelled out in the target file or was answered before, a 5xx is a defect; where the auditor
    made it of a description and of guesses, it is a sign of one.
    """
    deployment = trial.deployment
    known = [each for each in deployment.operations if each.safe and not each.public][:EVERY]
    guessed = [each for each in deployment.broken if each.template is not None]
    named = [each for each in deployment.broken if each.template is None]
    trial.need(known or guessed or named, "no reading operation is known that wants a token")
    access = deployment.access()

    def call(operation: Operation) -> Exchange:
        return trial.observe(
            operation.name, deployment.send_call(deployment.calling(operation, access), access)
        )

    answers = [call(each) for each in (*known, *named)]
    if not any(each.broke for each in answers):
        odd = [each.name for each in guessed if call(each).broke]
        if odd:
            return suspected(
                f"A request that its description allows was answered with 5xx: {'; '.join(odd)}."
            )
    return _judge(answers, "to the APIs")


@check(
    "AZ-25",
    title="A good authorization request leads to a login and back without breaking",
    sends="a good authorization request, and a login",
    fix="Find in the log what broke; a check or a step of the endpoint is missing.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_authorization(trial: Trial) -> Outcome:
    """While it breaks nobody can log in, and what else is tried here is refused for the wrong reason.

    A 5xx anywhere between the pushed request and the client's redirect URI is a defect, and so is a redirect or a form
    of the server that leads to nothing. Where the login just does not get on, the way that the target file describes
    may be the wrong one, and nothing is said.
    """
    deployment = trial.deployment
    reply = ask(deployment.flow(), deployment.user())
    for exchange in reply.exchanges:
        trial.observe("On the way", exchange)
    pages = [each for each in reply.exchanges if each.request.url.partition("?")[0] not in _named(trial)]
    broken = [each for each in reply.exchanges if each.broke]
    broken += [each for each in pages if each.status == NOT_FOUND]
    if broken:
        where = broken[0].request.url.partition("?")[0]
        return failed(f"A good authorization request was answered with {broken[0].status} at {where}.")
    if not reply.code:
        raise Inconclusive(f"no code came back: the way ended with {reply.decisive.status}")
    return passed("A good authorization request led to a login and back.")


@check(
    "DP-17",
    title="A server that offers DPoP takes good proofs",
    sends="a good token request and a good userinfo request, each with a proof",
    fix="Read the DPoP header wherever tokens are given or used.",
    requirements=("RFC9449-5-p3", "RFC9449-7.1-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-755",
    owasp="API8:2023",
)
def good_proofs(trial: Trial) -> Outcome:
    """Clients that bind their tokens are shut out where good proofs are refused, and are told to do without.

    The check signs with an algorithm that the server names and takes up the nonce that it gives. Where the clocks
    differ, the refusal says nothing.
    """
    deployment = trial.deployment
    party = deployment.party()
    offered = deployment.discovery.list("dpop_signing_alg_values_supported") or ()
    trial.need("ES256" in offered and deployment.plan(party).binding == "dpop", "the server offers no DPoP")
    flow = deployment.flow(party)
    answer = deployment.send_bound(flow.token_request(deployment.code(flow)), party)
    answers = [trial.observe("A code with a good proof", answer)]
    if answer.issued and answer.text("id_token") and deployment.discovery.text("userinfo_endpoint"):
        access = read_access(answer, party=party, user=None, flow=flow, now=deployment.clock.now())
        url = deployment.plan(party).endpoint("userinfo_endpoint", party)
        asked = deployment.using(Request(method="GET", url=url), access)
        answers.append(trial.observe("Userinfo with a good proof", deployment.send_call(asked, access)))
    refused = [each for each in answers if _blames_proof(each)]
    if not refused:
        return _judge(answers, "with a proof")
    if abs(_dated(refused[0]) - deployment.clock.now()) > CLOCKS_DIFFER:
        raise Inconclusive("a proof was refused, and the server's clock shows another time or none")
    return failed(f"A good proof was refused: {refused[0].status} {_words(refused[0])}.")


def _named(trial: Trial) -> tuple[str, ...]:
    """Return the addresses where a way begins: those that somebody else named, and not the server as it went."""
    names = ("authorization_endpoint", "pushed_authorization_request_endpoint")
    return tuple(trial.deployment.discovery.text(each).partition("?")[0] for each in names)


def _words(answer: Exchange) -> str:
    return f"{answer.text('error')} {answer.header('www-authenticate') or ''}".strip()


def _blames_proof(answer: Exchange) -> bool:
    return not answer.ok and ("invalid_dpop_proof" in _words(answer) or "use_dpop_nonce" in _words(answer))


def _dated(answer: Exchange) -> float:
    """Return what the server's clock said, in seconds since 1970; 0 where the answer does not tell."""
    try:
        return parsedate_to_datetime(answer.header("date") or "").timestamp()
    except ValueError:
        return 0.0
