"""Pushed authorization requests (RFC 9126): the two ends of the request URI."""

from __future__ import annotations

import json

import pytest

from trustweft.protocol.par import (
    PushedResponse,
    create_authorization_url,
    create_pushed_response,
    create_request_uri,
    read_pushed_response,
    read_request_uri,
    refuse_nested_request_uri,
)
from trustweft.runtime.errors import Reject, Shown

TOKEN = "kq3nTz0pWc2xJ7rYv5uGmA9dLhE4sBf8iO1aQwRtZyX"
URI = create_request_uri(TOKEN)
GOOD: dict[str, object] = create_pushed_response(URI, expires_in=60)


def test_request_uri_is_read_back() -> None:
    """The token of a request URI of ours is found again."""
    assert f"urn:ietf:params:oauth:request_uri:{TOKEN}" == URI
    assert read_request_uri(URI) == TOKEN


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, "par.request-uri-missing"),
        ("", "par.request-uri-malformed"),
        (TOKEN, "par.request-uri-malformed"),
        ("https://attacker.example/request.jwt", "par.request-uri-malformed"),
        (URI.upper(), "par.request-uri-malformed"),
        (URI + "\n", "par.request-uri-malformed"),
        (URI + "%00", "par.request-uri-malformed"),
        (URI[:-22], "par.request-uri-malformed"),
        (URI + "A" * 100, "par.request-uri-malformed"),
        (f" {URI}", "par.request-uri-malformed"),
    ],
)
def test_foreign_request_uri(uri: str | None, expected: str) -> None:
    """Whatever this server cannot have issued is refused on a page, never by a redirect."""
    with pytest.raises(Reject) as refused:
        read_request_uri(uri)
    assert (refused.value.reason.id, refused.value.reason.shown) == (expected, Shown.PAGE)


def test_request_uri_inside_a_pushed_request() -> None:
    """A pushed request that refers to another request is refused (section 2.1)."""
    refuse_nested_request_uri(None)
    with pytest.raises(Reject) as refused:
        refuse_nested_request_uri(URI)
    assert (refused.value.reason.id, refused.value.reason.error) == (
        "par.nested-request-uri",
        "invalid_request",
    )


def test_client_reads_the_answer() -> None:
    """The client gets what the server said, and what else it said does not matter."""
    raw = json.dumps({**GOOD, "extra": True}).encode()
    assert read_pushed_response(raw, status=201) == PushedResponse(request_uri=URI, expires_in=60)


@pytest.mark.parametrize("status", [200, 202, 302, 400, 500])
def test_client_accepts_201_only(status: int) -> None:
    """Success is 201 Created (section 2.2)."""
    with pytest.raises(Reject) as refused:
        read_pushed_response(json.dumps(GOOD).encode(), status=status)
    assert refused.value.reason.id == "par.bad-response"


@pytest.mark.parametrize(
    "change",
    [
        {"request_uri": None},
        {"request_uri": 7},
        {"request_uri": ""},
        {"request_uri": "urn:a b"},
        {"request_uri": "urn:a\r\nb"},
        {"request_uri": "urn:" + "x" * 512},
        {"expires_in": None},
        {"expires_in": "60"},
        {"expires_in": 60.5},
        {"expires_in": True},
        {"expires_in": 0},
        {"expires_in": -1},
    ],
)
def test_client_refuses_a_changed_answer(change: dict[str, object]) -> None:
    """An answer that is changed in any single way is not used."""
    with pytest.raises(Reject) as refused:
        read_pushed_response(json.dumps({**GOOD, **change}).encode(), status=201)
    assert refused.value.reason.id == "par.bad-response"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"expires_in":60}', b"\xff", b"{}" + b" " * 70_000])
def test_client_refuses_what_is_no_answer(raw: bytes) -> None:
    """An answer that is no JSON object, lacks a member or is huge is not used."""
    with pytest.raises(Reject) as refused:
        read_pushed_response(raw, status=201)
    assert refused.value.reason.id == "par.bad-response"


def test_authorization_url_has_two_parameters() -> None:
    """The browser carries the client and the request URI, and nothing else (FAPI 2.0 SP 5.3.3.2 item 6)."""
    url = create_authorization_url("https://as.example/authorize", client_id="a&b=c", request_uri=URI)
    assert url == (
        f"https://as.example/authorize?client_id=a%26b%3Dc&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A{TOKEN}"
    )
    assert create_authorization_url("https://as.example/a?x=1", client_id="c", request_uri=URI).startswith(
        "https://as.example/a?x=1&client_id=c&request_uri="
    )
