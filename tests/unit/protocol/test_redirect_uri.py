"""Redirect URIs: what may be registered, and what a request may ask for."""

from __future__ import annotations

import pytest

from trustweft.protocol.redirect_uri import ApplicationType, check_registrable, verify_registered
from trustweft.runtime.errors import Reject

WEB = ("https://c.example/cb", "https://c.example/cb?dummy1=lorem&dummy2=ipsum")
NATIVE = (
    "http://127.0.0.1/cb",
    "http://127.0.0.1:1234/native?x=1",
    "com.example.app:/cb",
    "https://app.example/cb",
)


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        *((uri, "web") for uri in WEB),
        *((uri, "native") for uri in NATIVE),
        ("https://localhost:8443/callback", "web"),
        ("https://c.example", "web"),
        ("https://c.example/a%20b;c=1,2", "web"),
    ],
)
def test_registrable(uri: str, application_type: ApplicationType) -> None:
    """A redirect URI that says one thing to every reader may be registered, exactly as it is."""
    assert check_registrable(uri, application_type=application_type) == uri


@pytest.mark.parametrize(
    ("uri", "application_type", "expected"),
    [
        ("", "web", "redirect-uri.private-scheme"),
        ("/cb", "web", "redirect-uri.private-scheme"),
        ("https:///cb", "web", "redirect-uri.not-registrable"),
        ("https:/c.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb#", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb#x", "web", "redirect-uri.not-registrable"),
        ("https://user@c.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://user:pass@c.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example\\@attacker.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://*.c.example/cb", "web", "redirect-uri.not-registrable"),
        # What no browser's policy can name would fail only once the person has decided.
        ("https://c.example:0443/cb", "web", "redirect-uri.not-registrable"),
        ("https://c..example/cb", "web", "redirect-uri.not-registrable"),
        ("https://c-.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://-c.example/cb", "web", "redirect-uri.not-registrable"),
        (f"https://{'c' * 64}.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/*", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb?x=*", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a/../cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a/%2e%2E/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/./cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/..", "web", "redirect-uri.not-registrable"),
        ("https://c.example//attacker.example", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a%2fb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a%5Cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a%0d%0ab", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a b", "web", "redirect-uri.not-registrable"),
        ("https://c.example/a\nb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb\n", "web", "redirect-uri.not-registrable"),
        ("https://c.example/%zz", "web", "redirect-uri.not-registrable"),
        ("https://c.example/\u00e9", "web", "redirect-uri.not-registrable"),
        ("https://c\u0430.example/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example:0/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example:99999/cb", "web", "redirect-uri.not-registrable"),
        ("https://c.example/" + "x" * 2_100, "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb?code=x", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb?a=1&iss=x", "web", "redirect-uri.not-registrable"),
        ("https://c.example/cb?c%6Fde=x", "web", "redirect-uri.not-registrable"),
        ("http://c.example/cb", "web", "redirect-uri.unencrypted"),
        ("HTTP://c.example/cb", "native", "redirect-uri.unencrypted"),
        ("http://127.0.0.1/cb", "web", "redirect-uri.unencrypted"),
        ("http://localhost/cb", "native", "redirect-uri.unencrypted"),
        ("http://127.0.0.1.attacker.example/cb", "native", "redirect-uri.unencrypted"),
        ("http://127.0.0.2/cb", "native", "redirect-uri.unencrypted"),
        ("com.example.app:/cb", "web", "redirect-uri.private-scheme"),
        ("javascript:alert(1)", "web", "redirect-uri.private-scheme"),
        ("javascript:alert(1)", "native", "redirect-uri.private-scheme"),
        ("data:text/html,x", "native", "redirect-uri.private-scheme"),
        ("myapp:/cb", "native", "redirect-uri.private-scheme"),
        ("com.example.app:cb", "native", "redirect-uri.private-scheme"),
        ("com.example.app:/cb#x", "native", "redirect-uri.private-scheme"),
        ("com.example.app:/a%zz", "native", "redirect-uri.private-scheme"),
        ("com.example.app://cb", "native", "redirect-uri.not-registrable"),
        ("com.example.app:/../cb", "native", "redirect-uri.not-registrable"),
        ("com.example.app:/cb?code=x", "native", "redirect-uri.not-registrable"),
        ("ftp://c.example/cb", "native", "redirect-uri.private-scheme"),
    ],
)
def test_not_registrable(uri: str, application_type: ApplicationType, expected: str) -> None:
    """A redirect URI that is unencrypted, or that two readers could read differently, is refused."""
    with pytest.raises(Reject) as refused:
        check_registrable(uri, application_type=application_type)
    assert (refused.value.reason.id, refused.value.reason.error) == (expected, "invalid_redirect_uri")


@pytest.mark.parametrize("uri", WEB)
def test_registered(uri: str) -> None:
    """A registered redirect URI is accepted as it is."""
    assert verify_registered(uri, WEB, application_type="web") == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://c.example/cb/",
        "https://c.example/CB",
        "https://C.example/cb",
        "https://c.example:443/cb",
        "https://c.example/cb?",
        "https://c.example/cb?dummy1=lorem",
        "https://c.example/cb?dummy2=ipsum&dummy1=lorem",
        "https://c.example/cb?dummy1=lorem&dummy2=ipsum&x=1",
        "https://c.example/%63b",
        "https://c.example/cb#",
        "https://c.example/cb\n",
        "https://c.example/cb/../cb",
        "https://c.example.attacker.example/cb",
        "https://c.example@attacker.example/cb",
        "http://c.example/cb",
        "//c.example/cb",
        "",
    ],
)
def test_not_registered(uri: str) -> None:
    """A redirect URI that differs in one byte from every registered one is refused."""
    with pytest.raises(Reject) as refused:
        verify_registered(uri, WEB, application_type="web")
    assert (refused.value.reason.id, refused.value.reason.error) == (
        "redirect-uri.not-registered",
        "invalid_request",
    )


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        ("http://[::1]:1234/cb", "native"),
        ("https://[2001:db8::1]:8443/cb", "web"),
        ("https://[::1]/cb", "web"),
    ],
)
def test_an_ipv6_address_is_not_registrable(uri: str, application_type: ApplicationType) -> None:
    """A browser would be stopped by the consent page's own policy, so the operator hears of it before."""
    with pytest.raises(Reject) as refused:
        check_registrable(uri, application_type=application_type)
    assert refused.value.reason.id == "redirect-uri.ipv6"


def test_missing() -> None:
    """A pushed request without redirect_uri is refused, even where only one is registered."""
    with pytest.raises(Reject) as refused:
        verify_registered(None, WEB[:1], application_type="web")
    assert (refused.value.reason.id, refused.value.reason.error) == (
        "redirect-uri.missing",
        "invalid_request",
    )


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/native?x=1",
        "http://127.0.0.1/native?x=1",
        "com.example.app:/cb",
        "https://app.example/cb",
    ],
)
def test_native_applications_may_vary_the_port(uri: str) -> None:
    """On a loopback address any port is accepted (RFC 8252 section 7.3)."""
    assert verify_registered(uri, NATIVE, application_type="native") == uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152/cb?x=1",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:1@attacker.example/cb",
        "http://127.0.0.1:1.attacker.example/cb",
        "http://[::1]:1234/cb",
        "http://localhost:49152/cb",
        "https://127.0.0.1:49152/cb",
        "https://app.example:8443/cb",
        "com.example.app:8080/cb",
    ],
)
def test_native_applications_may_vary_nothing_else(uri: str) -> None:
    """Only the port of a loopback address varies."""
    with pytest.raises(Reject) as refused:
        verify_registered(uri, NATIVE, application_type="native")
    assert refused.value.reason.id == "redirect-uri.not-registered"


def test_web_applications_may_not_vary_the_port() -> None:
    """The exception is for native applications."""
    with pytest.raises(Reject):
        verify_registered("http://127.0.0.1:1/cb", ["http://127.0.0.1/cb"], application_type="web")
