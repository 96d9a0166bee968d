"""Every form between request and response: its token counts, it takes POST alone, and nothing breaks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from trustweft.audit.asking import ask
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed, suspected
from trustweft.audit.exchange import origin_of
from trustweft.audit.forms import as_it_stands, fresh, kind_of, places, token_of
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.trial import Trial

_BROKEN: Final = 500  # what nobody foresaw; 501 to 504 say something else
_TECHNICAL: Final = re.compile(
    r"Traceback \(most recent call last\)|\bat [\w.$]+\([\w]+\.(?:java|kt|scala):\d+\)|\.py\", line \d+"
    r"|node_modules/|goroutine \d+ \[|SQLSTATE\[|ORA-\d{5}|sqlite3?\.\w*Error|psycopg2?\.|Werkzeug Debugger"
    r"|DEBUG = True|System\.\w+Exception|PG::\w+Error|Fatal error: .{0,80} on line \d+",
)
_SECRET_IN_ADDRESS: Final = re.compile(
    r"[?&](access_token|refresh_token|id_token|client_secret|password|passwd|code_verifier)=[^&#]{6,}"
)


def _accepted(control: Exchange, attack: Exchange) -> bool:
    return control.status < 400 and kind_of(control) == kind_of(attack)  # noqa: PLR2004  # not refused


@check(
    "AZ-16-tokens",
    title="A form whose token is another browser's is refused",
    sends="every form of login and consent, with the token that another browser was shown",
    fix="Compare the token of each form with the one of the browser's session, before anything is done.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-352",
    owasp="API8:2023",
    gives=("login-forced",),
    agrees=True,
)
def tokens_of_forms_count(trial: Trial) -> Outcome:
    """A token that stands in the form and is not compared protects nothing, and everybody believes that it does.

    The check sends each form as its page means it, and once more, from a new page, with the token of the first. Asked
    of forms that have a token; those without are judged by what a foreign page can send.
    """
    deployment = trial.deployment
    through, tried = [], 0
    for place in places(deployment):
        control = trial.observe(f"The {place} as it stands", as_it_stands(deployment, place))
        browser, request = fresh(deployment, place)
        name = token_of(request)
        foreign = control.request.parameter(name or "")
        if name is None or foreign is None or foreign == request.parameter(name):
            continue
        tried += 1
        answer = browser.send(request.with_parameters((name, foreign)))
        trial.attack(f"The {place} with another token", answer)
        if _accepted(control, answer):
            through.append(place)
    trial.need(tried, "no form has a token that differs from browser to browser")
    if not through:
        return passed(f"Each of {tried} forms was refused with another browser's token.")
    reason = f"Not compared is the token of the {', the '.join(map(str, through))}."
    certain = any(each.page in ("login", "consent") and each.address is None for each in through)
    return failed(reason) if certain else suspected(reason)


@check(
    "AZ-16-method",
    title="Forms of login and consent are taken by POST alone",
    sends="every form of login and consent by GET",
    fix="Take forms by POST alone: links and pictures send GET.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-650",
    owasp="API8:2023",
    agrees=True,
)
def forms_are_posted(trial: Trial) -> Outcome:
    """What a GET does, a link does (RFC 9110 section 9.2.1), and SameSite=Lax lets cookies come along with it.

    The check sends each form by GET, in the address and in the body, and compares the answer with that of POST.
    """
    deployment = trial.deployment
    through, tried = [], 0
    for place in places(deployment):
        control = trial.observe(f"The {place} as it stands", as_it_stands(deployment, place))
        if not control.location and not control.document():
            continue  # a page that is shown again says nothing
        tried += 1
        for by_get in (_in_address, _in_body):
            browser, request = fresh(deployment, place)
            answer = trial.attack(f"The {place} by GET", browser.send(by_get(request)))
            if _accepted(control, answer):
                through.append(str(place))
    trial.need(tried, "no form of the pages leads on")
    if through:
        return failed(f"By GET was taken: {', '.join(dict.fromkeys(through))}.")
    return passed(f"None of {tried} forms was taken by GET.")


def _in_address(request: Request) -> Request:
    joint = "&" if "?" in request.url else "?"
    return replace(
        request, method="GET", url=f"{request.url}{joint}{urlencode(request.form or ())}", form=None
    )


def _in_body(request: Request) -> Request:
    return replace(request, method="GET")


@check(
    "AZ-21-errors",
    title="Nothing breaks the authorization server",
    sends="a good flow and every form of its pages; then it reads the answers of the whole run",
    fix="Find the error in the server's log; answer what cannot be served with 4xx.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-755",
    owasp="API8:2023",
    passive=True,
)
def nothing_breaks(trial: Trial) -> Outcome:
    """A status of 500 is what nobody thought of, and where attackers look next.

    The check goes through a flow and sends every form of its pages as it stands, and then looks for the status 500 in
    whatever the server answered in this run, attacks of other checks included.
    """
    deployment = trial.deployment
    label = _walk(trial)
    hosts = _origins(trial)
    broken = [
        each
        for each in tuple(deployment.wire.exchanges)
        if each.status == _BROKEN and origin_of(each.request.url) in hosts
    ]
    if broken:
        trial.attack("A request that broke the server", broken[0])
        where = sorted({f"{each.request.method} {_path(each)}" for each in broken})
        return failed(f"{len(broken)} answers had the status 500: {', '.join(where)[:300]}.")
    if label:
        raise Inconclusive(label)
    return passed(f"No answer had the status 500, of {deployment.wire.sent} in this run.")


def _path(exchange: Exchange) -> str:
    return re.sub(r"[\w-]{16,}", "*", exchange.request.url.partition("?")[0])


def _walk(trial: Trial) -> str:
    """Go through a flow and its forms; return why not, where that cannot be done."""
    deployment = trial.deployment
    flow = deployment.flow()
    try:
        trial.observe("A good flow", ask(flow, deployment.user()).decisive)
        for place in places(deployment):
            trial.observe(f"The {place} as it stands", as_it_stands(deployment, place))
    except (Inconclusive, NotApplicable) as cause:
        return str(cause)
    return ""


def _origins(trial: Trial) -> set[str]:
    metadata = trial.deployment.discovery.metadata
    return {
        origin_of(value)
        for name, value in metadata.items()
        if isinstance(value, str) and name.endswith("_endpoint")
    }


@check(
    "AZ-22-technical",
    title="Answers tell nothing of how the server is made",
    sends="nothing of its own: it reads the answers of this run",
    fix="Answer errors with a number for the log, and keep the rest there.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    cwe="CWE-209",
    owasp="API8:2023",
    passive=True,
)
def answers_are_not_technical(trial: Trial) -> Outcome:
    """Stack traces name files, versions and queries: a map for whoever attacks next.

    Looked for are the marks of several languages, data bases and frameworks in all answers of the run.
    """
    label = _walk(trial)
    hosts = _origins(trial)
    telling = [
        (each, found[0])
        for each in tuple(trial.deployment.wire.exchanges)
        if origin_of(each.request.url) in hosts and (found := _TECHNICAL.search(each.page()))
    ]
    if telling:
        trial.observe("An answer that tells too much", telling[0][0])
        return failed(f"{len(telling)} answers show how the server is made, such as {telling[0][1][:60]!r}.")
    if label:
        raise Inconclusive(label)
    return passed("No answer shows how the server is made.")


@check(
    "AZ-11-secrets",
    title="No secret travels in an address",
    sends="nothing of its own: it reads where the answers of this run lead",
    fix="Send secrets in bodies and headers; log in by POST.",
    requirements=("RFC9700-4.3.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1", "A3"),
    cwe="CWE-598",
    owasp="API2:2023",
    gives=("token-leaks",),
    passive=True,
)
def addresses_hold_no_secrets(trial: Trial) -> Outcome:
    """Addresses stay behind in histories, logs of proxies and referrers; passwords and tokens must not be in them.

    Looked at are the redirects of the whole run, and login forms that are sent by GET.
    """
    label = _walk(trial)
    hosts = _origins(trial)
    seen = [each for each in tuple(trial.deployment.wire.exchanges) if origin_of(each.request.url) in hosts]
    for each in seen:
        found = _SECRET_IN_ADDRESS.search(each.location.partition("#")[0])
        if found and found[0] not in each.request.url:
            trial.observe("A redirect with a secret", each)
            return failed(f"A redirect carries {found[1]} in its address.")
        if _asks_by_get(each):
            trial.observe("A page that sends passwords by GET", each)
            return failed("A login form is sent by GET, and puts the password into the address.")
    if label:
        raise Inconclusive(label)
    return passed(f"None of {len(seen)} answers leads to an address with a secret in it.")


_PASSWORD_BY_GET: Final = re.compile(
    r"<form\b(?![^>]*\bmethod\s*=\s*[\"']?post)[^>]*>(?:(?!</form>).)*type=[\"']?password",
    re.IGNORECASE | re.DOTALL,
)


def _asks_by_get(answer: Exchange) -> bool:
    # A form with a script behind it may have no method at all; only a plain one is blamed.
    found = _PASSWORD_BY_GET.search(answer.page())
    return found is not None and "<script" not in answer.page().lower()
