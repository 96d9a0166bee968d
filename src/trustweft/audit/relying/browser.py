"""Drives a client application that people use with a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from trustweft.audit.check import LoginFailed
from trustweft.audit.exchange import Request, origin_of
from trustweft.audit.pages import read_page
from trustweft.audit.relying.driver import Ride
from trustweft.audit.target import ISSUER, LoginRecipe, User
from trustweft.audit.user_agent import UserAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trustweft.audit.exchange import Exchange
    from trustweft.audit.user_agent import Visit
    from trustweft.audit.wire import Wire

__all__ = ["Application", "BrowserDriver", "application_of", "deliver", "features_of"]

_NOBODY: Final = User(username="nobody")
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A client application as a browser finds it.

    Attributes:
        start: where a flow begins.
        callback: where it is called back.
    """

    start: str
    callback: str


def application_of(start: str, callback: str) -> Callable[[str], Application]:
    """Return what gives the application for an issuer, which stands for ``{issuer}`` in both addresses."""

    def of(issuer: str) -> Application:
        quoted = quote(issuer, safe="")
        return Application(start=start.replace(ISSUER, quoted), callback=callback.replace(ISSUER, quoted))

    return of


class BrowserDriver:
    """Opens the start page, does what it asks for, and goes back to the client with the answer.

    Args:
        wire: the way out; it must know the hostile server.
        applications: gives the application for an issuer.
        recipe: for pages that do not explain themselves.
        user: of the application, where it wants one.
    """

    def __init__(
        self,
        wire: Wire,
        applications: Callable[[str], Application],
        *,
        recipe: LoginRecipe,
        user: User = _NOBODY,
    ) -> None:
        self.wire = wire
        self.user = user
        self._applications = applications
        self._recipe = recipe
        self._refused = False

    def application(self, issuer: str) -> Application:
        """Return the application that is configured with an issuer."""
        return self._applications(issuer)

    def browser(self, issuer: str) -> UserAgent:
        """Return a fresh browser that stops where the application is called back."""
        return UserAgent(self.wire, recipe=self._recipe, redirect_uri=self._applications(issuer).callback)

    def ride(self, issuer: str) -> Ride:
        """Go through one flow.

        Raises:
            LoginFailed: the application did not let the user in before, and is not asked again.
            Inconclusive: the application does not answer.
        """
        if self._refused:
            raise LoginFailed(f"the application does not let user {self.user.username} in")
        browser = self.browser(issuer)
        visit = browser.log_in(self._applications(issuer).start, self.user)
        self._refused = visit.refused
        if visit.callback is None:
            return Ride(exchanges=tuple(visit.exchanges), features=features_of(visit.exchanges[-1:]))
        answered = deliver(browser, visit)
        return Ride(exchanges=(*visit.exchanges, *answered), features=features_of(answered))


def deliver(browser: UserAgent, visit: Visit, *, parameters: dict[str, str] | None = None) -> list[Exchange]:
    """Bring the answer of a flow to the client, with the browser's cookies, and follow its redirects.

    Args:
        browser: in which it happens; it need not be the one that began.
        visit: that ended where the client is called back.
        parameters: of the answer, in place of those that came.
    """
    if visit.callback is None:
        raise ValueError("the flow has not reached the client")
    url = visit.callback.url
    sent = visit.callback.parameters if parameters is None else parameters
    if visit.callback.mode == "form_post":
        request = Request(method="POST", url=url, form=tuple(sent.items()))
    elif parameters is None:
        request = Request(method="GET", url=url, headers=_FROM_SERVER)
    else:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.items())
        request = Request(method="GET", url=f"{url.partition('?')[0]}?{query}", headers=_FROM_SERVER)
    return browser.walk(request)


_FROM_SERVER: Final = (("accept", "text/html,application/xhtml+xml"), ("sec-fetch-site", "cross-site"))


def features_of(answered: Sequence[Exchange]) -> dict[str, object]:
    """Return what can be seen of the end of a flow, without anything that is new each time."""
    if not answered:
        return {}
    last = answered[-1]
    page = read_page(last.page())
    title = _TITLE.search(last.page())
    return {
        "way": tuple((each.status, _place(each.request.url)) for each in answered),
        "leads": _place(last.location),
        "title": title[1].strip() if title else "",
        "forms": tuple(sorted({_place(form.action) for form in page.forms})),
        "links": tuple(sorted({_place(address) for address, _ in page.links})),
        "cookies": tuple(sorted({name for each in answered for name in _cookie_names(each)})),
    }


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{origin_of(url) if parts.netloc else ''}{parts.path}"


def _cookie_names(exchange: Exchange) -> set[str]:
    return {value.partition("=")[0].strip() for value in exchange.all_headers("set-cookie")}
