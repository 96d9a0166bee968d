"""What would still work for a thief never stands in evidence; what is equal stays equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from trustweft.audit.exchange import Request
from trustweft.audit.redaction import mask, show
from trustweft.audit.trial import Evidence
from unit.audit.samples import exchange

if TYPE_CHECKING:
    from trustweft.audit.exchange import Exchange

SECRET = "s3cr3t-Value_of.some~length"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

REQUESTS = [
    Request(method="POST", url="https://a.example/token", form=(("code", SECRET), ("client_secret", SECRET))),
    Request(method="POST", url="https://a.example/login", form=(("username", "alice"), ("password", SECRET))),
    Request(method="GET", url=f"https://a.example/callback?code={SECRET}&state=1"),
    Request(method="GET", url=f"https://a.example/#access_token={SECRET}"),
    Request(method="GET", url="https://a.example/", headers=(("Authorization", f"Bearer {SECRET}"),)),
    Request(
        method="GET", url="https://a.example/", headers=(("authorization", f"DPoP {JWT}"), ("dpop", JWT))
    ),
    Request(
        method="GET", url="https://a.example/", headers=(("cookie", f"session={SECRET}; other={SECRET}"),)
    ),
    Request(method="POST", url="https://a.example/", body=f'{{"refresh_token": "{SECRET}"}}'.encode()),
    Request(method="POST", url="https://a.example/", body=JWT.encode()),
    *(
        Request(method="GET", url=f"https://a.example/authorize?scope=a&{name}={SECRET}")
        for name in ("_csrf", "authenticity_token", "__RequestVerificationToken", "session_code")
    ),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
def test_requests_are_shown_without_their_secrets(request_: Request) -> None:
    text = msgspec.json.encode(show(Evidence("attack", "x", exchange(request_)))).decode()
    assert SECRET not in text
    assert JWT not in text
    assert "[secret " in text


@pytest.mark.parametrize(
    "answer",
    [
        exchange(body=f'{{"access_token":"{SECRET}","token_type":"DPoP"}}'.encode()),
        exchange(body=f'<input type="hidden" name="csrf" value="{SECRET}">'.encode()),
        exchange(status=303, location=f"https://c.example/cb?code={SECRET}&iss=x"),
        exchange(set_cookie=f"__Host-session={SECRET}; Path=/; Secure; HttpOnly"),
        exchange(body=f"leaked {JWT} here".encode()),
    ],
    ids=range(5),
)
def test_answers_are_shown_without_their_secrets(answer: Exchange) -> None:
    text = msgspec.json.encode(show(Evidence("attack", "x", answer))).decode()
    assert SECRET not in text
    assert JWT not in text


def test_attributes_of_cookies_stay_readable() -> None:
    shown = show(Evidence("attack", "x", exchange(set_cookie="s=abc; Path=/; SameSite=Lax; HttpOnly")))
    assert "Path=/; SameSite=Lax; HttpOnly" in dict(shown.response.headers)["set-cookie"]


def test_equal_secrets_look_equal_and_others_do_not() -> None:
    assert mask("code=aaaaaaa") == mask("code=aaaaaaa") != mask("code=bbbbbbb")


def test_what_is_no_secret_is_left_alone() -> None:
    text = "grant_type=authorization_code&error=invalid_grant&scope=openid"
    assert mask(text) == text
