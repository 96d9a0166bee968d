"""The only way out keeps to the hosts that are allowed, and keeps no cookies for anybody."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from trustweft.audit.exchange import Request
from trustweft.audit.wire import HostNotAllowed, Wire

if TYPE_CHECKING:
    from ecosystem import Ecosystem


def wire(trust: ssl.SSLContext) -> Wire:
    """Return a wire to this machine alone."""
    return Wire(trust, certificates={}, hosts={"localhost"})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://localhost.evil.example/",
        "https://localhost@evil.example/",
        "nonsense",
    ],
)
def test_nobody_else_is_asked(url: str) -> None:
    with wire(ssl.create_default_context()) as out, pytest.raises(HostNotAllowed):
        out.send(Request(method="GET", url=url))


def test_the_cookies_of_one_browser_are_not_sent_for_another(ecosystem: Ecosystem) -> None:
    with wire(ecosystem.trust) as out:
        first = out.send(Request(method="GET", url=f"{ecosystem.moneyview}/"))
        second = out.send(Request(method="GET", url=f"{ecosystem.moneyview}/"))
    assert first.header("set-cookie") is not None
    assert second.header("set-cookie") is not None, "a session was found, so a cookie was sent"
