"""URLs as security decisions need them (RFC 3986)."""

from __future__ import annotations

import pytest

from trustweft.protocol.url import Url, normalise, parse_url


def test_parts() -> None:
    """Scheme and host are in lower case, the rest is as written."""
    assert parse_url("HTTPS://API.Example:8443/A%2fb?Q=1#F") == Url(
        scheme="https", host="api.example", port=8443, path="/A%2fb", query="?Q=1", fragment="#F"
    )
    assert parse_url("https://api.example") == Url(
        scheme="https", host="api.example", port=443, path="", query=None, fragment=None
    )
    assert parse_url("com.example://x") == Url(
        scheme="com.example", host="x", port=None, path="", query=None, fragment=None
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", "https://a.example/"),
        ("https://a.example:443/", "https://a.example/"),
        ("http://a.example:80/", "http://a.example/"),
        ("https://a.example:8443/", "https://a.example:8443/"),
        ("HTTPS://A.EXAMPLE/P?q#f", "https://a.example/P"),
        ("https://a.example/%7Ejoe/%e9", "https://a.example/~joe/%E9"),
        ("https://a.example/a%2fb", "https://a.example/a%2Fb"),
        ("https://a.example/a/../b", "https://a.example/a/../b"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    """One URL has one spelling; an encoded slash stays what it is, and so do dot segments."""
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "//a",
        "https:a",
        "https://",
        "https://a b",
        "https://a\\b",
        "https://a@b",
        "https://a:0443/",
        "https://a..b",
    ],
)
def test_no_url(text: str) -> None:
    """What is not plainly a URL has no spelling at all."""
    assert normalise(text) is None


@pytest.mark.parametrize(
    "text", ["https://" + "a." * 5_000, "https://a/" + "%" * 2_000, "https://" + "a" * 2_000 + "!"]
)
def test_long_nonsense_is_refused_quickly(text: str) -> None:
    """No input makes the reader search for long."""
    assert parse_url(text) is None
