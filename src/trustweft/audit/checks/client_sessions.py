"""The client's sessions: an answer counts in the browser that asked, once, and for the person who asked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.interaction import copy_cookies
from trustweft.audit.relying.browser import deliver
from trustweft.audit.relying.ground import ground_of, staged_ground
from trustweft.audit.relying.playing import client_of
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.relying.ground import Ground
    from trustweft.audit.trial import Trial
    from trustweft.audit.user_agent import UserAgent

_session = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    cwe="CWE-352",
    owasp="API2:2023",
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    gives=("login-forced",),
)


def _honest(trial: Trial, ground: Ground) -> None:
    """Keep the honest flow's end as control."""
    for each in ground.honest():
        trial.control("An honest flow, as it ended", each, good=lambda exchange: exchange.status < 400)  # noqa: PLR2004


def _judge(
    trial: Trial,
    ground: Ground,
    browser: UserAgent,
    answered: Sequence[Exchange],
    *,
    label: str,
    success: str,
) -> Outcome:
    """Say whether the client logged the browser in: by its answers, or by what the browser sees afterwards."""
    for each in answered:
        trial.attack(label, each)
    if ground.finished(answered):
        return failed(f"{label}: the client took it as its own.")
    if ground.shows_inside(trial.observe("What the browser sees afterwards", ground.inside(browser))):
        return failed(f"{label}: the client refused it in words, and logged the browser in.")
    return passed(success)


@_session(
    "RP-01-no-session",
    title="The client takes no answer in a browser that did not ask",
    sends="the attacker's authorization response, in a browser without any cookie",
    fix="Keep state in the session of the browser that began the flow, and refuse answers that find none.",
    requirements=("RFC9700-2.1-p3.1",),
)
def answer_needs_a_session(trial: Trial) -> Outcome:
    """Login CSRF: the attacker begins a flow, keeps the answer, and has the victim's browser bring it.

    The victim then works in the attacker's account, and what the victim enters is the attacker's. A browser without
    the session of the flow must be refused.
    """
    ground = ground_of(trial.deployment, "RP-01-no-session")
    _honest(trial, ground)
    attackers = ground.begin(ground.browser(), ground.users[1])
    victim = ground.browser()
    return _judge(
        trial,
        ground,
        victim,
        deliver(victim, attackers),
        label="The attacker's answer in a browser without a session",
        success="A browser without a session was refused.",
    )


@_session(
    "RP-01-other-session",
    title="The client takes no answer in the session of another flow",
    sends="the attacker's authorization response, in a browser with a flow of its own",
    fix="Compare state with the one of this browser's own flow.",
    requirements=("RFC9700-2.1-p3.1", "RFC9700-2.1-p3.3"),
)
def answer_needs_its_own_session(trial: Trial) -> Outcome:
    """The same where the victim has begun a flow as well: any session is not the right session.

    The attacker's answer, with the attacker's own state, comes to a browser that waits for another.
    """
    ground = ground_of(trial.deployment, "RP-01-other-session")
    _honest(trial, ground)
    attackers = ground.begin(ground.browser(), ground.users[1])
    victim = ground.browser()
    ground.begin(victim, ground.users[0])
    return _judge(
        trial,
        ground,
        victim,
        deliver(victim, attackers),
        label="The attacker's answer in a browser with a flow of its own",
        success="The answer of another flow was refused.",
    )


@_session(
    "RP-05-injected-code",
    title="A code of one flow is worth nothing in another",
    sends="the attacker's own answer with the victim's code in it",
    fix="Use PKCE with a verifier that is kept in the session of the flow, and check the nonce of the ID token.",
    requirements=("RFC9700-2.1.1-p1", "FAPI2-SP-5.3.3.2-4"),
    severity=Severity.CRITICAL,
    cwe="CWE-294",
    rfc9700_attackers=("A3",),
    fapi_attackers=("A3a",),
    gives=("stolen-code-usable",),
)
def code_of_another_flow_is_refused(trial: Trial) -> Outcome:
    """Code injection: a stolen code, unused, is brought into a flow that the thief began, with the thief's state.

    State is right, the client is right; only PKCE or the nonce can tell (RFC 9700 section 4.5). If the client ends
    the flow as always, the thief is in the victim's account.
    """
    ground = ground_of(trial.deployment, "RP-05-injected-code")
    _honest(trial, ground)
    victims = ground.begin(ground.browser(), ground.users[0])
    thief = ground.browser()
    own = ground.begin(thief, ground.users[1])
    parameters = {} if own.callback is None else dict(own.callback.parameters)
    return _judge(
        trial,
        ground,
        thief,
        deliver(thief, own, parameters={**parameters, "code": victims.code}),
        label="The victim's code in the thief's own flow",
        success="The code of another flow was refused.",
    )


@_session(
    "RP-01-replayed",
    title="The client takes each answer once",
    sends="the same authorization response twice in one browser",
    fix="Take state and verifier out of the session when an answer arrives, whatever comes of it.",
    requirements=("FAPI2-SP-6.4-2", "RFC9700-4.2.4-5"),
    severity=Severity.MEDIUM,
    cwe="CWE-294",
)
def answer_counts_once(trial: Trial) -> Outcome:
    """State dies with the answer that brought it; where it does not, whoever finds the address uses it again.

    A second token request with the same code also ends the tokens of the first, as good servers see to it.
    """
    ground = staged_ground(trial.deployment, "RP-01-replayed")
    client = client_of(trial)
    browser = ground.browser()
    mark = client.stage.journal.mark()
    visit = ground.begin(browser, ground.users[0])
    for each in deliver(browser, visit):
        trial.observe("The answer for the first time", each)
    for each in deliver(browser, visit):
        trial.attack("The same answer again", each)
    scenario = "RP-01-replayed" if client.tells_issuer else client.stage.on
    sent = [
        each.exchange
        for each in client.stage.journal.of(scenario, since=mark)
        if each.endpoint == "token" and each.exchange.request.parameter("code") == visit.code
    ]
    if not sent:
        raise Inconclusive("the client did not redeem the code the first time")
    trial.control("The code redeemed the first time", sent[0])
    if len(sent) > 1:
        return failed(f"The client sent the same code {len(sent)} times.")
    return passed("The client sent the code once.")


@_session(
    "RP-14-other-user",
    title="A flow that one person started is not finished by another",
    sends="the attacker's authorization request, opened and answered in the victim's browser",
    fix="Bind each flow to the session that began it, and keep tokens under the session that brings the answer.",
    requirements=("RFC9700-UPDATE-2.3.2-p1", "RFC9700-UPDATE-2.3.2-p3"),
    severity=Severity.CRITICAL,
    cwe="CWE-384",
    gives=("login-forced", "stolen-code-usable"),
)
def flow_stays_with_one_person(trial: Trial) -> Outcome:
    """Cross-user session fixation: the attacker begins, sends the victim the address, and the victim agrees.

    A client that finds the flow by its state alone puts the victim's tokens into the attacker's session. Neither may
    the victim's browser be taken as the one that began, nor may the attacker's be connected afterwards.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    _honest(trial, ground)
    attacker = ground.browser(stops_at=ground.authorization_endpoint)
    request = ground.request_of(attacker, ground.users[1])
    victim = ground.browser()
    visit = victim.log_in(request, ground.users[0])
    if visit.callback is None:
        raise Inconclusive("the attacker's request led the victim to no answer")
    outcome = _judge(
        trial,
        ground,
        victim,
        deliver(victim, visit),
        label="The attacker's request, answered by the victim",
        success="The victim's browser was refused, and the attacker's gained nothing.",
    )
    seen = trial.attack("What the attacker's browser sees afterwards", ground.inside(attacker))
    if ground.shows_inside(seen):
        return failed("The attacker's browser was connected with what the victim agreed to.")
    return outcome


@_session(
    "RP-14-session-renewed",
    title="The client's session gets a new name when somebody is logged in",
    sends="cookies of the attacker's browser, planted before the victim logs in",
    fix="Give the session a new secret when tokens arrive, and let the old one lead nowhere.",
    requirements=("RFC9700-UPDATE-2.3.2-p3",),
    cwe="CWE-384",
)
def session_is_renewed(trial: Trial) -> Outcome:
    """Session fixation: who knew the cookie before the login must not be logged in by it afterwards.

    The attacker's browser visits the client; its cookies are planted in the victim's, which goes through a flow. Then
    the attacker's browser, with nothing new, opens the page that only the victim may see.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    _honest(trial, ground)
    attacker, victim = ground.browser(), ground.browser()
    attacker.open(ground.application.start)
    trial.need(list(attacker.cookies.jar), "the client gives no cookie before somebody is logged in")
    copy_cookies(attacker, victim)
    finished = deliver(victim, ground.begin(victim, ground.users[0]))
    if not ground.finished(finished):
        return passed("A flow with planted cookies does not come to its end.")
    seen = trial.attack("The old cookies after the login", ground.inside(attacker))
    if ground.shows_inside(seen):
        return failed("The cookies from before the login open the victim's page.")
    return passed("The cookies from before the login open nothing.")
