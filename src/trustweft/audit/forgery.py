"""What a foreign page can make a victim's browser send: only what it can know, and only with cookies that come along."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.cookiejar import Cookie

    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.user_agent import UserAgent

__all__ = ["ATTACKERS_PAGE", "forged", "send_cross_site", "travels_cross_site"]

ATTACKERS_PAGE: Final = "https://attacker.example"


def forged(victims: Request, attackers: Request, *, knows: Mapping[str, str]) -> Request | None:
    """Return the form that a foreign page can send in the victim's name; None where it cannot know the address.

    Args:
        victims: what the victim's own page would send.
        attackers: what the same page sends in the attacker's browser: what is equal in both is no secret.
        knows: fields that the attacker fills in by choice.
    """
    if (urlsplit(victims.url).path, urlsplit(victims.url).query) != (
        urlsplit(attackers.url).path,
        urlsplit(attackers.url).query,
    ):
        return None
    public = set(attackers.form or ())
    form = tuple(
        (name, knows.get(name, value))
        for name, value in victims.form or ()
        if name in knows or (name, value) in public
    )
    return cross_site(replace(victims, form=form))


def cross_site(request: Request) -> Request:
    """Return a request as a browser sends it for a page of the attacker's."""
    return replace(
        request,
        headers=(
            ("accept", "text/html,application/xhtml+xml"),
            ("origin", ATTACKERS_PAGE),
            ("referer", f"{ATTACKERS_PAGE}/"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ),
    )


def travels_cross_site(cookie: Cookie) -> bool:
    """Tell whether browsers send a cookie along with a foreign page's form: not with SameSite=Lax or Strict.

    Without the attribute not all of them keep it back.
    """
    names = ("SameSite", "samesite", "Samesite", "sameSite", "SAMESITE")  # the jar keeps what was written
    attribute = next(
        (cookie.get_nonstandard_attr(name) for name in names if cookie.has_nonstandard_attr(name)), None
    )
    return attribute is None or attribute.lower() == "none"


def send_cross_site(browser: UserAgent, request: Request) -> Exchange:
    """Send a forged form from a browser, with the cookies that come along, and keep those that the answer sets."""
    kept = browser.cookies
    browser.cookies = httpx2.Cookies()
    for cookie in kept.jar:
        if travels_cross_site(cookie):
            browser.cookies.jar.set_cookie(cookie)
    try:
        return browser.send(cross_site(request))
    finally:
        for cookie in browser.cookies.jar:
            kept.jar.set_cookie(cookie)
        browser.cookies = kept
