"""Every form that a user meets between the request and the response, each sent as it stands, and in wrong ways."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.consenting import ask_for_consent
from trustweft.audit.exchange import origin_of
from trustweft.audit.interaction import filled_login, stop_at_login
from trustweft.audit.pages import read_page
from trustweft.audit.user_agent import form_submission

if TYPE_CHECKING:
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.pages import Form
    from trustweft.audit.user_agent import UserAgent

__all__ = ["Place", "as_it_stands", "fresh", "kind_of", "places", "token_of"]

_TOKEN: Final = re.compile(r"csrf|xsrf|authenticity|forgery|requestverification|^_?token$", re.IGNORECASE)
_RANDOM: Final = re.compile(r"[\w~.-]{16,}")
# Not followed and not sent: what ends or makes something, and what is no page.
_LEFT_ALONE: Final = re.compile(
    r"log.?out|sign.?out|revoke|delete|remove|unlink|deactivate|destroy|reset|forgot|register|sign.?up|static|\.css|\.js",
    re.IGNORECASE,
)
_MOST_LINKS: Final = 3  # pages that are looked at besides; our choice: enough for settings beside a consent


@dataclass(frozen=True, slots=True)
class Place:
    """Where a form is found.

    Attributes:
        page: ``login``, ``consent``, or the number of a link of the consent page.
        form: its number on the page.
        address: number of the address of its script that is meant; None for its own.
    """

    page: str
    form: int
    address: int | None = None

    def __str__(self) -> str:
        where = f"{self.page} page" if self.page in ("login", "consent") else "page beside the consent page"
        what = "form" if self.address is None else "script's form"
        return f"{what} {self.form + 1} of the {where}"


def places(deployment: Deployment) -> tuple[Place, ...]:
    """Return every form that sends something, found once in a run.

    Raises:
        Inconclusive: no page can be reached.
        NotApplicable: no page asks for anything.
    """
    return deployment.once.find("forms", lambda: tuple(_look(deployment)))


def _look(deployment: Deployment) -> list[Place]:
    found = _forms_on("login", _page(deployment, "login")[1])
    try:
        browser, consent = _page(deployment, "consent")
    except (Inconclusive, NotApplicable):
        return found
    found += _forms_on("consent", consent)
    for number, url in enumerate(_links(consent)[:_MOST_LINKS]):
        visit = browser.open(url)
        if visit.callback is None:
            found += _forms_on(str(number), visit.last)
    return found


def _forms_on(page: str, shown: Exchange) -> list[Place]:
    found = []
    for number, form in enumerate(read_page(shown.page()).forms):
        if _LEFT_ALONE.search(" ".join([form.action, *(button.says for button in form.buttons)])):
            continue
        if form.method == "POST":
            found.append(Place(page, number))
        found += [Place(page, number, index) for index in range(len(form.addresses))]
    return found


def _links(page: Exchange) -> list[str]:
    here = page.request.url
    addresses = [urljoin(here, address) for address, _ in read_page(page.page()).links if address]
    own = [each for each in addresses if origin_of(each) == origin_of(here) and not _LEFT_ALONE.search(each)]
    return [each for each in dict.fromkeys(own) if each.partition("#")[0] != here]


def _page(deployment: Deployment, name: str) -> tuple[UserAgent, Exchange]:
    flow = deployment.flow()
    if name == "login":
        return flow.browser, stop_at_login(flow.browser, flow.start_url(), deployment.user()).last
    asked = ask_for_consent(deployment)
    if name == "consent":
        return asked.flow.browser, asked.page
    links = _links(asked.page)
    if len(links) <= int(name):
        raise Inconclusive("a page does not have the link that it had before")
    return asked.flow.browser, asked.flow.browser.open(links[int(name)]).last


def fresh(deployment: Deployment, place: Place) -> tuple[UserAgent, Request]:
    """Return a browser that was shown a form now, and the request with which it sends the form.

    Raises:
        Inconclusive: the page has it no more.
    """
    browser, page = _page(deployment, place.page)
    forms = read_page(page.page()).forms
    if len(forms) <= place.form:
        raise Inconclusive("a page does not have the form that it had before")
    request = _request(deployment, page, forms[place.form])
    if place.address is None:
        return browser, request
    return browser, replace(
        request, url=urljoin(page.request.url, forms[place.form].addresses[place.address])
    )


def _request(deployment: Deployment, page: Exchange, form: Form) -> Request:
    if form.password is not None:
        return filled_login(page, form, deployment.user())
    return form_submission(page, form, {}, form.agreeing_button() or form.refusing_button())


def as_it_stands(deployment: Deployment, place: Place) -> Exchange:
    """Send a form as its page means it, once in a run, and return the answer.

    A yes that a login has given already is not given again, so that a server that remembers it still asks the next.
    """

    def send() -> Exchange:
        if place.page == "consent" and place.address is None:
            client = ask_for_consent(deployment).flow.party.client_id
            number, answer = deployment.consents.answers.get(client, (None, None))
            if answer is not None and number == place.form:
                return answer
        browser, request = fresh(deployment, place)
        return browser.send(request)

    return deployment.once.find(("form", place), send)


def kind_of(answer: Exchange) -> tuple[int, str]:
    """Return what kind of answer it is: equal for two that mean the same, whatever is random in them."""
    if answer.location:
        return answer.status, _RANDOM.sub("*", answer.location)
    document = answer.document()
    if document:
        return answer.status, " ".join(sorted(document))
    return answer.status, " ".join(_RANDOM.sub("*", read_page(answer.page()).text).split())


def token_of(request: Request) -> str | None:
    """Return the name of the field with which a form shows that it comes from the server's page."""
    return next((name for name, value in request.form or () if _TOKEN.search(name) and value), None)
