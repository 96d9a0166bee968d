"""Paths that two readers could take for different ones."""

from __future__ import annotations

import pytest

from trustweft.resource.paths import check_path
from trustweft.runtime.errors import Reject

PLAIN = [
    "/",
    "/accounts",
    "/accounts/",
    "/accounts/acc-1/balances",
    "/.well-known/oauth-protected-resource",
    "/a..b/...",
    "/people/j.doe@example.org",
    "/items/a%20b",
    "/caf%C3%A9",
    "/caf%c3%a9",
    "/matrix;v=1/x",
    "/a:b,c&d=e+f!$'()*~_-",
]
AMBIGUOUS = [
    "",
    "accounts",
    "*",
    "https://bank.example/accounts",
    "@evil.example/accounts",
    "//accounts",
    "/accounts//",
    "/a//b",
    "/.",
    "/..",
    "/a/./b",
    "/a/../b",
    "/a/..",
    "/a/..;/b",
    "/a/..%3B/b",
    "/a/.;x=1/b",
    "/a/%2e%2e/b",
    "/a/.%2E/b",
    "/a%2Fb",
    "/a%5cb",
    "/a\\b",
    "/%61ccounts",
    "/a%7Eb",
    "/a%00b",
    "/a%0d%0ab",
    "/a%7fb",
    "/a%252e",
    "/a%",
    "/a%2",
    "/a%zz",
    "/a b",
    "/a\tb",
    "/a\n",
    "/\u00e9",
    "/a?b",
    "/a#b",
    "/" + "a" * 2_048,
]


@pytest.mark.parametrize("path", PLAIN)
def test_a_plain_path_passes(path: str) -> None:
    """Whatever has one reading may be asked for."""
    check_path(path)


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_a_path_with_a_second_reading_is_refused(path: str) -> None:
    """Dots, empty segments, encoded letters and separators, control characters, and what is no path."""
    with pytest.raises(Reject) as refused:
        check_path(path)
    assert (refused.value.reason.id, refused.value.reason.status) == ("guard.ambiguous-path", 400)


def test_a_long_path_costs_no_time() -> None:
    """The pattern does not go back and forth over what an attacker repeats."""
    for hostile in ("/" + "a/" * 1_020 + "\n", "/" + "." * 2_000 + "/..", "/" + "%20" * 680 + "%"):
        with pytest.raises(Reject):
            check_path(hostile)
