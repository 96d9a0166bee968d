"""The headers of a page: strict, and closed to whatever a redirect URI carries."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustweft.runtime.errors import Reject
from trustweft.web.security_headers import form_action_source, security_headers

BASE = "https://bank.example"
HOSTILE = [
    "https://a.example; script-src *",
    "https://a.example;script-src *",
    "https://a.example,https://b.example",
    "https://a.example 'unsafe-inline'",
    "https://a.example\r\nset-cookie: x=y",
    "https://a.example\n/",
    "https://a.example\t.evil.example/",
    "\thttps://a.example/",
    "https://a.example\x00/",
    "https://a.example/\r\nx: y",
    "https://*.example/",
    "https://*",
    "https://user@evil.example/",
    "https://a.example:80@evil.example/",
    "https://a.example\\@evil.example/",
    "https://a.example\\.evil.example",
    "https:/a.example/",
    "https:a.example",
    "https://",
    "https:///path",
    "https://a..example/",
    "https://a.example./",
    "https://-a.example/",
    "https://a.example:/",
    "https://a.example:0/",
    "https://a.example:65536/",
    "https://a.example:080/",
    "https://a.example:x/",
    "https://ä.example/",
    "https://a.example/ä",
    "https://[::1]:8080/callback",
    "http://[::1]:8080/callback",
    "http://a.example/callback",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "com.example.app://host/callback",
    "com.example.app:callback",
    "app:/callback",
    "'self'",
    "",
]


def headers(*form_targets: str, base_url: str = BASE, passkeys: bool = False) -> dict[str, str]:
    return dict(security_headers(base_url=base_url, form_targets=form_targets, passkeys=passkeys))


def directives(policy: str) -> dict[str, str]:
    return {name: value for name, _, value in (directive.partition(" ") for directive in policy.split("; "))}


def test_headers_of_a_plain_page() -> None:
    """A page may load its own style and pictures, post to its own origin, and do nothing else."""
    assert headers() == {
        "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), "
        "display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cache-control": "no-store",
        "strict-transport-security": "max-age=31536000",
    }


def test_scripts_run_only_where_passkeys_are_used() -> None:
    """Only a page with passkeys may run the script and let it ask this origin."""
    plain = directives(headers()["content-security-policy"])
    with_passkeys = directives(headers(passkeys=True)["content-security-policy"])
    assert {"script-src", "connect-src"} & set(plain) == set()
    assert (with_passkeys["script-src"], with_passkeys["connect-src"]) == ("'self'", "'self'")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://app.example/callback?x=;script-src%20*", "https://app.example"),
        ("https://app.example", "https://app.example"),
        ("https://APP.Example:8443?x", "https://app.example:8443"),
        ("https://app.example/;script-src,'unsafe-inline'", "https://app.example"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example"),
        ("https://localhost:8444/callback", "https://localhost:8444"),
        ("http://127.0.0.1:49152/callback", "http://127.0.0.1:49152"),
        ("http://localhost:49152/callback", "http://localhost:49152"),
    ],
)
def test_a_form_may_be_redirected_to_the_origin_of_the_redirect_uri(address: str, expected: str) -> None:
    """The origin, and nothing else of the address, joins ``form-action``."""
    assert directives(headers(address)["content-security-policy"])["form-action"] == f"'self' {expected}"


def test_one_origin_is_named_once() -> None:
    """Two addresses of one origin give one source."""
    policy = headers("https://a.example/1", "https://a.example/2")["content-security-policy"]
    assert directives(policy)["form-action"] == "'self' https://a.example"


@pytest.mark.parametrize("address", HOSTILE)
def test_an_odd_origin_is_refused(address: str) -> None:
    """An address whose origin a policy cannot name exactly is refused, not repaired."""
    with pytest.raises(Reject) as refusal:
        headers(address)
    assert refusal.value.reason.id == "page.form-target"


@given(
    address=st.one_of(
        st.text(),
        st.builds("https://{}".format, st.text()),
        st.builds("https://a.example{}".format, st.text(alphabet=";, '\"*\\@:/?#\t\r\n\x00ä1a.")),
    )
)
def test_no_address_adds_a_directive(address: str) -> None:
    """Whatever the address, either it is refused or exactly its origin is added."""
    try:
        source = form_action_source(address)
    except Reject:
        return
    parts = urlsplit(address)
    assert re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?", source)
    assert source == f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    assert (
        directives(headers(address)["content-security-policy"]).keys()
        == directives(headers()["content-security-policy"]).keys()
    )


@pytest.mark.parametrize(
    "base_url",
    [
        "https://localhost:8441",
        "https://LOCALHOST",
        "https://bank.localhost",
        "https://127.0.0.1:8441",
        "https://127.9.9.9",
        "https://[::1]:8441",
        "https://192.0.2.1",
        "http://bank.example",
    ],
)
def test_no_strict_transport_for_this_machine(base_url: str) -> None:
    """HSTS is never sent for localhost, an address, or over plain HTTP: it would bind every port of the host."""
    assert "strict-transport-security" not in headers(base_url=base_url)


@pytest.mark.parametrize("base_url", [BASE, "https://bank.example:8441/tenant", "https://notlocalhost"])
def test_strict_transport_for_every_other_host(base_url: str) -> None:
    """Every other host tells the browser to come over TLS alone (FAPI 2.0 SP 5.2.3)."""
    assert headers(base_url=base_url)["strict-transport-security"] == "max-age=31536000"
