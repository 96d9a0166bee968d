"""The code: hard to guess, short-lived, and tied to the key that its request named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import good_request
from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.checks.pushed_request import pushed
from trustweft.audit.guessing import ENOUGH_BITS, ENOUGH_SAMPLES, estimate_bits
from trustweft.audit.verdict import Role, Severity
from trustweft.crypto.keys import thumbprint

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.trial import Trial
    from trustweft.crypto.keys import LocalSigner

_LIMIT: Final = 60  # seconds; FAPI 2.0 Security Profile section 5.3.2.1
_PATIENCE: Final = 3.0


@check(
    "AZ-14",
    title="Nobody can guess a code",
    sends=f"nothing but good flows, until there are {ENOUGH_SAMPLES} codes",
    fix="Make codes from 128 or more bits of a cryptographic random generator.",
    requirements=("FAPI2-SP-5.4.1-4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-331",
    owasp="API2:2023",
    gives=("stolen-code-usable",),
    passive=True,
)
def codes_are_unguessable(trial: Trial) -> Outcome:
    """Whoever guesses a code needs no leak (RFC 6749 section 10.10).

    The check compares the codes of the whole run: positions that never change, and letters that never occur, carry no
    entropy. It finds counters, short values and poor alphabets, not a foreseeable generator.
    """
    deployment = trial.deployment
    good_request(trial)
    client = deployment.party().entry.redirect_uri or ""
    codes = {
        each.location_parameters().get("code", "")
        for each in tuple(deployment.wire.exchanges)
        if each.location.startswith(client)
    } - {""}
    browser = deployment.browser(deployment.party())
    for _ in range(ENOUGH_SAMPLES - len(codes)):
        codes.add(deployment.code(deployment.flow(browser=browser)))
    if len(codes) < ENOUGH_SAMPLES:
        return failed("The server gave one code twice.")
    bits = estimate_bits(sorted(codes))
    if bits < ENOUGH_BITS:
        return failed(f"Codes of this form carry {bits:.0f} bits of entropy at most.")
    return passed(f"The form of {len(codes)} codes has room for {bits:.0f} bits of entropy.")


@check(
    "AZ-14-lifetime",
    title="A code is dead after a minute",
    sends="a code to the token endpoint, 63 seconds after it came",
    fix="Let codes expire 60 seconds after they were made, or sooner.",
    requirements=("FAPI2-SP-5.3.2.1-11",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3b",),
    cwe="CWE-613",
    owasp="API2:2023",
    waits=True,
)
def codes_expire(trial: Trial) -> Outcome:
    """The shorter a code lives, the less it helps whoever finds it. FAPI 2.0 gives it a minute."""
    deployment = trial.deployment
    trial.need(deployment.claims_fapi, "the server does not claim FAPI, which sets the limit")
    good_request(trial)
    flow = deployment.flow()
    code = deployment.code(flow)
    deployment.wait(_LIMIT + _PATIENCE)
    late = deployment.send_bound(flow.token_request(code), flow.party)
    return trial.tokens_refused(
        [trial.attack(f"A code {_LIMIT + _PATIENCE:.0f} seconds old", late)],
        failure=f"A code was redeemed more than {_LIMIT} seconds after it came.",
        success=f"A code was refused after {_LIMIT} seconds.",
    )


def _dpop_flow(trial: Trial) -> Flow:
    flow = trial.deployment.flow()
    trial.need(flow.plan.binding == "dpop", "the server does not bind tokens by DPoP")
    return flow


def _push_with_proof(trial: Trial, flow: Flow, signer: LocalSigner) -> Exchange:
    """Push the request of a flow with a proof, once more where the server asks for its nonce."""
    wire = trial.deployment.wire
    for _ in range(2):
        request = flow.pushed_request()
        proof = flow.party.proof("POST", request.url, nonce=wire.nonce(request.url), signer=signer)
        answer = wire.send(request.with_header("dpop", proof))
        if answer.text("error") != "use_dpop_nonce":
            break
    return answer


def _redeem(trial: Trial, flow: Flow, url: str, signer: LocalSigner) -> Exchange:
    deployment = trial.deployment
    visit = flow.browser.log_in(url, deployment.user())
    if not visit.code:
        raise Inconclusive(f"no code came back; the browser stayed at a page ({visit.last.status})")
    return deployment.send_bound(flow.token_request(visit.code, signer=signer), flow.party, signer=signer)


@check(
    "AZ-19-parameter",
    title="A code that was asked for with dpop_jkt is redeemed with that key alone",
    sends="a request with dpop_jkt, and its code with a proof of another key",
    fix="Keep dpop_jkt with the code, and compare it with the key of the proof.",
    requirements=("RFC9449-10-p2", "FAPI2-SP-5.3.2.1-12"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3b",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def code_is_bound_by_parameter(trial: Trial) -> Outcome:
    """A client names its key when it asks, so that a stolen code is of no use with another (RFC 9449 section 10)."""
    thumb = thumbprint(_dpop_flow(trial).party.proof_signer.public_key)
    control, attack = (trial.deployment.flow(changes={"dpop_jkt": thumb}) for _ in range(2))
    own, other = control.party.proof_signer, control.party.other_signer
    trial.control(
        "The code redeemed with its key",
        _redeem(trial, control, control.start_url(), own),
        good=lambda each: each.issued,
    )
    answer = _redeem(trial, attack, attack.start_url(), other)
    return trial.tokens_refused(
        [trial.attack("The code redeemed with another key", answer)],
        failure="A code was redeemed with another key than dpop_jkt names.",
        success="A code was refused with another key than dpop_jkt names.",
    )


@check(
    "AZ-19-proof",
    title="A code whose request was pushed with a proof is redeemed with that key alone",
    sends="a pushed request with a proof, and its code with a proof of another key",
    fix="Bind the code to the key of the proof in the pushed request.",
    requirements=("RFC9449-10.1-2", "RFC9449-10.1-p2.1", "FAPI2-SP-5.3.2.1-12"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3b",),
    cwe="CWE-345",
    owasp="API2:2023",
)
def code_is_bound_by_proof(trial: Trial) -> Outcome:
    """A proof in the pushed request says the same as dpop_jkt, and shows that the client has the key (section 10.1)."""
    flow = _dpop_flow(trial)
    trial.need(flow.plan.pushes, "the server takes no pushed authorization requests")
    own, other = flow.party.proof_signer, flow.party.other_signer
    good_request(trial)
    answer = trial.observe("A request pushed with a proof", _push_with_proof(trial, flow, own))
    if not pushed(answer):
        raise Inconclusive(f"a pushed request with a good proof was refused: {answer.says}")
    stolen = _redeem(trial, flow, flow.pushed_url(answer.text("request_uri")), other)
    return trial.tokens_refused(
        [trial.attack("The code redeemed with another key", stolen)],
        failure="A code was redeemed with another key than that of the proof in its request.",
        success="A code was refused with another key than that of the proof in its request.",
    )


@check(
    "AZ-19-both",
    title="A pushed request whose proof and dpop_jkt name different keys is refused",
    sends="a pushed request with a proof of one key and the dpop_jkt of another",
    fix="Compare dpop_jkt with the key of the proof in the pushed request.",
    requirements=("RFC9449-10.1-p2.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A3",),
    cwe="CWE-345",
    owasp="API8:2023",
)
def proof_and_parameter_agree(trial: Trial) -> Outcome:
    """Of two statements about one thing neither may win silently (RFC 9449 section 10.1)."""
    flow = _dpop_flow(trial)
    trial.need(flow.plan.pushes, "the server takes no pushed authorization requests")
    own, other = flow.party.proof_signer, flow.party.other_signer
    trial.control("A request pushed with a proof", _push_with_proof(trial, flow, own), good=pushed)
    contradicting = trial.deployment.flow(changes={"dpop_jkt": thumbprint(other.public_key)})
    attack = trial.attack("dpop_jkt of another key", _push_with_proof(trial, contradicting, own))
    return trial.judge(
        [attack],
        accepted=pushed,
        failure="A pushed request whose proof and dpop_jkt differ was taken.",
        success="A pushed request whose proof and dpop_jkt differ was refused.",
    )
