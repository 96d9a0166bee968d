"""Pushed authorization requests: what is signed in them counts once, and what is signed is not passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check
from trustweft.audit.checks.pushed_request import control_push, pushed, pushing_flow
from trustweft.audit.forging import forge
from trustweft.audit.parties import assertion_parameters
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_WRONG_NONCE = "trustweft-check-no-such-nonce"


@check(
    "PAR-01-replay",
    title="A client assertion pushes one request",
    sends="two pushed requests with one client assertion",
    fix="Remember the jti of each assertion until it expires, at every endpoint.",
    requirements=("FAPI2-SP-5.3.2.1-6.2", "RFC9126-2.1-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_pushes_once(trial: Trial) -> Outcome:
    """What the token endpoint remembers, this endpoint has to remember too: OpenID Connect Core section 9.

    The check pushes a good request, and another fresh one with the assertion of the first.
    """
    flow = pushing_flow(trial)
    trial.need(flow.party.entry.authentication == "private_key_jwt", "the client does not sign assertions")
    assertion = assertion_parameters(flow.party.assertion())
    first = flow.pushed_request().with_parameters(*assertion)
    trial.control("An assertion for the first time", trial.deployment.wire.send(first), good=pushed)
    second = pushing_flow(trial).pushed_request().with_parameters(*assertion)
    return trial.judge(
        [trial.attack("Another request with the same assertion", second)],
        accepted=pushed,
        failure="An assertion pushed a second request.",
        success="The assertion was refused the second time.",
    )


@check(
    "PAR-16-object",
    title="A request object is read or refused, and never passed over",
    sends="a pushed request with a request object beside its parameters, signed by a key that nobody knows",
    fix="Verify request objects, or answer them with request_not_supported.",
    requirements=("RFC9101-6.2-p2", "RFC9101-5-p6.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-347",
    owasp="API8:2023",
)
def request_objects_are_not_passed_over(trial: Trial) -> Outcome:
    """A client that signs its request relies on what is signed. A server that reads what stands beside it misleads both.

    OpenID Connect Core section 6.1 and RFC 9101 section 6 leave two answers: verify, or refuse. The object here has a
    signature that cannot be verified, so either way the request must not be taken.
    """
    deployment = trial.deployment
    openid = deployment.discovery.openid
    stated = "request_parameter_supported" in deployment.discovery.metadata
    trial.need(stated or (openid is not None and openid.ok), "the server says nothing of request objects")
    control_push(trial)
    flow = pushing_flow(trial)
    claims = {"iss": flow.party.client_id, "aud": deployment.target.issuer, **flow.parameters}
    header = {"alg": "ES256", "typ": "oauth-authz-req+jwt"}
    signed = forge(header, claims, key=flow.party.other_signer.private_key)
    return trial.judge(
        [
            trial.attack(
                "A request object of a foreign key",
                flow.pushed_request().with_parameters(("request", signed)),
            )
        ],
        accepted=pushed,
        failure="A request object that nobody could verify was passed over.",
        success="A request object that nobody could verify was refused.",
    )


@check(
    "AZ-19-nonce",
    title="A proof in a pushed request has a nonce of the server",
    sends="a pushed request with a proof whose nonce is invented",
    fix="Check the nonce of proofs at every endpoint at which you read proofs.",
    requirements=("RFC9449-8-p8.1", "RFC9449-10.1-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
)
def pushed_proofs_have_a_nonce(trial: Trial) -> Outcome:
    """A proof that was made beforehand, and kept, names no nonce of today (RFC 9449 section 8)."""
    deployment = trial.deployment
    flow = pushing_flow(trial)
    trial.need(flow.plan.binding == "dpop", "the server does not bind tokens by DPoP")
    control_push(trial)
    request = flow.pushed_request()
    trial.need(deployment.wire.nonce(request.url), "the server hands out no nonces")
    proof = flow.party.proof("POST", request.url, nonce=_WRONG_NONCE)
    return trial.judge(
        [trial.attack("A proof with an invented nonce", request.with_header("dpop", proof))],
        accepted=pushed,
        failure="A pushed request whose proof has an invented nonce was taken.",
        success="A pushed request whose proof has an invented nonce was refused.",
    )
