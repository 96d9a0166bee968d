"""A pushed authorization request is over once the user has answered it (RFC 9126 section 4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.audit.asking import judge_replies, open_and_finish, reply_of
from trustweft.audit.check import NotApplicable, check
from trustweft.audit.checks.pushed_request import pushing_flow
from trustweft.audit.interaction import stop_at_login
from trustweft.audit.pages import read_page
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_GIVES_UP: Final = re.compile(r"\b(cancel|abort|decline|deny|back)\b", re.IGNORECASE)


@check(
    "PAR-03",
    title="A request URI works once",
    sends="the request_uri of a finished authorization to the authorization endpoint",
    fix="Spend the request when the user has answered it.",
    requirements=("RFC9126-4-p2.2", "RFC9126-7.3-p1", "FAPI2-SP-6.4-1", "FAPI2-SP-5.3.2.2-p4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A4",),
    fapi_attackers=("A3a",),
    cwe="CWE-294",
)
def request_uri_works_once(trial: Trial) -> Outcome:
    """A request URI stays behind in histories; RFC 9126 section 4 advises to take each once.

    The check finishes an authorization and opens the same address in another browser, where the user logs in again.
    """
    deployment = trial.deployment
    flow = pushing_flow(trial)
    url = flow.start_url()
    first = open_and_finish(flow, url, deployment.user())
    trial.control("The request, opened for the first time", first.decisive, good=lambda _: bool(first.code))
    flow.browser = deployment.browser(flow.party)
    return judge_replies(
        trial,
        [("The same address in another browser", open_and_finish(flow, url, deployment.user()))],
        failure="A request URI led to a second code.",
        success="A request URI that was answered was refused.",
    )


@check(
    "PAR-03-given-up",
    title="A request URI that a user gave up works no more",
    sends="the request_uri of a login that was given up to the authorization endpoint",
    fix="Spend the request when the user has answered it, with whatever button.",
    requirements=("RFC9126-4-p2.2", "RFC9126-7.3-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A4",),
    cwe="CWE-294",
)
def request_uri_ends_when_given_up(trial: Trial) -> Outcome:
    """Who pressed Cancel believes that it is over; the address stays behind in the history and leads on.

    The check gives up at the login page and opens the same address in another browser, where the user logs in.
    """
    deployment = trial.deployment
    flow = pushing_flow(trial)
    url = flow.start_url()
    page = stop_at_login(flow.browser, url, deployment.user()).last
    choices = [
        (form, button)
        for form in read_page(page.page()).forms
        for button in form.buttons
        if form.method == "POST" and _GIVES_UP.search(button.says)
    ]
    if not choices:
        raise NotApplicable("the login page has no button that gives up")
    form, button = choices[0]
    given_up = reply_of(flow.browser.submit(page, form, {}, button))
    trial.control("The login, given up", given_up.decisive, good=lambda _: given_up.callback is not None)
    flow.browser = deployment.browser(flow.party)
    return judge_replies(
        trial,
        [("The same address in another browser", open_and_finish(flow, url, deployment.user()))],
        failure="A request URI that was given up led to a code.",
        success="A request URI that was given up was refused.",
    )
