"""Whether people are asked before a client gets access, and whether the answer is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import reply_of
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.consenting import ask_for_consent
from trustweft.audit.interaction import agreement, stop_at_consent
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.consenting import Asked
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.flow import Flow
    from trustweft.audit.trial import Trial


@check(
    "AZ-15",
    title="Whoever logs in is asked before a client gets access",
    sends="an authorization request in a fresh browser, and a login",
    fix="Show who asks for what after the login, and wait for a yes; leave it out for clients of your own alone.",
    requirements=("FAPI2-SP-5.3.2.2-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-862",
    owasp="API6:2023",
)
def people_are_asked(trial: Trial) -> Outcome:
    """Where nobody is asked, a link is enough to connect a stranger's client with the account of who follows it.

    The check logs in with a fresh browser and looks whether a page then asks. A server may know that a client is its
    operator's own, or remember an earlier yes, so this is advice.
    """
    deployment = trial.deployment
    try:
        asked = ask_for_consent(deployment)
    except NotApplicable:
        return failed("After the login the client was called at once: nobody was asked.")
    except Inconclusive:
        if not deployment.consents.asked:
            raise
        return passed("After the first login of a user a page asked, and the server remembers the answer.")
    trial.observe("The page that asks", asked.page)
    return passed("After the login a page asks.")


@check(
    "AZ-26",
    title="Nobody agrees but the person who is asked",
    sends="to a browser that is asked for consent: the same page again, the request again, silently, and with the answer in it",
    fix="Give a code only in answer to the form that the person sent, or to a yes that was kept from an earlier time.",
    requirements=("FAPI2-SP-5.3.2.2-13",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-862",
    owasp="API6:2023",
    gives=("rights-widened",),
    alone=True,  # another check's login may agree for the same person, and a server may keep that
)
def consent_is_not_skipped(trial: Trial) -> Outcome:
    """A link can open a page and repeat a request; if that gives a code, the page that asks is for show.

    RFC 6749 section 10.2 and OpenID Connect Core section 3.1.2.4 have the person decide. The check logs in up to the
    page that asks, so that no earlier yes is kept, and agrees to nothing: it opens the page and the request once more,
    with ``prompt=none`` too, and puts what the form would send into the address. A code that comes is nobody's will. Where
    it comes with ``prompt=none`` alone, an earlier yes may have been kept that the page asks to have confirmed.
    """
    deployment = trial.deployment
    attempts: list[tuple[Exchange, bool]] = []
    for label, attack in _WAYS.items():
        asked = ask_for_consent(deployment, anew=False)
        trial.observe("The page that asks", asked.page)
        reply = reply_of(asked.flow.browser.open(attack(asked.again(deployment), asked.page)))
        attempts.append((trial.attack(label, reply.decisive), bool(reply.code)))
        if reply.code and not _still_asks(trial, asked):
            return suspected(
                f"{label}: a code came where a page had just asked, and none asks any more. The server took that for a "
                "yes and keeps it, or somebody agreed meanwhile."
            )
    came = {id(answer) for answer, code in attempts if code}
    if came == {id(answer) for (answer, _), label in zip(attempts, _WAYS, strict=True) if label == _SILENT}:
        return suspected("With prompt=none a code came, where the same request had just asked for consent.")
    return trial.judge(
        [answer for answer, _ in attempts],
        accepted=lambda each: id(each) in came,
        failure="A code came though nobody had agreed.",
        success="No code came before somebody agreed.",
    )


def _still_asks(trial: Trial, asked: Asked) -> bool:
    flow = trial.deployment.flow(asked.flow.party, changes=asked.changes)
    try:
        page = stop_at_consent(flow.browser, flow.start_url(), asked.user).last
    except NotApplicable:
        return False
    trial.observe("A fresh browser, afterwards", page)
    return True


def _silently(flow: Flow, _asked: Exchange) -> str:
    return flow.with_parameters({"prompt": "none"}).start_url()


def _with_answer(flow: Flow, asked: Exchange) -> str:
    """Return the request with what the agreeing form would send, none of which is the request's own."""
    sent = {name: value for name, value in agreement(asked).form or () if name not in flow.parameters}
    if not flow.plan.pushes:
        return flow.authorization_url({**flow.parameters, **sent})
    pushed = flow.plan.expect(flow.push(), "request_uri", "the pushed authorization request")
    return flow.authorization_url({"client_id": flow.party.client_id, "request_uri": pushed, **sent})


_SILENT: Final = "The request again, with prompt=none"
_WAYS: Final[dict[str, Callable[[Flow, Exchange], str]]] = {
    "The page that asks, opened again": lambda _flow, asked: asked.request.url,
    "The request again": lambda flow, _asked: flow.start_url(),
    _SILENT: _silently,
    "The request again, with the answer in its address": _with_answer,
}
