"""The client and the answer that comes through the browser: whose it is, and which request it belongs to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trustweft.audit.check import check, failed, passed, suspected
from trustweft.audit.relying.playing import client_of, control, must_not_send, need_discovery, play
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_answer = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    owasp="API2:2023",
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
)
_mix_up = partial(
    _answer,
    cwe="CWE-346",
    gives=("code-leaks",),
    fix="Compare `iss` of each answer with the issuer of the request, character by character, before the code is used.",
)


@_answer(
    "RP-01-state-missing",
    title="The client ends a flow whose answer lacks the state that it sent",
    sends="an authorization response without state",
    fix="Refuse an answer without the state of the request, before the code is used.",
    requirements=("RFC9700-2.1-p3.1",),
    cwe="CWE-352",
    gives=("login-forced",),
)
def state_is_demanded(trial: Trial) -> Outcome:
    """Without state a client cannot tell its own answer from one that an attacker sent to the victim's browser.

    The hostile server leaves out the state that the client sent (RFC 6749 section 4.1.2). Where the client does
    without state there is nothing to compare: PKCE or a nonce must then stand alone, which RP-04 and RP-05 look at.
    """
    return _judge_state(trial, "RP-01-state-missing", what="without state")


@_answer(
    "RP-01-state-wrong",
    title="The client ends a flow whose answer has another state than it sent",
    sends="an authorization response with a state that nobody sent",
    fix="Compare the state of the answer with the one in the browser's session, before the code is used.",
    requirements=("RFC9700-2.1-p3.1",),
    cwe="CWE-352",
    gives=("login-forced",),
)
def state_is_compared(trial: Trial) -> Outcome:
    """A state that is sent and never compared is decoration.

    The hostile server answers with a state of its own. The code is good for this flow, so that PKCE does not stop it:
    what is seen is whether the client itself looks (RFC 6749 section 10.12).
    """
    return _judge_state(trial, "RP-01-state-wrong", what="with another state")


def _judge_state(trial: Trial, scenario: str, *, what: str) -> Outcome:
    sent = control(trial).parameters()
    trial.need(sent.get("state"), "the client sends no state")
    flow = play(trial, scenario, label=f"An answer {what}")
    if not flow.redeemed:
        return passed(f"The answer {what} led to no token request.")
    if "code_challenge" in sent or "nonce" in sent:
        return suspected(
            f"The code of an answer {what} was redeemed: the state that the client sends is not compared, and PKCE or "
            "nonce alone stand against forged answers."
        )
    return failed(
        f"The code of an answer {what} was redeemed, and neither PKCE nor a nonce protects the flow."
    )


@_mix_up(
    "RP-02-iss-missing",
    title="The client ends a flow whose answer does not name the issuer that it should name",
    sends="an authorization response without iss",
    requirements=("RFC9207-2.4-p3.2", "FAPI2-SP-5.3.3.2-5"),
)
def issuer_is_demanded(trial: Trial) -> Outcome:
    """A server that announces `iss` sends it always: an answer without comes from somebody else.

    The hostile server's metadata says `authorization_response_iss_parameter_supported`, and its answer leaves `iss`
    out. A client that goes on can be made to hand its code to another server than the one that issued it.
    """
    return _judge_issuer(trial, "RP-02-iss-missing", what="without iss")


@_mix_up(
    "RP-02-iss-other",
    title="The client ends a flow whose answer comes from another issuer",
    sends="an authorization response with the issuer of another server",
    requirements=(
        "FAPI2-SP-5.3.3.2-5",
        "RFC9207-2.4-p1.1",
        "RFC9207-2.4-p1.2",
        "RFC9207-2.4-p1.4",
        "RFC9207-2.4-p2.1",
        "RFC9700-2.1-p4",
        "RFC9700-2.1-1",
        "RFC9700-4.4.2-p1",
        "RFC9700-4.4.2-p2",
        "RFC9700-4.4.2.1-p1.1",
        "RFC9700-4.4.2.1-p1.2",
        "RFC9700-4.4.2.1-p3",
    ),
)
def issuer_is_compared(trial: Trial) -> Outcome:
    """Mix-up: the client believes that it talks to one server, and the answer comes from another.

    The answer names the issuer of a second, honest server. The client must drop it (RFC 9207 section 2.4) and must
    not send the code anywhere: the token endpoint it would go to is the attacker's.
    """
    return _judge_issuer(trial, "RP-02-iss-other", what="of another issuer")


@_mix_up(
    "RP-02-iss-similar",
    title="The client compares issuers character by character",
    sends="an authorization response whose iss has one slash too many",
    requirements=("RFC9207-2.4-p1.3",),
    reach=Reach.FAPI,
)
def issuers_are_not_normalised(trial: Trial) -> Outcome:
    """Where issuers are compared loosely, by prefix or after tidying up, a server with a similar name gets through.

    RFC 9207 section 2.4 asks for simple string comparison. The answer's issuer has a slash at its end.
    """
    return _judge_issuer(trial, "RP-02-iss-similar", what="of a similar issuer")


@_mix_up(
    "RP-02-two-issuers",
    title="The client ends a flow whose answer names two issuers",
    sends="an authorization response with its own iss and another one",
    requirements=("RFC9207-4-p4.2",),
    reach=Reach.FAPI,
)
def two_issuers_are_refused(trial: Trial) -> Outcome:
    """What comes twice is read in two ways: one part of a program takes the first, another the last.

    The answer has the right `iss` first and the one of another server after it. RFC 6749 section 3.1 allows no
    parameter twice, and RFC 9207 section 4 has the client drop an answer whose issuers differ.
    """
    return _judge_issuer(trial, "RP-02-two-issuers", what="with two issuers")


def _judge_issuer(trial: Trial, scenario: str, *, what: str) -> Outcome:
    _need_mix_up_defence(trial)
    return must_not_send(
        trial,
        scenario,
        sent=lambda flow: flow.redeemed,
        label=f"An answer {what}",
        failure=f"The code of an answer {what} was sent to the token endpoint.",
        success=f"The answer {what} was dropped.",
    )


def _need_mix_up_defence(trial: Trial) -> None:
    """Leave where RFC 9207 is not this client's defence: it has one server, or a redirect URI for each."""
    if trial.deployment.claims_fapi:
        return
    client = client_of(trial)
    trial.need(client.tells_issuer, "the client has one authorization server, and nobody to mix it up with")
    here, there = (flow.parameters().get("redirect_uri") for flow in (client.honest(), client.second()))
    trial.need(here == there, "the client has a redirect URI of its own for each server")


@_mix_up(
    "RP-13-other-connection",
    title="An answer to one connection of the client is not taken for another's",
    sends="the browser to another server than the one whose metadata the client has",
    requirements=("RFC9700-UPDATE-2.2.2-p2.2", "RFC9700-UPDATE-2.2.2-p2.3", "RFC9700-UPDATE-2.2.2-p2.4"),
)
def connections_are_kept_apart(trial: Trial) -> Outcome:
    """Cross-toolkit account takeover: connections share a redirect URI, and the client confuses whose answer it got.

    The hostile server's metadata names the authorization endpoint of an honest one, which answers with its own issuer
    and a code of its own. The client must notice, and must not bring that code to the hostile token endpoint.
    """
    client = client_of(trial)
    here, there = (flow.parameters().get("redirect_uri") for flow in (client.honest(), client.second()))
    trial.need(client.tells_issuer and here == there, "the client's connections share no redirect URI")
    need_discovery(trial)
    return must_not_send(
        trial,
        "RP-13-other-connection",
        sent=lambda flow: flow.redeemed,
        label="An answer of the other connection's server",
        failure="A code of one server was sent to the token endpoint of another.",
        success="The answer of the other server was dropped.",
    )
