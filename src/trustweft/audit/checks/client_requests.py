"""The client's own requests: how it asks for authorization, and what it keeps from the browser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed
from trustweft.audit.relying.playing import client_of, control
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.relying.under_test import Flow
    from trustweft.audit.trial import Trial

_request = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    owasp="API2:2023",
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
)
_S256_LENGTH: Final = 43  # RFC 7636 section 4.2: SHA-256 in base64url
_NONCE_LENGTH: Final = 64


def _looked_at(trial: Trial) -> Flow:
    """Keep the honest flow's requests as what was looked at, and return it."""
    flow = control(trial)
    for endpoint in ("par", "authorize"):
        for each in flow.at(endpoint):
            trial.observe(f"The client's request to {endpoint}", each)
    return flow


@_request(
    "RP-04-injection-defence",
    title="Each flow of the client is protected against injected codes, by PKCE or a nonce",
    sends="nothing: the client's own authorization request is read",
    fix="Send a fresh `code_challenge` with `code_challenge_method=S256` in each authorization request.",
    requirements=("RFC9700-2.1.1-p1", "RFC9700-2.1.1-1", "RFC9700-2.1.1-2", "RFC9126-7.5-p1"),
    cwe="CWE-345",
    gives=("stolen-code-usable",),
)
def flows_are_protected(trial: Trial) -> Outcome:
    """A stolen code that is brought into the thief's own session gives the thief the victim's access.

    RFC 9700 section 2.1.1: clients must prevent that. PKCE does, and for confidential clients of OpenID Connect the
    nonce; where neither is in the request, nothing ties a code to the browser in which the flow began.
    """
    sent = _looked_at(trial).parameters()
    if sent.get("code_challenge"):
        return passed("The authorization request has a PKCE challenge.")
    if sent.get("nonce") and "openid" in sent.get("scope", "").split():
        return passed(
            "The authorization request has a nonce, which RFC 9700 section 2.1.1 allows instead of PKCE."
        )
    return failed("The authorization request has neither a PKCE challenge nor a nonce.")


@_request(
    "RP-04-s256",
    title="The client's challenge does not show the verifier",
    sends="nothing: challenge and verifier of an honest flow are compared",
    fix="Use `code_challenge_method=S256`.",
    requirements=("FAPI2-SP-5.3.3.2-3", "RFC9700-2.1.1-p4"),
    cwe="CWE-522",
    gives=("stolen-code-usable",),
)
def challenge_hides_the_verifier(trial: Trial) -> Outcome:
    """With `plain` the challenge is the verifier: whoever reads the request can redeem the code.

    The method must be S256 and the challenge another text than the verifier that follows. FAPI 2.0 demands it; a
    client that sends no challenge is judged by RP-04-injection-defence where FAPI does not bind it.
    """
    flow = _looked_at(trial)
    sent = flow.parameters()
    if not sent.get("code_challenge"):
        trial.need(trial.deployment.claims_fapi, "the client sends no challenge")
        return failed("The authorization request has no challenge, and FAPI 2.0 demands one.")
    verifiers = {each.request.parameter("code_verifier") for each in flow.redeemed}
    if sent.get("code_challenge_method") != "S256" or len(sent["code_challenge"]) != _S256_LENGTH:
        return failed(f"The challenge's method is {sent.get('code_challenge_method', 'plain (by default)')}.")
    if sent["code_challenge"] in verifiers:
        return failed("The challenge is the verifier itself.")
    return passed("The challenge is a hash of the verifier.")


@_request(
    "RP-04-fresh",
    title="Challenge, state and nonce are new in each flow of the client",
    sends="nothing: the requests of two honest flows are compared",
    fix="Make verifier, state and nonce anew for each authorization request, with a secure random generator.",
    requirements=("FAPI2-SP-5.3.3.2-4", "RFC9700-2.1.1-p2.1", "RFC9126-4-p2.1"),
    cwe="CWE-330",
    gives=("stolen-code-usable", "login-forced"),
)
def values_are_fresh(trial: Trial) -> Outcome:
    """A challenge that serves twice protects nothing: what was learnt in one flow works in the next.

    The client goes through a second honest flow; none of the three values may come again, and none may be short enough
    to be guessed.
    """
    before = _looked_at(trial)
    first = before.parameters()
    again = client_of(trial).play("RP-04-fresh")
    for each in again.at("par") or again.at("authorize"):
        trial.observe("The client's next authorization request", each)
    second = again.parameters()
    names = [name for name in ("code_challenge", "state", "nonce") if first.get(name)]
    trial.need(names, "the client sends neither challenge nor state nor nonce")
    repeated = [name for name in names if first[name] == second.get(name)]
    reference = before.front_channel().get("request_uri")
    if reference is not None and reference == again.front_channel().get("request_uri"):
        repeated.append("request_uri")
    if repeated:
        return failed(f"The same {' and '.join(repeated)} came in two flows.")
    return passed(f"{', '.join(names)} came anew in each flow.")


@_request(
    "RP-04-verifier-hidden",
    title="The verifier never travels through the browser",
    sends="nothing: what the browser carried is searched for the verifier",
    fix="Keep the verifier in the client's session, and send it to the token endpoint alone.",
    requirements=("FAPI2-SP-5.3.3.2-4",),
    cwe="CWE-598",
    gives=("stolen-code-usable",),
)
def verifier_stays_with_the_client(trial: Trial) -> Outcome:
    """A verifier in an address or a cookie without protection is with whoever reads the browser's traffic or history.

    The check looks for the verifier that reached the token endpoint in every address that the browser saw, and in
    everything that was sent to the authorization endpoints.
    """
    flow = _looked_at(trial)
    verifiers = [value for each in flow.redeemed if (value := each.request.parameter("code_verifier"))]
    trial.need(verifiers, "the client sends no verifier")
    seen = [each.request.url for each in (*flow.at("authorize"), *flow.ride.exchanges)]
    seen += [each.location for each in flow.ride.exchanges]
    seen += [value for each in flow.at("par") for _, value in each.request.form or ()]
    if any(verifier in each for verifier in verifiers for each in seen):
        return failed(
            "The verifier stands in an address that the browser saw, or in the authorization request."
        )
    return passed("The verifier went to the token endpoint alone.")


@_request(
    "RP-04-pushed",
    title="The client pushes its authorization requests",
    sends="nothing: where the client's authorization request went is looked at",
    fix="Push the authorization request (RFC 9126), and send the browser off with its request_uri.",
    requirements=("FAPI2-SP-5.3.3.2-2", "RFC9126-2.1-p1"),
    reach=Reach.FAPI,
    severity=Severity.MEDIUM,
    cwe="CWE-345",
)
def requests_are_pushed(trial: Trial) -> Outcome:
    """What goes through the browser can be read and changed there; what is pushed cannot.

    FAPI 2.0 SP section 5.3.3.2 item 2. The hostile server's metadata offers the endpoint.
    """
    trial.need(
        trial.deployment.claims_fapi, "pushed requests are demanded by FAPI 2.0, which is not claimed here"
    )
    pushed = _looked_at(trial).at("par")
    if not pushed:
        return failed("The authorization request went through the browser.")
    if any(each.request.parameter("request_uri") for each in pushed):
        return failed("The pushed request points at another request (RFC 9126 section 2.1).")
    return passed("The authorization request was pushed.")


@_request(
    "RP-04-front-channel",
    title="The browser carries nothing but client_id and request_uri",
    sends="nothing: the parameters at the authorization endpoint are read",
    fix="Leave every parameter but client_id and request_uri out of the authorization URL.",
    requirements=("FAPI2-SP-5.3.3.2-6",),
    reach=Reach.FAPI_ALONE,
    severity=Severity.LOW,
    cwe="CWE-598",
)
def browser_carries_a_reference(trial: Trial) -> Outcome:
    """A parameter that is pushed and repeated in the address is shown to whoever sees the address, for nothing.

    FAPI 2.0 SP section 5.3.3.2 item 6.
    """
    flow = _looked_at(trial)
    trial.need(flow.at("par"), "the client does not push its requests")
    more = sorted(set(flow.front_channel()) - {"client_id", "request_uri"})
    if more:
        return failed(f"The browser also carried {', '.join(more)}.")
    return passed("The browser carried client_id and request_uri alone.")


@_request(
    "RP-04-response-type",
    title="The client asks for a code, and for no token through the browser",
    sends="nothing: response_type of the client's request is read",
    fix="Use response_type=code.",
    requirements=("FAPI2-SP-5.3.3.2-1", "RFC9700-2.1.2-p3", "RFC9700-2.1.2-p4", "RFC9700-4.1.3-3"),
    cwe="CWE-598",
    gives=("token-leaks",),
)
def code_is_asked_for(trial: Trial) -> Outcome:
    """An access token in an address ends up in histories, logs and referrers (RFC 9700 section 2.1.2)."""
    asked = _looked_at(trial).parameters().get("response_type", "")
    if "token" in asked.split():
        return failed(f"The client asks for {asked!r}: the access token comes through the browser.")
    return passed(f"The client asks for {asked!r}.")


@_request(
    "RP-04-nonce-length",
    title="The client's nonce has no more than 64 characters",
    sends="nothing: the nonce of the client's request is measured",
    fix="Make nonces of 64 characters at most.",
    requirements=("FAPI2-SP-5.3.3.2-7",),
    reach=Reach.FAPI_ALONE,
    severity=Severity.INFO,
    cwe="CWE-1284",
)
def nonce_is_short(trial: Trial) -> Outcome:
    """Servers may refuse longer ones (FAPI 2.0 SP section 5.3.3.2 item 7)."""
    nonce = _looked_at(trial).parameters().get("nonce", "")
    trial.need(nonce, "the client sends no nonce")
    if len(nonce) > _NONCE_LENGTH:
        return failed(f"The nonce has {len(nonce)} characters.")
    return passed(f"The nonce has {len(nonce)} characters.")
