"""Views carry no address that would leave the web."""

from __future__ import annotations

import pytest

from trustweft.server.pages import Link


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.example/",
        "/\\evil.example/",
        "https://user@evil.example/",
        "https:///",
        "data:text/html,x",
        "/a b",
        "",
    ],
)
def test_addresses_that_leave_the_web_are_refused(url: str) -> None:
    """Escaping does not make them harmless, so no view can hold them."""
    with pytest.raises(ValueError, match="neither a path"):
        Link(label="x", url=url)


@pytest.mark.parametrize(
    "url", ["/interaction/x", "https://localhost:8444/callback?a=b#c", "http://127.0.0.1:1/"]
)
def test_web_addresses_pass(url: str) -> None:
    """Paths of our own and web addresses."""
    assert Link(label="x", url=url).url == url
