"""What comes in an address or a form stays text on the pages that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec.structs import replace

from trustweft.audit.asking import good_request
from trustweft.audit.check import Inconclusive, NotApplicable, check
from trustweft.audit.consenting import ask_for_consent
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.interaction import consent_form, login_page, stop_at_login, try_password
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

__all__ = ["MARK", "is_markup"]

MARK: Final = "<trustweft-check>"
_PAYLOAD: Final = f"a\"'>{MARK}<"
_PARAMETERS: Final = (
    "client_id",
    "request_uri",
    "redirect_uri",
    "state",
    "scope",
    "response_type",
    "error",
    "error_description",
    "ui_locales",
    "login_hint",
    "prompt",
)
# What login pages take from their own address, and often show: a message, where to go on, who it was.
_OF_LOGIN_PAGES: Final = (
    "error",
    "error_description",
    "message",
    "msg",
    "reason",
    "info",
    "warning",
    "status",
    "next",
    "continue",
    "return_to",
    "returnUrl",
    "redirect",
    "username",
    "email",
    "login_hint",
    "logout",
    "lang",
)
MOST: Final = 28  # names for one page
_FREE: Final = ("state", "login_hint", "ui_locales")  # which may say anything in a good request


def is_markup(answer: Exchange) -> bool:
    """Tell whether a browser would take the payload in an answer for markup."""
    kind = (answer.header("content-type") or "").lower()
    markup = "html" in kind or "xml" in kind or (not kind and b"<" in answer.body[:200])
    return markup and MARK in answer.page()


@check(
    "AZ-22-address",
    title="Parameters of an address stay text on the page",
    sends="addresses of the authorization endpoint and of the login page with markup in each parameter, addresses that "
    "do not exist, and one login of nobody's",
    fix="Escape everything that a page shows, in the template, by default.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-79",
    owasp="API8:2023",
    gives=("page-abused",),
)
def addresses_stay_text(trial: Trial) -> Outcome:
    """A script on the server's origin logs in, agrees and reads for whoever follows the link.

    The check puts an element that nobody knows into each parameter, and looks for it, unescaped, in pages. A login page
    has an address of its own, and the authorization endpoint does not pass on what it is told: its parameters are those
    that such pages usually take, and those that were seen on the way there and after a login that failed.
    """
    deployment = trial.deployment
    good_request(trial)
    flow = deployment.flow()
    attempts = []
    for name in _PARAMETERS:
        parameters = {**flow.parameters, name: _PAYLOAD}
        request = Request(method="GET", url=flow.authorization_url(parameters))
        attempts.append(trial.attack(f"Markup in {name}", request))
    pushed = flow.authorization_url({"client_id": flow.party.client_id, "request_uri": _PAYLOAD})
    attempts.append(trial.attack("Markup in request_uri, alone", Request(method="GET", url=pushed)))
    parts = urlsplit(flow.plan.discovery.endpoint("authorization_endpoint"))
    nowhere = f"{parts.scheme}://{parts.netloc}/trustweft-check?{urlencode({'q': _PAYLOAD})}"
    attempts.append(
        trial.attack("Markup in an address that does not exist", Request(method="GET", url=nowhere))
    )
    path = Request(
        method="GET", url=f"{parts.scheme}://{parts.netloc}/x", target=f"/x{MARK}".replace(" ", "%20")
    )
    attempts.append(trial.attack("Markup in a path", path))
    attempts += _at_login_pages(trial)
    return trial.judge(
        [each for each in attempts if is_markup(each) or not each.broke],
        accepted=is_markup,
        failure="A parameter became markup of the page.",
        success=f"{len(attempts)} addresses with markup in them left no markup on a page.",
    )


def _at_login_pages(trial: Trial) -> list[Exchange]:
    """Open the login page with markup in each parameter of its own address; nothing where no form asks for a password."""
    deployment = trial.deployment
    browser = deployment.browser(deployment.party())
    nobody = replace(deployment.user(), username="trustweft-nobody", password="no password")  # noqa: S106
    try:
        visit = stop_at_login(browser, deployment.flow().start_url(), deployment.user())
    except NotApplicable:
        return []
    refused = browser.step(visit, nobody)
    seen = [*visit.exchanges, *(refused.exchanges if refused is not None else ())]
    pages = {
        urlsplit(each.request.url)._replace(query="").geturl(): each.request.url
        for each in reversed(seen)
        if each.request.method == "GET" and login_page(each) is not None
    }
    told = [name for each in seen for name, _ in parse_qsl(urlsplit(each.request.url).query)]
    names = list(dict.fromkeys((*_OF_LOGIN_PAGES, *told)))[:MOST]
    return [
        trial.attack(f"Markup in {name} of the login page", browser.send(_with_markup(url, name)))
        for url in pages.values()
        for name in names
    ]


def _with_markup(url: str, name: str) -> Request:
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    query = urlencode([*kept, (name, _PAYLOAD)])
    return Request(method="GET", url=parts._replace(query=query, fragment="").geturl())


@check(
    "AZ-22-login",
    title="What is typed into the login form stays text on the page",
    sends="one login with markup for a name",
    fix="Escape everything that a page shows, in the template, by default.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-79",
    owasp="API8:2023",
    gives=("page-abused",),
)
def typed_names_stay_text(trial: Trial) -> Outcome:
    """Login pages like to show the name again. Escaped it is a name, and otherwise a script beside the password."""
    deployment = trial.deployment
    good_request(trial)
    user = replace(deployment.user(), username=_PAYLOAD, password="no password")  # noqa: S106  # nobody has it
    visit = try_password(deployment.browser(deployment.party()), deployment.flow().start_url(), user)
    return trial.judge(
        [trial.attack("The page after a login with markup for a name", visit.last)],
        accepted=is_markup,
        failure="The name that was typed became markup of the page.",
        success="The name that was typed stayed text, or was not shown.",
    )


@check(
    "AZ-22-consent",
    title="What a request says stays text on the page that asks for consent",
    sends="good authorization requests with markup in parameters that may be anything, up to the page that asks",
    fix="Escape everything that a page shows, in the template, by default.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-79",
    owasp="API8:2023",
    gives=("page-abused",),
)
def requests_stay_text_at_consent(trial: Trial) -> Outcome:
    """A script on this page agrees in the person's name, and whoever makes the link writes the request.

    AZ-22-address sees what is shown to anybody; this page is shown after the login only. The check logs in, and agrees
    to nothing. A server that refuses such a parameter has closed this already.
    """
    deployment = trial.deployment
    asked = ask_for_consent(deployment)
    trial.keep("control", "The page that asks", asked.page)
    attempts = []
    for name in _FREE:
        flow = deployment.flow(asked.flow.party, changes={**asked.changes, name: _PAYLOAD})
        if flow.plan.pushes:
            pushed = flow.push()
            if not pushed.ok:
                attempts.append(trial.attack(f"A pushed request with markup in {name}", pushed))
                continue
            url = flow.pushed_url(pushed.text("request_uri"))
        else:
            url = flow.authorization_url()
        browser = flow.browser
        visit = browser.go_on(
            browser.open(url), asked.user, until=lambda page: consent_form(page) is not None
        )
        shown = trial.attack(f"The page after a login with markup in {name}", visit.last)
        # Another page than the one that asks shows nothing of what that one would.
        if consent_form(shown) is not None or is_markup(shown) or shown.broke:
            attempts.append(shown)
    if not attempts:
        raise Inconclusive("with such parameters no page asked for consent")
    return trial.judge(
        attempts,
        accepted=is_markup,
        failure="A parameter became markup of the page that asks for consent.",
        success=f"Markup in {len(attempts)} parameters stayed text, or was refused.",
    )


@check(
    "AZ-22-errors",
    title="Error answers for clients are no pages",
    sends="token and pushed requests with markup in their parameters",
    fix="Answer clients with application/json, and escape what error descriptions repeat.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-79",
    owasp="API8:2023",
)
def errors_are_no_pages(trial: Trial) -> Outcome:
    """An error that is sent as HTML and repeats what came in is a page of the attacker's on the server's origin.

    A form of any site can be sent to these endpoints.
    """
    deployment = trial.deployment
    good_request(trial)
    attempts = []
    for name in ("token_endpoint", "pushed_authorization_request_endpoint", "revocation_endpoint"):
        url = deployment.discovery.text(name)
        if url:
            fields = ("grant_type", "client_id", "code", "scope", "redirect_uri", "token", "response_type")
            attempts.append(
                trial.attack(f"Markup to {name}", form_request(url, *((each, _PAYLOAD) for each in fields)))
            )
    return trial.judge(
        [each for each in attempts if is_markup(each) or not each.broke],
        accepted=is_markup,
        failure="An error answer became a page with foreign markup.",
        success="No error answer became a page.",
    )
