"""The token endpoint: codes and refresh tokens work once, for their client, with their verifier and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check, failed, passed
from trustweft.audit.clients import other_client
from trustweft.audit.flow import bound
from trustweft.audit.parties import unauthenticated
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial


@check(
    "TK-01",
    title="An authorization code works once",
    sends="a code to the token endpoint, twice",
    fix="Redeem a code in one atomic step that only one request can win, and refuse it ever after.",
    requirements=("FAPI2-SP-5.3.2.2-9", "RFC9700-4.2.4-4", "RFC9700-4.3.1-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A3",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("spent-code-usable",),
)
def code_works_once(trial: Trial) -> Outcome:
    """A code travels through the browser, and stays behind in histories and logs.

    The check redeems a fresh code, as its client does, and then once more with everything fresh: assertion and proof.
    RFC 6749 section 4.1.2 forbids the second; where it works, whoever finds a code later has tokens of the victim.
    """
    deployment = trial.deployment
    flow = deployment.flow()
    code = deployment.code(flow)
    trial.control(
        "The code redeemed by its client",
        deployment.send_bound(flow.token_request(code), flow.party),
        good=lambda each: each.issued,
    )
    again = trial.attack("The same code again", deployment.send_bound(flow.token_request(code), flow.party))
    return trial.tokens_refused(
        [again], failure="A code was redeemed twice.", success="The code was refused the second time."
    )


@check(
    "TK-03",
    title="A code works only for the client that it was issued to",
    sends="a code of one client to the token endpoint, as another client",
    fix="Compare the authenticated client with the one that the code was issued to.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A3",),
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("stolen-code-usable",),
)
def code_belongs_to_client(trial: Trial) -> Outcome:
    """Another client, honest or not, must not be able to redeem a code that it came by (RFC 6749 section 4.1.3)."""
    deployment = trial.deployment
    stranger = other_client(trial)
    flow = deployment.flow()
    code = deployment.code(flow)
    stolen = stranger.authenticate(unauthenticated(flow.token_request(code), flow.party))
    plan = deployment.plan(stranger)
    attack = trial.attack(
        "The code redeemed by another client",
        deployment.send_bound(bound(stolen, party=stranger, wire=deployment.wire, plan=plan), stranger),
    )
    outcome = trial.tokens_refused(
        [attack],
        failure="Another client redeemed the code.",
        success="The code was refused to another client.",
    )
    control = deployment.flow()
    trial.control(
        "A fresh code redeemed by its client",
        deployment.send_bound(control.token_request(deployment.code(control)), control.party),
        good=lambda each: each.issued,
    )
    return outcome


@check(
    "TK-10",
    title="Answers with tokens are not kept in caches",
    sends="a code to the token endpoint",
    fix="Send Cache-Control: no-store with every answer of the token endpoint.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-525",
)
def token_answers_are_not_stored(trial: Trial) -> Outcome:
    """RFC 6749 section 5.1 asks for it, so that no proxy or disk keeps what opens an account."""
    access = trial.deployment.access()
    answer = trial.observe("A good answer of the token endpoint", access.answer)
    if "no-store" in (answer.header("cache-control") or "").lower():
        return passed("Answers of the token endpoint carry Cache-Control: no-store.")
    return failed(f"The answer carries Cache-Control: {answer.header('cache-control') or 'nothing'}.")
