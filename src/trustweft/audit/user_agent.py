"""A person's browser, scripted: keeps cookies, follows redirects, fills forms, and stops where the client is called."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2
import msgspec

from trustweft.audit.attempts import Attempts
from trustweft.audit.check import Inconclusive
from trustweft.audit.chromium import visit_by_chromium
from trustweft.audit.exchange import Exchange, Request, origin_of
from trustweft.audit.login_command import callback_by_command
from trustweft.audit.pages import Button, Form, Page, read_page
from trustweft.audit.wire import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.target import LoginRecipe, LoginStep, User
    from trustweft.audit.wire import Wire

__all__ = ["Callback", "UserAgent", "Visit", "form_submission"]

MAXIMUM_PAGES: Final = 25
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD: Final = frozenset({307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What the client's redirect URI was called with.

    Attributes:
        parameters: of the query, the fragment or the posted form, whichever brought them.
        mode: ``query``, ``fragment`` or ``form_post``.
        status: of the answer that redirected there; 200 for a posted form.
    """

    url: str
    parameters: dict[str, str]
    mode: str
    status: int

    @property
    def code(self) -> str:
        """The authorization code, empty where there is none."""
        return self.parameters.get("code", "")


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a browser went.

    Attributes:
        exchanges: in order.
        callback: how the client was called; None where the browser stayed on a page.
        refused: whether a form came back that the user's name or password had been sent with, or the password was
            asked for again and again.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    callback: Callback | None = None
    refused: bool = False

    @property
    def last(self) -> Exchange:
        """The last answer that the browser saw."""
        return self.exchanges[-1]

    @property
    def code(self) -> str:
        """The authorization code, empty where there is none."""
        return self.callback.code if self.callback else ""

    @property
    def page(self) -> Page:
        """The page on which the browser stayed."""
        return read_page(self.last.page())


class _SavedCookie(msgspec.Struct, frozen=True):
    name: str
    value: str
    domain: str
    path: str = "/"


class _SavedState(msgspec.Struct, frozen=True):
    cookies: tuple[_SavedCookie, ...]


class UserAgent:
    """One browser with its own cookies.

    Args:
        wire: the way out.
        recipe: for pages that do not explain themselves.
        redirect_uri: where the browser stops; nothing has to answer there.
        trust: PEM file of authorities that Chromium has to trust, where it walks.
    """

    def __init__(
        self, wire: Wire, *, recipe: LoginRecipe, redirect_uri: str, trust: str | None = None
    ) -> None:
        self._wire = wire
        self._recipe = recipe
        self._redirect_uri = redirect_uri
        self._trust = trust
        self.cookies = httpx2.Cookies(CookieJar())

    def send(self, request: Request) -> Exchange:
        """Send one request with the browser's cookies, and keep those that come."""
        probe = httpx2.Request(request.method, request.url)
        self.cookies.set_cookie_header(probe)
        cookie = probe.headers.get("cookie")
        if cookie:
            request = request.with_header("cookie", cookie)
        exchange = self._wire.send(request)
        answer = httpx2.Response(exchange.status, headers=list(exchange.headers), request=probe)
        self.cookies.extract_cookies(answer)
        return exchange

    def open(self, url: str) -> Visit:
        """Open a URL and follow redirects, up to a page or to the client."""
        visit = Visit()
        return self._follow(visit, Request(method="GET", url=url, headers=_NAVIGATION))

    def walk(self, request: Request) -> list[Exchange]:
        """Send a request and follow redirects wherever they lead, the client's redirect URI included."""
        redirect_uri, self._redirect_uri = self._redirect_uri, ""
        try:
            return self._follow(Visit(), request).exchanges
        finally:
            self._redirect_uri = redirect_uri

    def submit(
        self, page: Exchange, form: Form, values: dict[str, str], press: Button | None = None
    ) -> Visit:
        """Send a form of a page, and follow redirects."""
        return self._follow(Visit(), form_submission(page, form, values, press))

    def log_in(self, url: str, user: User) -> Visit:
        """Open a URL and do whatever the pages ask for, as ``user``, until the client is called or nothing helps.

        Raises:
            LoginFailed: the login command does not get there.
            Inconclusive: Chromium cannot do it.
        """
        if self._recipe.kind == "command":
            address = callback_by_command(self._recipe.command, url, user)
            return Visit([self._shown(url)], _callback(address, 200) if self._is_callback(address) else None)
        if self._recipe.kind == "browser":
            walked = visit_by_chromium(
                url,
                user,
                recipe=self._recipe,
                redirect_uri=self._redirect_uri,
                trust=self._trust,
                hosts=self._wire.hosts,
            )
            self._wire.cut_off |= walked.cut_off
            callback = self._callback_by(walked.called) if walked.called is not None else None
            return Visit(walked.exchanges or [self._shown(url)], callback, refused=walked.refused)
        if user.cookies is not None:
            self._restore(Path(user.cookies))
        return self.go_on(self.open(url), user)

    def _shown(self, url: str) -> Exchange:
        """Return a stand-in for pages that somebody else saw."""
        return Exchange(request=Request(method="GET", url=url), status=0, headers=(), body=b"", seconds=0.0)

    def _restore(self, path: Path) -> None:
        """Take over the cookies of a saved browser state (Playwright's ``storage_state``)."""
        try:
            cookies = msgspec.json.decode(path.read_bytes(), type=_SavedState).cookies
        except (OSError, msgspec.MsgspecError) as cause:
            raise Inconclusive(f"{path} is no saved browser state: {type(cause).__name__}") from cause
        for each in cookies:
            self.cookies.set(each.name, each.value, domain=each.domain, path=each.path)

    def go_on(
        self, visit: Visit, user: User, *, until: Callable[[Exchange], bool] = lambda _page: False
    ) -> Visit:
        """Do what the pages ask for, as ``user``, until the client is called, ``until`` holds, or nothing helps.

        No form is sent twice with a name or a password in it, whatever token is new in it (see ``Attempts``).
        """
        attempts, seen = Attempts(), set()
        for _ in range(MAXIMUM_PAGES):
            step = attempts.step_for(visit.last.page(), self._recipe.steps)
            ended = visit.callback is not None or until(visit.last)
            action = None if ended else self._next(visit.last, user, step)
            if action is None:
                break
            page = (visit.last.request.url, visit.last.body)
            secret, form = _sends_password(action, user), _form_of(visit.last, action)
            refused = attempts.refused(form, secret=secret)
            if not attempts.ordered(step) and (refused or page in seen):
                return replace(visit, refused=refused)
            seen.add(page)
            attempts.note(step, form, secret=secret)
            visit = self._follow(visit, action)
        return visit

    def step(self, visit: Visit, user: User) -> Visit | None:
        """Do the one thing that the page asks for, as ``user``; return None where it asks for nothing."""
        if visit.callback is not None:
            return None
        action = self._next(visit.last, user, Attempts().step_for(visit.last.page(), self._recipe.steps))
        return None if action is None else self._follow(visit, action)

    def _next(self, page: Exchange, user: User, step: LoginStep | None) -> Request | None:
        read = read_page(page.page())
        if step is not None:
            return self._by_recipe(page, read, step.fields, step.press, user)
        action = _log_in(page, read, user) or _agree(page, read, user)
        if action is None and read.refresh:
            return Request(method="GET", url=urljoin(page.request.url, read.refresh), headers=_NAVIGATION)
        return action

    def _by_recipe(
        self, page: Exchange, read: Page, fields: dict[str, str], press: str | None, user: User
    ) -> Request | None:
        values = {
            name: value.replace("{username}", user.username).replace("{password}", user.password)
            for name, value in fields.items()
        }
        for form in read.forms:
            names = {each.name for each in form.fields}
            button = next(
                (b for b in form.buttons if press and press in (b.name, b.value, b.text.strip())), None
            )
            if set(values) <= names and (press is None or button is not None):
                return form_submission(page, form, values, button or form.agreeing_button())
        if press is not None:
            for address, text in read.links:
                if text.strip() == press:
                    return Request(method="GET", url=urljoin(page.request.url, address), headers=_NAVIGATION)
        return None

    def _follow(self, visit: Visit, request: Request) -> Visit:
        exchanges = list(visit.exchanges)
        for _ in range(MAXIMUM_PAGES):
            callback = self._callback_by(request)
            if callback is not None:
                return Visit(exchanges, callback)
            try:
                exchange = self.send(request)
            except Unreachable:
                if not exchanges:
                    raise
                break  # the redirect to where nobody answers stays the last answer, as one to a stranger does
            exchanges.append(exchange)
            if exchange.status not in _REDIRECTS or not exchange.location:
                break
            url = urljoin(request.url, exchange.location)
            if self._is_callback(url):
                return Visit(exchanges, _callback(url, exchange.status))
            if not self._is_among_hosts(url):
                break  # the redirect to a stranger is what an attack may be after: it stays the last answer
            if exchange.status in _KEEP_METHOD:
                request = Request(method=request.method, url=url, headers=request.headers, form=request.form)
            else:
                request = Request(method="GET", url=url, headers=_NAVIGATION)
        return Visit(exchanges)

    def _is_callback(self, url: str) -> bool:
        return url.partition("#")[0].partition("?")[0] == self._redirect_uri.partition("?")[0]

    def _is_among_hosts(self, url: str) -> bool:
        """Tell whether an address leads to a host of the target; one that is none, with letters for a port, does not."""
        try:
            httpx2.URL(url)
        except httpx2.InvalidURL:
            return False
        return (urlsplit(url).hostname or "").lower() in self._wire.hosts

    def _callback_by(self, request: Request) -> Callback | None:
        """Tell whether a form of the server's page, sent by a script, calls the client (``form_post``)."""
        if request.method == "POST" and self._is_callback(request.url):
            return Callback(
                url=request.url, parameters=dict(request.form or ()), mode="form_post", status=200
            )
        if request.method == "GET" and self._is_callback(request.url):
            return _callback(request.url, 200)
        return None


_NAVIGATION: Final = (("accept", "text/html,application/xhtml+xml"), ("sec-fetch-site", "none"))


def _log_in(page: Exchange, read: Page, user: User) -> Request | None:
    forms = sorted(read.forms, key=lambda each: each.for_something_else)
    for form in forms:
        named, password = form.username, form.password
        if password is not None:
            values = {**user.fields, password.name: user.password}
            if named is not None:
                values[named.name] = user.username
            return form_submission(page, form, values, form.agreeing_button())
    for form in forms:  # a name first, the password on the next page
        if form.username is not None:
            values = {**user.fields, form.username.name: user.username}
            return form_submission(page, form, values, form.agreeing_button())
    return None


def _sent(action: Request) -> list[tuple[str, str]]:
    """Return the fields of a form that is sent."""
    query = action.url.partition("?")[2]
    return list(action.form) if action.form is not None else parse_qsl(query, keep_blank_values=True)


def _sends_password(action: Request, user: User) -> bool:
    return bool(user.password) and user.password in (value for _, value in _sent(action))


def _form_of(page: Exchange, action: Request) -> object:
    """Return what a form is known again by that somebody types into; None where the page has no such form.

    Each page has a token of its own, so that is where it goes and what it asks for. Which button was pressed is neither.
    """
    forms = read_page(page.page()).forms
    if not any(form.password or form.username for form in forms):
        return None
    fields = {each.name for form in forms for each in form.fields}
    names = sorted(name for name, _ in _sent(action) if name in fields)
    return action.url.partition("?")[0], tuple(names)


def _agree(page: Exchange, read: Page, user: User) -> Request | None:
    for form in sorted(read.forms, key=lambda each: each.for_something_else):
        if form.method == "POST" and not form.only_refuses:
            return form_submission(page, form, dict(user.fields), form.agreeing_button())
    return None


def form_submission(
    page: Exchange, form: Form, values: dict[str, str], press: Button | None = None
) -> Request:
    """Return the request that a browser makes of a form on a page."""
    action = (press.action if press is not None and press.action else form.action) or page.request.url
    url = urljoin(page.request.url, action)
    parameters = tuple(form.filled(values, press))
    if form.method == "GET":
        return Request(
            method="GET", url=f"{url.partition('?')[0]}?{urlencode(parameters)}", headers=_NAVIGATION
        )
    same = origin_of(url) == origin_of(page.request.url)
    return Request(
        method="POST",
        url=url,
        headers=(
            ("accept", "text/html,application/xhtml+xml"),
            ("origin", origin_of(page.request.url)),
            ("referer", page.request.url),
            ("sec-fetch-site", "same-origin" if same else "cross-site"),
        ),
        form=parameters,
    )


def _callback(url: str, status: int) -> Callback:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    fragment = dict(parse_qsl(parts.fragment, keep_blank_values=True))
    mode = "fragment" if fragment and not query.get("code") else "query"
    return Callback(url=url, parameters=query | fragment, mode=mode, status=status)
