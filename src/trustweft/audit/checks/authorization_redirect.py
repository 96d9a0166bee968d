"""Where the response goes: to the registered redirect URI, as a string, and nowhere else (RFC 9700 section 4.1.3)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from trustweft.audit.asking import Reply, ask, judge_replies, open_and_finish
from trustweft.audit.check import Inconclusive, check, suspected
from trustweft.audit.checks.pushed_request import pushed
from trustweft.audit.exchange import origin_of
from trustweft.audit.redirect_variants import ATTACKER, is_delivery, variants
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.trial import Trial

_EXACT = ("RFC9700-2.1-p1", "RFC9700-4.1.3-p1.1")


class _Browsing:
    """A browser in which the user has logged in, and what the server makes of the registered redirect URI there.

    All checks share it, one at a time: a server may keep what is asked in the browser's session.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.lock = threading.Lock()
        flow = deployment.flow()
        self.browser = flow.browser
        self.registered = flow.parameters["redirect_uri"]
        self.server = origin_of(flow.plan.discovery.endpoint("authorization_endpoint"))
        self.control = ask(flow, deployment.user())
        called = self.control.callback.url if self.control.callback else ""
        self.own = (self.registered, called.partition("#")[0].partition("?")[0])

    def try_all(self, addresses: Mapping[str, str]) -> list[tuple[str, Reply]]:
        """Ask with each address in place of the registered one; one that cannot be tried is left out."""
        attempts = []
        for label, address in addresses.items():
            flow = self.deployment.flow(browser=self.browser, changes={"redirect_uri": address})
            try:
                with self.lock:
                    attempts.append((f"{label}: {address!r}", ask(flow, self.deployment.user())))
            except (Inconclusive, ValueError):  # such an address cannot be followed
                continue
        if len(attempts) < len(addresses) / 2:
            raise Inconclusive(f"only {len(attempts)} of {len(addresses)} addresses could be tried")
        return attempts

    def delivered(self, reply: Reply) -> bool:
        """Tell whether the response went to another address than the client's."""
        return any(is_delivery(each.location, own=self.own, server=self.server) for each in reply.exchanges)

    def judge(self, trial: Trial, addresses: Mapping[str, str], *, what: str) -> Outcome:
        """Try all, and say what came of it."""
        return judge_replies(
            trial,
            self.try_all(addresses),
            accepted=self.delivered,
            failure=f"A response was sent to {what}.",
            success=f"{len(addresses)} addresses were tried, and no response was sent to {what}.",
        )


def _logged_in(trial: Trial) -> _Browsing:
    deployment = trial.deployment
    browsing = deployment.once.find("redirect URIs", lambda: _Browsing(deployment))
    trial.control("A good request", browsing.control.decisive, good=lambda _: bool(browsing.control.code))
    return browsing


@check(
    "AZ-01-host",
    title="No response goes to a host that only resembles the registered one",
    sends="authorization requests with redirect URIs on other hosts",
    fix="Compare redirect_uri with the registered ones as a string, and nothing else.",
    requirements=(*_EXACT, "RFC9700-4.11.2-p2", "FAPI2-SP-5.3.2.1-7", "RFC9126-2.1-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    owasp="API8:2023",
    gives=("code-leaks",),
)
def no_response_to_other_hosts(trial: Trial) -> Outcome:
    """A code that goes to the attacker's host is the attacker's. Every comparison but the exact one was outwitted once.

    The check tries addresses that a prefix, a suffix, a pattern or another parser takes for the registered one. A
    server that takes addresses which were never registered from authenticated clients in pushed requests (RFC 9126
    section 2.4) is told apart by an address that resembles nothing.
    """
    browsing = _logged_in(trial)
    unrelated = {"unrelated": f"https://{ATTACKER}/callback"}
    (label, reply) = browsing.try_all(unrelated)[0]
    if browsing.delivered(reply) and pushed(reply.exchanges[0]):
        trial.attack(label, reply.decisive)
        return suspected(
            "A redirect URI that was never registered was taken in a pushed request. RFC 9126 section 2.4 permits "
            "that for authenticated clients; RFC 9700 section 4.1.3 wants registered ones."
        )
    return browsing.judge(
        trial,
        unrelated | variants("host", browsing.registered),
        what="a host that only resembles the client's",
    )


@check(
    "AZ-01-path",
    title="No response goes to another path than the registered one",
    sends="authorization requests with redirect URIs of other paths on the registered host",
    fix="Compare redirect_uri with the registered ones as a string, and nothing else.",
    requirements=_EXACT,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    owasp="API8:2023",
    gives=("code-leaks",),
)
def no_response_to_other_paths(trial: Trial) -> Outcome:
    """Other pages of the client's host redirect, embed others, or belong to others: the code leaks there.

    The check continues the path, climbs up, encodes and cuts. Each of these was a vulnerability somewhere.
    """
    browsing = _logged_in(trial)
    return browsing.judge(
        trial, variants("path", browsing.registered), what="another path of the client's host"
    )


@check(
    "AZ-01-query",
    title="No response goes to a redirect URI with something added",
    sends="authorization requests with parameters or a fragment added to the redirect URI",
    fix="Compare redirect_uri with the registered ones as a string, and nothing else.",
    requirements=_EXACT,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-601",
    owasp="API8:2023",
)
def no_response_to_added_parameters(trial: Trial) -> Outcome:
    """Who adds parameters steers the client's page, or plants a second code beside the server's."""
    browsing = _logged_in(trial)
    return browsing.judge(
        trial, variants("query", browsing.registered), what="a redirect URI to which something was added"
    )


@check(
    "AZ-01-scheme",
    title="No response goes to another scheme or port than the registered one",
    sends="authorization requests with redirect URIs of other schemes and ports",
    fix="Compare redirect_uri with the registered ones as a string, and nothing else.",
    requirements=(*_EXACT, "FAPI2-SP-5.3.2.2-8", "RFC9700-2.6-p5.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1", "A2"),
    fapi_attackers=("A1", "A2"),
    cwe="CWE-601",
    owasp="API8:2023",
    gives=("code-leaks",),
)
def no_response_to_other_schemes(trial: Trial) -> Outcome:
    """With http the code crosses the network in the clear; another scheme or port belongs to whoever claims it.

    With javascript the address is a program that runs in the name of the page. The check keeps host and path, and exchanges what stands around them.
    """
    browsing = _logged_in(trial)
    return browsing.judge(trial, variants("scheme", browsing.registered), what="another scheme or port")


@check(
    "AZ-01-disguise",
    title="No response goes to an address with something hidden in it",
    sends="authorization requests with line breaks, NUL, spaces or two addresses in the redirect URI",
    fix="Compare redirect_uri with the registered ones as a string, before anything is decoded or cut.",
    requirements=_EXACT,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-113",
    owasp="API8:2023",
    gives=("code-leaks", "page-abused"),
)
def no_response_to_disguises(trial: Trial) -> Outcome:
    """What one reader cuts off, another reads: a line break in an address writes headers of the answer."""
    browsing = _logged_in(trial)
    return browsing.judge(
        trial, variants("disguise", browsing.registered), what="an address with something hidden in it"
    )


@check(
    "AZ-01-equivalent",
    title="The redirect URI is compared as a string, without making addresses alike first",
    sends="authorization requests with redirect URIs in upper case, with dot segments, and encoded",
    fix="Compare redirect_uri with the registered ones as a string, octet by octet.",
    requirements=_EXACT,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-178",
    owasp="API8:2023",
)
def addresses_are_not_made_alike(trial: Trial) -> Outcome:
    """Whoever makes addresses alike before comparing does it otherwise than the next reader (RFC 9700 section 4.1.3).

    The check writes the registered address in other ways that some readers take for the same. Taken in itself that
    leaks nothing, and so this is of low severity.
    """
    browsing = _logged_in(trial)
    return browsing.judge(
        trial, variants("equivalent", browsing.registered), what="another spelling of the redirect URI"
    )


@check(
    "AZ-01-twice",
    title="A second redirect URI in the request counts for nothing",
    sends="authorization requests with two redirect URIs, the registered one first and last",
    fix="Refuse requests in which redirect_uri occurs twice.",
    requirements=_EXACT,
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-235",
    owasp="API8:2023",
    gives=("code-leaks",),
)
def second_redirect_uri_counts_for_nothing(trial: Trial) -> Outcome:
    """Where one reader checks the first of two and another uses the last, the check was in vain."""
    browsing = _logged_in(trial)
    foreign = f"https://{ATTACKER}/callback"
    attempts = [
        (f"the registered one {order}", _ask_twice(browsing, foreign, last=order == "last"))
        for order in ("first", "last")
    ]
    return judge_replies(
        trial,
        attempts,
        accepted=browsing.delivered,
        failure="A response was sent to the second redirect URI of a request.",
        success="No response was sent to the second redirect URI of a request.",
    )


def _ask_twice(browsing: _Browsing, foreign: str, *, last: bool) -> Reply:
    deployment = browsing.deployment
    flow = deployment.flow(browser=browsing.browser)
    first, second = (foreign, browsing.registered) if last else (browsing.registered, foreign)
    if not flow.plan.pushes:
        flow.with_parameters({"redirect_uri": first})
        url = f"{flow.authorization_url()}&{urlencode({'redirect_uri': second})}"
        return open_and_finish(flow, url, deployment.user())
    request = flow.pushed_request().with_parameters(("redirect_uri", first))
    answer = deployment.wire.send(request.repeating("redirect_uri", second))
    if not pushed(answer):
        return Reply(exchanges=(answer,), callback=None)
    reply = open_and_finish(flow, flow.pushed_url(answer.text("request_uri")), deployment.user())
    return Reply(exchanges=(answer, *reply.exchanges), callback=reply.callback)
