"""What crosses the network in the clear, and what keeps a browser from being talked into it."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.tls import ports_of
from trustweft.audit.verdict import Reach, Role, Safety, Severity
from trustweft.audit.wire import Unreachable
from trustweft.protocol.well_known import well_known_urls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_MAXIMUM_AGE: Final = re.compile(r'max-age\s*=\s*"?(\d+)', re.IGNORECASE)


@check(
    "TL-04",
    title="Everything is offered over TLS",
    sends="nothing; the addresses are read",
    fix="Give every endpoint and API an https address, and no other.",
    requirements=("FAPI2-SP-5.2.1-1", "FAPI2-SP-5.4.2-1", "RFC9700-2.6-p5.1", "RFC9449-2-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-319",
    owasp="API8:2023",
    gives=("token-leaks", "code-leaks"),
)
def everything_is_offered_over_tls(trial: Trial) -> Outcome:
    """Passwords, codes and tokens that cross a network in the clear belong to everybody on the way.

    The check reads the addresses of issuer, endpoints and APIs, as the metadata and the target file name them. On the
    loopback interface of a developer's machine nobody listens; what is deployed like that is open.
    """
    try:
        ports = ports_of(trial.deployment, scheme="http")
    except NotApplicable:
        return passed("Every address of issuer, endpoints and APIs is https.")
    named = "; ".join(f"{each.url} ({', '.join(each.uses)})" for each in ports)
    with suppress(Unreachable):  # the address is wrong whether or not somebody answers there now
        answer = trial.deployment.wire.send(Request(method="GET", url=f"{ports[0].url}/"))
        trial.observe("What is offered without TLS", answer)
    return failed(f"There is no TLS: passwords, codes and tokens cross the network in the clear. {named}.")


@check(
    "TL-04-plain",
    title="What is offered over TLS is not offered in the clear as well",
    sends="requests over plain http to the hosts of the https addresses",
    fix="Answer nothing over plain http, or redirect pages to https, and close port 80 to endpoints.",
    requirements=("FAPI2-SP-5.2.1-1", "RFC9700-2.6-p5.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-319",
    owasp="API8:2023",
    gives=("token-leaks", "code-leaks"),
)
def nothing_is_offered_in_the_clear(trial: Trial) -> Outcome:
    """A second door without a lock: whoever gets a client or a browser to use it reads everything.

    The check calls metadata, token endpoint and APIs over plain http, at their own port and, where that is 443, at 80.
    Errors and redirects to https are fine; what is wrong is an answer in substance: a document, or an OAuth error.
    """
    deployment = trial.deployment
    ports_of(deployment)
    attempts: list[Exchange] = []
    for label, request in _in_the_clear(deployment):
        with suppress(Unreachable):  # nobody listens there, as it should be
            attempts.append(trial.attack(label, request))
    trial.control("The metadata or an API over TLS", _known_good(deployment))
    return trial.judge(
        attempts,
        accepted=_in_substance,
        failure="Plain http is answered like https.",
        success="Nothing answers over plain http in substance.",
    )


def _in_the_clear(deployment: Deployment) -> list[tuple[str, Request]]:
    places = well_known_urls(deployment.discovery.issuer)
    requests = [Request(method="GET", url=places.oauth), Request(method="GET", url=places.openid)]
    token = deployment.discovery.text("token_endpoint")
    if token:
        requests.append(form_request(token, ("grant_type", "authorization_code"), ("code", "none")))
    requests += [each.request() for each in deployment.operations if each.safe][:1]
    found = []
    for each in requests:
        parts = urlsplit(each.url)
        if parts.scheme != "https":
            continue
        netlocs = [parts.netloc] if parts.port else [f"{parts.netloc}:443", parts.netloc]
        for netloc in netlocs:
            url = parts._replace(scheme="http", netloc=netloc).geturl()
            found.append((f"{each.method} {url}", replace(each, url=url)))
    return found


def _known_good(deployment: Deployment) -> Exchange:
    for found in (deployment.discovery.oauth, deployment.discovery.openid):
        if found is not None and found.ok:
            return found
    operation = next((each for each in deployment.operations if each.safe), None)
    if operation is None:
        raise NotApplicable("there is neither metadata nor an operation that only reads")
    if operation.public:
        return deployment.wire.send(operation.request())
    access = deployment.access()
    return deployment.send_call(deployment.calling(operation, access), access)


def _in_substance(exchange: Exchange) -> bool:
    document = exchange.document()
    if exchange.request.method == "POST":
        return "error" in document and exchange.status in (400, 401)
    return exchange.ok and bool(document)


@check(
    "TL-04-hsts",
    title="A browser that has been here once cannot be talked out of TLS",
    sends="an authorization request, as a browser",
    fix="Send Strict-Transport-Security with a max-age of a year with every page, and have the name preloaded.",
    requirements=("FAPI2-SP-5.2.3-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-523",
    owasp="API8:2023",
)
def browsers_stay_on_tls(trial: Trial) -> Outcome:
    """A browser that is sent to http, by a link or by who stands in between, goes there unless it was told not to.

    Strict-Transport-Security (RFC 6797) tells it; names on the browsers' own list send the header too. The check opens
    the authorization endpoint and follows it to the login page; one answer of its host with the header is enough.
    """
    deployment = trial.deployment
    endpoint = urlsplit(deployment.discovery.endpoint("authorization_endpoint"))
    trial.need(endpoint.scheme == "https", "the authorization endpoint is not offered over TLS at all")
    trial.need(
        takes_policy(endpoint.hostname or ""), "the policy is for names of the network, and this is none"
    )
    flow = deployment.flow()
    visit = flow.browser.open(flow.start_url())
    answers = [each for each in visit.exchanges if urlsplit(each.request.url).hostname == endpoint.hostname]
    for each in answers:
        trial.observe("A page of the authorization server", each)
    return policy_outcome(
        [value for each in answers for value in each.all_headers("strict-transport-security")]
    )


def policy_outcome(found: Sequence[str]) -> Outcome:
    """Say whether one of the policies that pages carry keeps a browser on TLS."""
    if any((age := _MAXIMUM_AGE.search(value)) and int(age[1]) > 0 for value in found):
        return passed(f"Pages carry Strict-Transport-Security: {found[0]}.")
    return failed(f"Pages carry Strict-Transport-Security: {'; '.join(found) or 'nothing'}.")


def takes_policy(host: str) -> bool:
    """Tell whether browsers keep such a policy for a host: not for addresses (RFC 6797 section 8.1.1).

    A policy for ``localhost`` would bind every other program of the developer's machine.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
    return False
