"""When a client assertion is good: from its time to its end, and for one request alone."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from trustweft.audit.access import read_access
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.checks.client_assertion_claims import judge_claims
from trustweft.audit.checks.client_assertion_forged import carrying, signing_door
from trustweft.audit.door import with_assertion
from trustweft.audit.exchange import Exchange, Request, form_request
from trustweft.audit.flow import bound
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

HOUR: Final = 3600
YEAR: Final = 31_536_000
TOLERATED_SECONDS: Final = 8  # of the 10 that FAPI 2.0 section 5.3.2.1 has servers accept
RACERS: Final = 8
ROUNDS: Final = 3


@check(
    "CA-06",
    title="A client assertion that expired is refused",
    sends="client assertions that expired two minutes and a day ago",
    fix="Compare exp with the time, with a tolerance of seconds.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def expired_assertion(trial: Trial) -> Outcome:
    """RFC 7523 section 3: an assertion is refused after its ``exp``, save for a difference of clocks."""
    now = int(trial.deployment.clock.now())
    return judge_claims(
        trial,
        {
            "Expired two minutes ago": {"iat": now - 180, "exp": now - 120},
            "Expired a day ago": {"iat": now - 86_460, "exp": now - 86_400},
        },
        failure="An expired assertion authenticated the client.",
        success="Expired assertions were refused.",
    )


@check(
    "CA-06-not-yet",
    title="A client assertion that is not good yet is refused",
    sends="a client assertion whose nbf is in an hour",
    fix="Refuse an assertion before its nbf, with a tolerance of at most a minute.",
    requirements=("FAPI2-SP-5.3.2.1-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-613",
)
def assertion_before_its_time(trial: Trial) -> Outcome:
    """RFC 7523 section 3: before ``nbf`` the assertion is not accepted; FAPI 2.0 allows clocks to differ by a minute."""
    now = int(trial.deployment.clock.now())
    return judge_claims(
        trial,
        {"nbf in an hour": {"nbf": now + HOUR, "exp": now + HOUR + 60}},
        failure="An assertion was accepted an hour before its nbf.",
        success="The assertion was refused before its nbf.",
    )


@check(
    "CA-06-future",
    title="A client assertion from the future is refused",
    sends="client assertions that were issued in two minutes, and in an hour",
    fix="Refuse an iat that lies more than a minute ahead.",
    requirements=("FAPI2-SP-5.3.2.1-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    cwe="CWE-613",
)
def assertion_from_the_future(trial: Trial) -> Outcome:
    """Assertions that were made in advance work after the key was taken away; FAPI 2.0 section 5.3.2.1 item 13."""
    now = int(trial.deployment.clock.now())
    return judge_claims(
        trial,
        {
            "Issued in two minutes": {"iat": now + 120, "exp": now + 180},
            "Issued in an hour": {"iat": now + HOUR, "exp": now + HOUR + 60},
        },
        failure="An assertion from the future authenticated the client.",
        success="Assertions from the future were refused.",
    )


@check(
    "CA-06-far",
    title="A client assertion does not live for years",
    sends="a client assertion that expires in a year",
    fix="Refuse an exp that lies more than some minutes ahead.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-613",
)
def assertion_for_a_year(trial: Trial) -> Outcome:
    """RFC 7523 section 3 lets servers refuse an ``exp`` that is unreasonably far: a replay must be remembered as long."""
    now = int(trial.deployment.clock.now())
    return judge_claims(
        trial,
        {"Good for a year": {"exp": now + YEAR}},
        failure="An assertion that lives for a year authenticated the client.",
        success="An assertion that lives for a year was refused.",
    )


@check(
    "CA-06-clocks",
    title="A client whose clock is some seconds ahead is not refused",
    sends="a client assertion that was issued in eight seconds",
    fix="Accept an iat and nbf of up to ten seconds ahead; thirty have ended the trouble in practice.",
    requirements=("FAPI2-SP-5.3.2.1-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-440",
)
def clocks_may_differ(trial: Trial) -> Outcome:
    """Clocks differ; a server that does not allow for it fails its clients now and then, and nobody finds out why.

    FAPI 2.0 section 5.3.2.1 item 13: up to ten seconds ahead are accepted. The check goes by the server's own clock,
    as its Date header shows it.
    """
    door, _ = signing_door(trial)
    there = _time_there(trial.evidence[-1].exchange)
    ahead = there + TOLERATED_SECONDS
    answer = trial.observe(
        "Issued in eight seconds",
        door.knock("Issued in eight seconds", with_assertion(door.party, iat=ahead, nbf=ahead)),
    )
    trial.need_clear([answer])
    if door.entered(answer):
        return passed("An assertion that is eight seconds ahead was accepted.")
    return failed("An assertion that is eight seconds ahead was refused.")


@check(
    "CA-07",
    title="A client assertion works once",
    sends="a client assertion, twice",
    fix="Remember the jti of each assertion until it expires, and refuse it the second time.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_works_once(trial: Trial) -> Outcome:
    """Whoever sees an assertion, in a log or at a proxy, is the client until it expires, unless it is used up.

    OpenID Connect Core section 9: an assertion is used once. The second request is fresh in all else.
    """
    door, _ = signing_door(trial)
    assertion = door.party.assertion()
    first = door.knock("An assertion", showing(assertion))
    trial.control("An assertion for the first time", first, good=door.entered)
    second = door.knock("The same assertion again", showing(assertion))
    return trial.judge(
        [second],
        accepted=door.entered,
        failure="An assertion authenticated the client a second time.",
        success="The assertion was refused the second time.",
    )


@check(
    "CA-07-race",
    title="Of many uses of one client assertion at the same moment, one succeeds",
    sends="eight simultaneous requests with one client assertion, three times",
    fix="Remember jti in one atomic step that only the first request wins.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-362",
)
def one_use_wins(trial: Trial) -> Outcome:
    """Looking whether a jti is known and writing it down are two steps, between which others fit.

    The check races three times: whoever wins a race once may have been lucky.
    """
    door, _ = signing_door(trial)
    for _ in range(ROUNDS):
        assertion = door.party.assertion()
        requests = [showing(assertion)(door.make()) for _ in range(RACERS)]
        answers = [each for each in trial.deployment.wire.race(requests) if isinstance(each, Exchange)]
        for each in answers:
            trial.attack("One of the simultaneous uses", each)
        entered = sum(map(door.entered, answers))
        if entered > 1:
            return failed(
                f"One assertion authenticated the client in {entered} of {RACERS} simultaneous requests."
            )
        if not entered:
            raise Inconclusive("none of the simultaneous requests succeeded")
    return passed(f"Of {RACERS} simultaneous uses of one assertion, one succeeded, {ROUNDS} times.")


@check(
    "CA-07-endpoints",
    title="A client assertion that was used at one endpoint is refused at the others",
    sends="a used client assertion, to each endpoint that clients authenticate at",
    fix="Let all endpoints of the server share one memory of used assertions.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def assertion_is_used_up_everywhere(trial: Trial) -> Outcome:
    """The audience is the same at every endpoint; so a memory per endpoint makes one assertion good for several requests.

    The check uses an assertion at one endpoint and then at those for pushed requests and revocation; there a request
    for a token that does not exist is answered with 200 to whoever authenticated.
    """
    door, _ = signing_door(trial)
    deployment = trial.deployment
    party = door.party
    plan = deployment.plan(party)
    targets = []
    if plan.pushes and party.entry.redirect_uri:
        flow = deployment.flow(party)
        url = plan.endpoint("pushed_authorization_request_endpoint", party)
        targets.append(("a pushed request", form_request(url, *flow.parameters.items())))
    if deployment.discovery.text("revocation_endpoint"):
        url = plan.endpoint("revocation_endpoint", party)
        targets.append(("a revocation", form_request(url, ("token", party.entropy.token()))))
    if not targets:
        raise NotApplicable("the token endpoint is the only one that clients authenticate at")
    attacks = []
    for what, request in targets:
        fresh = deployment.wire.send(party.authenticate(request))
        trial.control(f"A fresh assertion for {what}", fresh)
        assertion = party.assertion()
        first = door.knock("An assertion", showing(assertion))
        trial.control("An assertion used elsewhere", first, good=door.entered)
        attacks.append(trial.attack(f"The used assertion for {what}", showing(assertion)(request)))
    return trial.judge(
        attacks,
        accepted=lambda each: each.ok,
        failure="An assertion that was used at one endpoint authenticated the client at another.",
        success="Used assertions were refused at the other endpoints.",
    )


@check(
    "CA-07-grants",
    title="A used client assertion is refused for every grant",
    sends="a used client assertion with a fresh code, and with a refresh token",
    fix="Refuse used assertions before the grant is looked at, whichever it is.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_is_used_up_for_every_grant(trial: Trial) -> Outcome:
    """Each grant is code of its own, and may have forgotten to ask the memory of used assertions.

    The check redeems a code and uses a refresh token with the assertion that redeemed the code before.
    """
    door, _ = signing_door(trial)
    deployment, party = trial.deployment, door.party
    trial.need("authorization_code" in party.entry.grant_types, "the client may not use codes")
    flow, other = deployment.flow(party), deployment.flow(party)
    assertion = party.assertion()
    first = _with(trial, party, assertion, flow.token_request(deployment.code(flow)))
    trial.control("A code with an assertion", first, good=lambda each: each.issued)
    access = read_access(first, party=party, user=None, flow=flow, now=deployment.clock.now())
    attacks = [
        trial.attack(
            "Another code with the same assertion",
            _with(trial, party, assertion, other.token_request(deployment.code(other))),
        )
    ]
    if access.refresh_token:
        attacks.append(
            trial.attack(
                "A refresh token with the same assertion",
                _with(trial, party, assertion, deployment.refreshing(access)),
            )
        )
    return trial.tokens_refused(
        attacks,
        failure="A used assertion authenticated the client for another grant.",
        success="The used assertion was refused for every grant.",
    )


@check(
    "CA-07-proof",
    title="A used DPoP proof is refused for every grant",
    sends="a used proof with a fresh code, and with a refresh token",
    fix="Remember the jti of proofs for every grant of the token endpoint.",
    requirements=("RFC9449-11.1-p2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def proof_is_used_up_for_every_grant(trial: Trial) -> Outcome:
    """A proof that was seen once shows that somebody had the key then, not that they have it now (RFC 9449 section 11.1).

    The check sends the proof of one token request with the next ones; all else in them is fresh.
    """
    deployment = trial.deployment
    party = deployment.party()
    trial.need(deployment.plan(party).binding == "dpop", "the server does not know DPoP")
    trial.need("authorization_code" in party.entry.grant_types, "the client may not use codes")
    flow, other = deployment.flow(party), deployment.flow(party)
    first = deployment.send_bound(flow.token_request(deployment.code(flow)), party)
    trial.control("A code with a proof", first, good=lambda each: each.issued)
    proof = first.request.header("dpop")
    access = read_access(first, party=party, user=None, flow=flow, now=deployment.clock.now())
    requests = {"Another code with the same proof": other.token_request(deployment.code(other))}
    if access.refresh_token:
        requests["A refresh token with the same proof"] = deployment.refreshing(access)
    attacks = [trial.attack(label, request.with_header("dpop", proof)) for label, request in requests.items()]
    return trial.tokens_refused(
        attacks,
        failure="A used proof was taken for another grant.",
        success="The used proof was refused for every grant.",
    )


def _with(trial: Trial, party: Party, assertion: str, request: Request) -> Exchange:
    """Send a request with this very assertion, once more with a fresh proof where the server asks for its nonce."""
    answer = trial.deployment.wire.send(showing(assertion)(request))
    if answer.text("error") != "use_dpop_nonce":
        return answer
    plan = trial.deployment.plan(party)
    proven = bound(request, party=party, wire=trial.deployment.wire, plan=plan)
    return trial.deployment.wire.send(showing(assertion)(proven))


def _time_there(exchange: Exchange) -> int:
    date = exchange.header("date")
    if date is None:
        raise Inconclusive("the server's answers have no Date, so that its clock is not known")
    return int(parsedate_to_datetime(date).timestamp())


def showing(assertion: str) -> Callable[[Request], Request]:
    """Return what adds this very assertion to a request."""
    return carrying(lambda: assertion)
