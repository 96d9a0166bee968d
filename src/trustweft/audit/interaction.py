"""Halfway through a login: stops at the page that asks for a password, or at the one that asks for consent."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.pages import Form, read_page
from trustweft.audit.user_agent import form_submission

if TYPE_CHECKING:
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.target import User
    from trustweft.audit.user_agent import UserAgent, Visit

__all__ = [
    "agreement",
    "asks_for_credentials",
    "consent_form",
    "copy_cookies",
    "deny",
    "filled_login",
    "login_page",
    "stop_at_consent",
    "stop_at_login",
    "try_password",
]


def asks_for_credentials(page: Exchange) -> bool:
    """Tell whether a page wants to know who somebody is."""
    forms = read_page(page.page()).forms
    return any(form.password is not None or form.username is not None for form in forms)


def login_page(page: Exchange) -> Form | None:
    """Return the form that asks for a password."""
    return next((form for form in read_page(page.page()).forms if form.password is not None), None)


def consent_form(page: Exchange) -> Form | None:
    """Return the form with which somebody agrees, on a page that asks for nothing else."""
    if asks_for_credentials(page):
        return None
    forms = read_page(page.page()).forms
    return next((form for form in forms if form.method == "POST" and not form.only_refuses), None)


def stop_at_login(browser: UserAgent, url: str, user: User) -> Visit:
    """Open a URL and go on to the page that asks for a password.

    Raises:
        Inconclusive: the server shows an error in its place.
        NotApplicable: there is none.
    """
    visit = browser.go_on(browser.open(url), user, until=lambda page: login_page(page) is not None)
    if visit.callback is None and login_page(visit.last) is None and not visit.last.ok:
        raise Inconclusive(f"no login page was shown, but {visit.last.status}")
    if visit.callback is not None or login_page(visit.last) is None:
        raise NotApplicable("no form asks for a password")
    return visit


def stop_at_consent(browser: UserAgent, url: str, user: User) -> Visit:
    """Open a URL, log in, and go on to the page that asks for consent.

    Raises:
        Inconclusive: the login does not lead there.
        NotApplicable: the server does not ask.
    """
    visit = browser.go_on(browser.open(url), user, until=lambda page: consent_form(page) is not None)
    if visit.callback is not None:
        raise NotApplicable("the server does not ask for consent")
    if consent_form(visit.last) is None:
        raise Inconclusive(f"the login ended at a page without a form to agree with ({visit.last.status})")
    return visit


def agreement(page: Exchange) -> Request:
    """Return the request with which a browser agrees on a page that asks for consent.

    Raises:
        NotApplicable: it does not ask.
    """
    form = consent_form(page)
    if form is None:
        raise NotApplicable("the server does not ask for consent")
    return form_submission(page, form, {}, form.agreeing_button())


def filled_login(page: Exchange, form: Form, user: User) -> Request:
    """Return the request with which a browser sends a login form as ``user``."""
    values = {**user.fields}
    if form.password is not None:
        values[form.password.name] = user.password
    if form.username is not None:
        values[form.username.name] = user.username
    return form_submission(page, form, values, form.agreeing_button())


def try_password(browser: UserAgent, url: str, user: User) -> Visit:
    """Open a URL and try one password, once; return what the browser is shown then.

    Raises:
        NotApplicable: no form asks for a password.
    """
    visit = browser.step(stop_at_login(browser, url, user), user)
    if visit is None:
        raise NotApplicable("no form asks for a password")
    return visit


def copy_cookies(source: UserAgent, target: UserAgent) -> None:
    """Give one browser the cookies that another has now."""
    for cookie in source.cookies.jar:
        target.cookies.jar.set_cookie(copy(cookie))


def deny(browser: UserAgent, page: Exchange) -> Visit:
    """Say no on the page that asks for consent.

    Raises:
        NotApplicable: it offers no button that says no.
    """
    for form in read_page(page.page()).forms:
        button = form.refusing_button()
        if button is not None and form.method == "POST":
            return browser.submit(page, form, {}, button)
    raise NotApplicable("the page that asks for consent has no button that says no")
