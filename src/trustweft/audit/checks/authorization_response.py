"""What comes back from an authorization: issuer, state, and redirects that take nothing along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import Reply, ask, good_request, judge_replies, reply_of
from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.consenting import ask_for_consent
from trustweft.audit.exchange import origin_of
from trustweft.audit.interaction import deny
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_STATE: Final = "trustweft <\"&'>%2f+ #?/=;,!~"  # every kind of character that RFC 6749 appendix A.5 permits
_LONG: Final = 1_500  # characters; FAPI 2.0 says that a state can have more than 1000
_RESENT: Final = frozenset({307, 308})
_SEE_OTHER: Final = 303
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def _good(trial: Trial) -> Reply:
    """Return the response to a good request; one for all checks."""
    deployment = trial.deployment
    reply = deployment.once.find("a good request", lambda: ask(deployment.flow(), deployment.user()))
    trial.control("A good request", reply.decisive, good=lambda _: bool(reply.code))
    return reply


def _denied(trial: Trial) -> tuple[Reply, str]:
    """Return the response to a request that the user denied, and the state of the request; one for all checks."""
    deployment = trial.deployment

    def make() -> tuple[Reply, str]:
        asked = ask_for_consent(deployment)
        return reply_of(deny(asked.flow.browser, asked.page)), asked.flow.parameters["state"]

    reply, state = deployment.once.find("a denied request", make)
    trial.observe("The response to a request that the user denied", reply.decisive)
    trial.need(reply.callback, "the client is not told that the user denied")
    return reply, state


def _names_its_issuer(trial: Trial, reply: Reply) -> Outcome:
    issuer, named = trial.deployment.target.issuer, reply.parameter("iss")
    if not named:
        return failed("The response has no iss.")
    if named != issuer:
        return failed(f"The response says iss={named}, and the issuer is {issuer}.")
    return passed("The response names its issuer.")


def _need_issuer(trial: Trial) -> None:
    promised = trial.deployment.discovery.flag("authorization_response_iss_parameter_supported")
    trial.need(
        promised or trial.deployment.claims_fapi,
        "the server neither claims FAPI nor promises iss in responses",
    )


@check(
    "AZ-05-success",
    title="A response with a code names the server that made it",
    sends="a good flow",
    fix="Add iss with your issuer identifier to every authorization response.",
    requirements=("FAPI2-SP-5.3.2.2-7", "RFC9207-2-p1", "RFC9207-2.3-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-346",
    owasp="API8:2023",
    gives=("login-forced",),
)
def response_names_issuer(trial: Trial) -> Outcome:
    """A client that uses several servers must know which one answers, or it takes the code of one to another.

    That mix-up is what iss prevents (RFC 9207), where it comes with every response and is the server's own.
    """
    _need_issuer(trial)
    return _names_its_issuer(trial, _good(trial))


@check(
    "AZ-05-error",
    title="A response with an error names the server that made it",
    sends="a good request, which the user denies",
    fix="Add iss with your issuer identifier to error responses as well.",
    requirements=("FAPI2-SP-5.3.2.2-7", "RFC9207-2-p1", "RFC9207-2.3-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-346",
    owasp="API8:2023",
)
def error_names_issuer(trial: Trial) -> Outcome:
    """RFC 9207 section 2 asks for iss in errors too: a client that has to judge them without can be misled."""
    _need_issuer(trial)
    return _names_its_issuer(trial, _denied(trial)[0])


@check(
    "AZ-06",
    title="The state comes back as it was sent",
    sends="good requests with a state of odd characters, and with one of 1500",
    fix="Keep the state as it is and encode it for the address, or refuse the request.",
    requirements=("FAPI2-SP-5.3.2.2-p5",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-116",
    owasp="API8:2023",
)
def state_comes_back(trial: Trial) -> Outcome:
    """The client compares the state to know that it began this flow (RFC 6749 section 4.1.2: the exact value).

    A state that is cut, decoded or left out makes clients stop comparing. To refuse an odd one is as good.
    """
    deployment = trial.deployment
    _good(trial)
    wrong = []
    for label, state in (("odd characters", _STATE), (f"{_LONG} characters", "s" * _LONG)):
        reply = ask(deployment.flow(changes={"state": state}), deployment.user())
        trial.attack(f"A state of {label}", reply.decisive)
        if reply.callback is not None and reply.parameter("state") != state:
            wrong.append(f"a state of {label} came back as {reply.parameter('state')[:60]!r}")
    if wrong:
        return failed(f"{'; '.join(wrong).capitalize()}.")
    return passed("Each state came back as it was sent, or was refused.")


@check(
    "AZ-06-error",
    title="An error response brings the state of its request",
    sends="a good request, which the user denies",
    fix="Add the state of the request to error responses.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-352",
    owasp="API8:2023",
)
def error_brings_state(trial: Trial) -> Outcome:
    """RFC 6749 section 4.1.2.1 demands it: without, a client cannot tell which flow failed, or whether it was its own."""
    reply, state = _denied(trial)
    if reply.parameter("state") != state:
        return failed(f"The error response has state={reply.parameter('state')!r}, not that of its request.")
    return passed("The error response brings the state of its request.")


@check(
    "AZ-17-denial",
    title="Whoever says no is taken at their word",
    sends="a good request, which the user denies",
    fix="Answer a denied request with access_denied, and make no code.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-862",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def denial_gives_no_code(trial: Trial) -> Outcome:
    """Consent that cannot be refused is none (RFC 6749 section 4.1.2.1)."""
    good_request(trial)
    reply, _ = _denied(trial)
    return judge_replies(
        trial,
        [("The response to the denied request", reply)],
        failure="The user denied, and the client was given a code.",
        success="The user denied, and the client was given no code.",
    )


def _forms_sent(trial: Trial) -> list[Exchange]:
    """Return the answers to forms that users' browsers sent to the server's pages, from the whole run."""
    deployment = trial.deployment
    good_request(trial)
    server = origin_of(deployment.discovery.endpoint("authorization_endpoint"))
    secrets = {user.password for user in deployment.users if user.password}
    found = [
        each
        for each in tuple(deployment.wire.exchanges)
        if each.request.method == "POST"
        and each.request.header("referer") is not None
        and origin_of(each.request.url) == server
        and each.status in _REDIRECTS
    ]
    found.sort(key=lambda each: not any(value in secrets for _, value in each.request.form or ()))
    if not found:
        raise Inconclusive("no form of a page was answered with a redirect")
    return found


@check(
    "AZ-09",
    title="A form with credentials is never sent on to the client",
    sends="nothing of its own: it reads how the forms of this run were answered",
    fix="Redirect with 303 after a form.",
    requirements=("FAPI2-SP-5.3.2.2-10", "RFC9700-2.1-p6", "RFC9700-4.12-p6.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-522",
    owasp="API2:2023",
    gives=("login-forced",),
    passive=True,
)
def credentials_are_not_sent_on(trial: Trial) -> Outcome:
    """With 307 or 308 a browser sends the form once more, to where the redirect leads: the password to the client.

    RFC 9700 section 4.12 forbids it. Looked at are the answers to all forms that this run filled in.
    """
    forms = _forms_sent(trial)
    resent = [each for each in forms if each.status in _RESENT]
    trial.observe("The answer to a form", (resent or forms)[0])
    if resent:
        return failed(f"A form was answered with {resent[0].status}, which sends it on.")
    return passed(f"None of {len(forms)} forms was sent on.")


@check(
    "AZ-09-see-other",
    title="Forms are answered with 303",
    sends="nothing of its own: it reads how the forms of this run were answered",
    fix="Redirect with 303 after a form: its meaning is the same in every browser.",
    requirements=("FAPI2-SP-5.3.2.2-11", "RFC9700-4.12-p6.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    safety=Safety.PASSIVE,
    cwe="CWE-522",
    passive=True,
)
def redirects_say_see_other(trial: Trial) -> Outcome:
    """Browsers turn 302 into a GET by habit, and 303 by definition (RFC 9110 section 15.4.4)."""
    others = [each for each in _forms_sent(trial) if each.status != _SEE_OTHER]
    if others:
        trial.observe("The answer to a form", others[0])
        return failed(
            f"{len(others)} forms were answered with another status than 303, such as {others[0].status}."
        )
    return passed("Every form was answered with 303.")
