"""What the headers of answers let browsers, caches and proxies do with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed
from trustweft.audit.exchange import form_request
from trustweft.audit.framing import AMBIGUOUS, plain_request, send_raw
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.protocol.well_known import well_known_urls

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_SHARED: Final = re.compile(r"(?:^|[,\s])(?:public|s-maxage\s*=\s*\"?0*[1-9])", re.IGNORECASE)
TRIED: Final = 4  # operations of each API


@check(
    "TL-07",
    title="No browser guesses what an answer is",
    sends="an authorization request, a token request and API requests",
    fix="Send X-Content-Type-Options: nosniff with every answer.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A1",),
    cwe="CWE-693",
    owasp="API8:2023",
)
def no_type_is_guessed(trial: Trial) -> Outcome:
    """A browser that guesses can make a page with scripts of what was meant as data.

    X-Content-Type-Options: nosniff forbids it. The check reads the login page, an answer of the token endpoint and
    those of the APIs. It is advice: where every type is declared rightly, there is little to guess.
    """
    bare = []
    for label, exchange in _answers(trial):
        if "nosniff" not in (exchange.header("x-content-type-options") or "").lower():
            bare.append(label)
    if bare:
        return failed(f"Answers without X-Content-Type-Options: nosniff: {'; '.join(bare)}.")
    return passed("Answers carry X-Content-Type-Options: nosniff.")


@check(
    "TL-07-type",
    title="JSON is declared as JSON",
    sends="a token request, good and bad, and API requests",
    fix="Send Content-Type: application/json with every JSON answer, errors included.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-79",
    owasp="API8:2023",
)
def json_is_declared(trial: Trial) -> Outcome:
    """JSON that is declared as a page is one: whatever stands in it can be a script, in the server's own name.

    RFC 6749 section 5.1 and 5.2 ask for application/json. The check reads good answers and refusals; what is wrong is
    a JSON document that says it is HTML.
    """
    wrong = []
    for label, exchange in _answers(trial):
        declared = (exchange.header("content-type") or "").lower()
        if exchange.document() and "html" in declared:
            wrong.append(f"{label}: {declared}")
    if wrong:
        return failed(f"JSON is declared as a page. {'; '.join(wrong)}.")
    return passed("No JSON is declared as a page.")


@check(
    "TL-08",
    title="A request whose end can be read in two ways is refused",
    sends="requests with two lengths, with a length and chunks, and with a space before the colon",
    fix="Refuse such requests with 400 and close the connection, at the proxy and at the server behind it.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A1",),
    cwe="CWE-444",
    owasp="API8:2023",
)
def framing_is_not_ambiguous(trial: Trial) -> Outcome:
    """Where a proxy and the server behind it see the end of a request in different places, the rest is smuggled.

    The next user's request is then answered with the attacker's, or the other way round. RFC 9112 section 6.3 demands
    that such requests are refused. The check sends them on connections of its own, with a body that is empty either
    way, so that nobody else's request can be touched. A server without a proxy before it is in no danger: advice.
    """
    deployment = trial.deployment
    url = _open_address(deployment)
    trial.need(url, "nothing here answers a GET to anybody: neither metadata nor keys nor a public operation")
    trial.control("The same request with one length", send_raw(deployment.wire, url, plain_request(url)))
    attempts = [
        trial.attack(label, send_raw(deployment.wire, url, make(url))) for label, make in AMBIGUOUS.items()
    ]
    accepted = [label for label, each in zip(AMBIGUOUS, attempts, strict=True) if each.ok]
    if accepted:
        return failed(f"Requests that can be read in two ways are answered: {'; '.join(accepted)}.")
    return passed("Requests that can be read in two ways are refused.")


@check(
    "TL-09",
    title="No shared cache is told to keep what an access token opens",
    sends="API requests with a token",
    fix="Send Cache-Control: no-store, or private, with everything that needs a token.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-525",
    owasp="API8:2023",
    gives=("anonymous-access",),
)
def shared_caches_keep_nothing(trial: Trial) -> Outcome:
    """A cache between the users and the API answers one user with what another asked for, if it is told that it may.

    By RFC 9111 section 3.5 it must not where the request has an Authorization header, unless the answer says ``public``
    or ``s-maxage``. The check calls operations with a token and reads Cache-Control.
    """
    shared = []
    operations, access = _protected(trial)
    for operation in operations:
        answer = trial.observe(operation.name, _call(trial.deployment, operation, access))
        said = answer.header("cache-control") or ""
        if answer.ok and _SHARED.search(said):
            shared.append(f"{operation.name}: {said}")
    if shared:
        return failed(f"Shared caches may keep protected answers. {'; '.join(shared)}.")
    return passed("No answer lets shared caches keep it.")


@check(
    "TL-09-no-store",
    title="Personal data stays in no cache",
    sends="API requests with a token",
    fix="Send Cache-Control: no-store with personal data.",
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    cwe="CWE-525",
    owasp="API8:2023",
)
def personal_data_is_not_stored(trial: Trial) -> Outcome:
    """What a browser or a client's own cache keeps on disk is read by whoever gets the device next.

    The check calls operations with a token and reads Cache-Control; no-store, or private with no-cache, is what it
    hopes for. No clause demands it: advice.
    """
    kept = []
    operations, access = _protected(trial)
    for operation in operations:
        answer = trial.observe(operation.name, _call(trial.deployment, operation, access))
        said = (answer.header("cache-control") or "").lower()
        if answer.ok and "no-store" not in said and not ("private" in said and "no-cache" in said):
            kept.append(f"{operation.name}: {said or 'nothing'}")
    if kept:
        return failed(f"Personal data may be stored. {'; '.join(kept)}.")
    return passed("Personal data is marked as not to be stored.")


def _open_address(deployment: Deployment) -> str:
    """Return an address that answers a GET to anybody, empty where there is none."""
    places = well_known_urls(deployment.discovery.issuer)
    found = (places.oauth, deployment.discovery.oauth), (places.openid, deployment.discovery.openid)
    documents = [place for place, answer in found if answer is not None and answer.ok]
    keys = [deployment.discovery.text("jwks_uri")] if deployment.discovery.keys else []
    public = [each.url for each in deployment.operations if each.public and each.method == "GET"]
    return next(iter((*documents, *keys, *public)), "")


def _answers(trial: Trial) -> list[tuple[str, Exchange]]:
    """Return answers of every kind: a page, a token, refusals, and data."""
    deployment = trial.deployment
    flow = deployment.flow()
    access = deployment.access()
    bad = form_request(
        deployment.plan(flow.party).endpoint("token_endpoint", flow.party), ("grant_type", "none")
    )
    found = [
        ("a page of the authorization server", flow.browser.open(flow.start_url()).last),
        ("the token endpoint", access.answer),
        ("a refusal of the token endpoint", deployment.wire.send(bad)),
    ]
    for operation in _first_of_each_api(deployment.operations):
        if operation.safe and not operation.public:
            found.append((operation.name, _call(deployment, operation, access)))
            found.append((f"a refusal of {operation.name}", deployment.wire.send(operation.request())))
    for label, exchange in found:
        trial.observe(label, exchange)
    return found


def _protected(trial: Trial) -> tuple[list[Operation], Access]:
    """Return operations that read and need a token, a few of each API, and a token for them."""
    chosen: dict[str, list[Operation]] = {}
    for each in trial.deployment.operations:
        if each.safe and not each.public:
            chosen.setdefault(each.api.url, []).append(each)
    trial.need(chosen, "no API has an operation that reads and needs a token")
    return [each for found in chosen.values() for each in found[:TRIED]], trial.deployment.access()


def _first_of_each_api(operations: list[Operation] | tuple[Operation, ...]) -> list[Operation]:
    found: dict[str, Operation] = {}
    for each in operations:
        if each.safe and not each.public:
            found.setdefault(each.api.url, each)
    return list(found.values())


def _call(deployment: Deployment, operation: Operation, access: Access) -> Exchange:
    return deployment.send_call(deployment.calling(operation, access), access)
