"""The client's pages: who can start a flow, where they send browsers, and what they show to others."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin, urlsplit

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Request, origin_of
from trustweft.audit.forgery import ATTACKERS_PAGE, forged, send_cross_site
from trustweft.audit.pages import read_page
from trustweft.audit.relying.ground import ground_of
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.relying.ground import Ground
    from trustweft.audit.trial import Trial

_page = partial(check, role=Role.CLIENT, rfc9700_attackers=("A1",), fapi_attackers=("A1",))
_LEADS: Final = (
    "next",
    "url",
    "return",
    "returnTo",
    "return_to",
    "returnUrl",
    "redirect",
    "redirect_to",
    "redirect_url",
    "redirectUri",
    "redirect_uri",
    "target",
    "target_link_uri",
    "continue",
    "goto",
    "back",
    "rd",
    "service",
)
_SHORTEST_SECRET: Final = 16
_HARMLESS: Final = re.compile(r"csrf|xsrf|lang|locale|theme|consent|banner|timezone|_ga", re.IGNORECASE)
_BAD_REQUEST: Final = 400


def _requests_that_start(ground: Ground) -> tuple[Request, Exchange]:
    """Return the request to the client that sends the browser to its server, and the answer."""
    browser = ground.browser(stops_at=ground.authorization_endpoint)
    visit = browser.log_in(ground.application.start, ground.users[0])
    if visit.callback is None:
        raise Inconclusive("the client did not send the browser to the authorization endpoint")
    return visit.last.request, visit.last


@_page(
    "RP-14-forced-start",
    title="No other site can make a browser start a flow",
    sends="the request that starts a flow, as a foreign page makes the browser send it",
    fix="Start flows with a POST that carries a token of the session, and refuse it from other sites.",
    requirements=("FAPI2-SP-5.3.3.1-12",),
    reach=Reach.FAPI,
    severity=Severity.MEDIUM,
    cwe="CWE-352",
    gives=("login-forced",),
)
def flow_starts_by_will(trial: Trial) -> Outcome:
    """A flow that nobody wanted ends with a connection that nobody wanted (FAPI 2.0 SP section 5.3.3.1 item 12).

    The request with which the client's own page starts a flow is sent as a foreign page can send it: with the origin of
    that page, with the cookies that come along, and with what an attacker can know of its fields.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    victims, started = _requests_that_start(ground)
    attackers, _ = _requests_that_start(ground)
    trial.control("The client's own page starts a flow", started, good=lambda each: bool(each.location))
    sent = forged(victims, attackers, knows={})
    if sent is None:
        return passed("The address that starts a flow has a secret in it.")
    victim = ground.browser()
    victim.open(ground.application.start)
    answer = trial.attack("The same for a foreign page", send_cross_site(victim, sent))
    if answer.location.startswith(ground.authorization_endpoint):
        return failed("A foreign page started a flow in the victim's browser.")
    return passed("A foreign page started nothing.")


@_page(
    "RP-12-open-redirector",
    title="No address of the client forwards a browser to wherever a parameter says",
    sends=f"{len(_LEADS)} parameters that lead to a foreign page, to start page and callback",
    fix="Redirect to fixed addresses of the client only; keep where to return in the session.",
    requirements=("FAPI2-SP-5.3.3.1-4", "RFC9700-2.1-p2.2", "RFC9700-4.1.3-1", "RFC9700-4.11.1-p1"),
    severity=Severity.MEDIUM,
    cwe="CWE-601",
    gives=("page-abused",),
)
def client_forwards_nobody(trial: Trial) -> Outcome:
    """An open redirector at a registered redirect URI passes codes on, and lends phishing a name that people trust.

    Start page, base and callback are opened with parameters that often decide where to go, all with one foreign
    address. It counts whether the browser is sent there.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    query = "&".join(f"{name}={quote(ATTACKERS_PAGE, safe='')}" for name in _LEADS)
    base = origin_of(ground.application.start)
    trial.control(
        "The start page as it is",
        ground.browser().open(ground.application.start).exchanges[0],
        good=lambda each: each.status < _BAD_REQUEST,
    )
    for address in dict.fromkeys((ground.application.start, f"{base}/", ground.application.callback)):
        joint = "&" if "?" in address else "?"
        for each in ground.browser().walk(Request(method="GET", url=f"{address}{joint}{query}")):
            trial.attack("An address with parameters that lead away", each)
            leads = urljoin(each.request.url, each.location or read_page(each.page()).refresh)
            if urlsplit(leads).hostname == urlsplit(ATTACKERS_PAGE).hostname:
                return failed(f"{address.partition('?')[0]} forwards the browser to where a parameter says.")
    return passed("No address forwarded the browser.")


@_page(
    "RP-12-callback-page",
    title="The page at the redirect URI tells nobody its address",
    sends="nothing: the answer to an honest authorization response is read",
    fix="Answer the callback with a redirect to an address without the code, and with Referrer-Policy: no-referrer.",
    requirements=("RFC9700-4.2.4-p1", "RFC9700-4.2.4-1"),
    severity=Severity.MEDIUM,
    cwe="CWE-200",
    gives=("code-leaks",),
)
def callback_keeps_its_address(trial: Trial) -> Outcome:
    """The callback's address holds the code: what the page loads from others is told that address (section 4.2.4).

    A redirect shows nothing. A page must load nothing from other origins, or forbid the browser to say where it is.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    answer = trial.control(
        "The client's answer to an honest response",
        ground.honest()[0],
        good=lambda each: each.status < _BAD_REQUEST,
    )
    if answer.location:
        return passed("The callback is answered with a redirect.")
    read = read_page(answer.page())
    own = origin_of(answer.request.url)
    addresses = (*read.resources, *(address for address, _ in read.links))
    foreign = [each for each in addresses if origin_of(urljoin(answer.request.url, each)) != own]
    policy = (answer.header("referrer-policy") or "").lower()
    if foreign and not any(
        word in policy for word in ("no-referrer", "same-origin", "strict-origin", "origin")
    ):
        return failed(
            f"The page at the redirect URI leads to {origin_of(foreign[0])} and has no Referrer-Policy."
        )
    return passed("The page at the redirect URI tells nobody its address.")


@_page(
    "RP-19-session-cookie",
    title="The client's session cookie is for the browser and for TLS alone",
    sends="nothing: the cookies of an honest flow are read",
    fix="Set the session's cookie with Secure, HttpOnly and SameSite=Lax.",
    severity=Severity.MEDIUM,
    cwe="CWE-1004",
)
def session_cookie_is_protected(trial: Trial) -> Outcome:
    """The cookie stands for the user's tokens: what reads it, has them.

    Each cookie of the client that looks like a secret must be HttpOnly, so that a script cannot read it, and Secure
    where the client is reached over TLS.
    """
    ground = ground_of(trial.deployment, "RP-14-other-user")
    browser = ground.browser()
    seen = [*browser.open(ground.application.start).exchanges, *ground.honest()]
    own = origin_of(ground.application.callback)
    headers = [
        (each, value)
        for each in seen
        if origin_of(each.request.url) == own
        for value in each.all_headers("set-cookie")
    ]
    secrets = [(each, value) for each, value in headers if _is_secret(value)]
    trial.need(secrets, "the client sets no cookie that looks like a session's")
    for each, value in secrets:
        trial.observe("The answer that sets a cookie", each)
        attributes = {part.strip().lower() for part in value.split(";")[1:]}
        lacking = {"httponly"} | ({"secure"} if own.startswith("https://") else set())
        if lacking - attributes:
            name = value.partition("=")[0]
            return failed(f"The cookie {name} lacks {' and '.join(sorted(lacking - attributes))}.")
    return passed("The session's cookies are HttpOnly and Secure.")


def _is_secret(header: str) -> bool:
    name, _, value = header.partition(";")[0].partition("=")
    return len(value) >= _SHORTEST_SECRET and not _HARMLESS.search(name)
