"""What a foreign page can send: what is equal in two browsers, and cookies that browsers let come along."""

from __future__ import annotations

from http.cookiejar import CookieJar

import httpx2
import pytest

from trustweft.audit.exchange import form_request
from trustweft.audit.forgery import ATTACKERS_PAGE, forged, travels_cross_site

LOGIN = "https://server.example/login"


def test_fields_that_differ_from_browser_to_browser_are_left_out() -> None:
    request = forged(
        form_request(LOGIN, ("csrf", "one"), ("action", "log-in")),
        form_request(LOGIN, ("csrf", "two"), ("action", "log-in")),
        knows={},
    )
    assert request is not None
    assert request.form == (("action", "log-in"),)


def test_fields_that_the_attacker_chooses_are_filled_in() -> None:
    victims = form_request(LOGIN, ("username", "victim"), ("password", "secret"))
    attackers = form_request(LOGIN, ("username", ""), ("password", ""))
    request = forged(victims, attackers, knows={"username": "mallory", "password": "known"})
    assert request is not None
    assert request.form == (("username", "mallory"), ("password", "known"))


def test_an_address_that_is_another_in_each_browser_cannot_be_forged() -> None:
    assert forged(form_request(f"{LOGIN}/a1b2"), form_request(f"{LOGIN}/c3d4"), knows={}) is None


def test_a_forged_form_says_where_it_comes_from() -> None:
    request = forged(form_request(LOGIN), form_request(LOGIN), knows={})
    assert request is not None
    assert request.header("origin") == ATTACKERS_PAGE
    assert request.header("sec-fetch-site") == "cross-site"


@pytest.mark.parametrize(
    ("attributes", "travels"),
    [
        ("", True),
        ("; SameSite=None; Secure", True),
        ("; SameSite=Lax", False),
        ("; samesite=strict", False),
        ("; sameSite=lax", False),
    ],
)
def test_cookies_come_along_as_browsers_let_them(attributes: str, *, travels: bool) -> None:
    jar = CookieJar()
    answer = httpx2.Response(
        200, headers=[("set-cookie", f"session=1{attributes}")], request=httpx2.Request("GET", LOGIN)
    )
    cookies = httpx2.Cookies(jar)
    cookies.extract_cookies(answer)
    (cookie,) = cookies.jar
    assert travels_cross_site(cookie) is travels
