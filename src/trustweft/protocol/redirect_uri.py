"""Redirect URIs: which may be registered, and which of them a request means (RFC 6749 section 3.1.2, RFC 8252)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NewType

from trustweft.protocol.url import MAXIMUM_URL, Url, parse_url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ApplicationType", "RedirectUri", "check_registrable", "verify_registered"]

ApplicationType = Literal["web", "native"]
RedirectUri = NewType("RedirectUri", str)

_LOOPBACK_HOST: Final = "127.0.0.1"  # the literal only: a name may resolve elsewhere (RFC 8252 section 8.3)
_LOOPBACK: Final = re.compile(r"(http://127\.0\.0\.1)(?::[1-9][0-9]{0,4})?((?:[/?].*)?)")
# A scheme that is a reversed domain name of the application's maker (RFC 8252 section 7.1), and a path.
_PRIVATE_USE: Final = re.compile(
    r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/(?:[A-Za-z0-9._~!$&'()+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
)
_DOT_SEGMENT: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_ENCODED_SEPARATOR: Final = re.compile(r"%(?:2f|5c|00|0a|0d)", re.IGNORECASE)
_RESPONSE_PARAMETERS: Final = frozenset(
    ("code", "state", "iss", "error", "error_description", "error_uri", "response")
)

NOT_REGISTRABLE = reason(
    "redirect-uri.not-registrable",
    error="invalid_redirect_uri",
    public="The redirect URI is not an https URL without fragment, user information and wildcard.",
)
UNENCRYPTED = reason(
    "redirect-uri.unencrypted",
    error="invalid_redirect_uri",
    public="Only a native application may use http, and only with the loopback address 127.0.0.1.",
)
IPV6 = reason(
    "redirect-uri.ipv6",
    error="invalid_redirect_uri",
    public="The redirect URI must name a host or an IPv4 address: no page's security policy can name an IPv6 address.",
)
PRIVATE_SCHEME = reason(
    "redirect-uri.private-scheme",
    error="invalid_redirect_uri",
    public="Only a native application may use a scheme of its own, and it must be a reversed domain name.",
)
MISSING = reason(
    "redirect-uri.missing", error="invalid_request", public="The redirect_uri parameter is required."
)
NOT_REGISTERED = reason(
    "redirect-uri.not-registered",
    error="invalid_request",
    public="The redirect_uri is not registered for this client.",
)


def check_registrable(uri: str, *, application_type: ApplicationType) -> RedirectUri:
    """Return ``uri`` if a client of this type may register it.

    (1) an absolute URL, or a native application's own scheme (2) https, or http on a loopback literal for native
    applications (3) no fragment (4) no wildcard (5) nothing in the path that browsers rewrite (6) no response
    parameter in the query. User information and odd characters are no URL to us at all.

    Raises:
        Reject: ``redirect-uri.*``.
    """
    url = parse_url(uri)
    if url is None or url.scheme not in {"https", "http"}:  # (1)
        return _check_private_use(uri, application_type)
    if url.host.startswith(
        "["
    ):  # our choice: the consent page's policy could not name it (CSP Level 3, 2.3.1)
        raise IPV6.reject(url.host)
    _check_encrypted(url, application_type)  # (2)
    if url.fragment is not None:  # (3) RFC 6749 section 3.1.2
        raise NOT_REGISTRABLE.reject("fragment")
    if "*" in uri:  # (4) nobody may later read it as a pattern
        raise NOT_REGISTRABLE.reject("wildcard")
    _check_path(url.path)  # (5)
    _check_query(url.query or "")  # (6)
    return RedirectUri(uri)


@enforces("FAPI2-SP-5.3.2.2-8", "RFC9700-2.6-p5.1", "RFC9700-2.6-p5.2")
def _check_encrypted(url: Url, application_type: ApplicationType) -> None:
    if url.scheme == "http" and not (application_type == "native" and url.host == _LOOPBACK_HOST):
        raise UNENCRYPTED.reject(url.host)


def _check_path(path: str) -> None:
    if _DOT_SEGMENT.search(path) or "//" in path or _ENCODED_SEPARATOR.search(path):
        raise NOT_REGISTRABLE.reject("path")


def _check_query(query: str) -> None:
    # A second code or iss beside ours would let readers of the response disagree about which one counts.
    names = {piece.partition("=")[0] for piece in query.removeprefix("?").split("&")}
    if not names.isdisjoint(_RESPONSE_PARAMETERS) or any("%" in name for name in names):
        raise NOT_REGISTRABLE.reject("query")


def _check_private_use(uri: str, application_type: ApplicationType) -> RedirectUri:
    scheme, _, rest = uri.partition(":")
    if scheme.lower() in {"https", "http"} or len(uri) > MAXIMUM_URL:
        raise NOT_REGISTRABLE.reject(repr(uri)[:200])
    if application_type != "native" or not _PRIVATE_USE.fullmatch(uri):
        raise PRIVATE_SCHEME.reject(repr(uri)[:200])
    path, _, query = rest.partition("?")
    _check_path(path)
    _check_query(query)
    return RedirectUri(uri)


@enforces(
    "FAPI2-SP-5.3.2.1-7",
    "FAPI2-SP-5.3.2.2-6",
    "RFC9126-7.2-p1",
    "RFC9700-2.1-p1",
    "RFC9700-2.1-p2.1",
    "RFC9700-4.1.3-p1.1",
)
def verify_registered(
    presented: str | None, registered: Iterable[str], *, application_type: ApplicationType
) -> RedirectUri:
    """Return the redirect URI of a request once it is known to be a registered one.

    (1) present (2) byte for byte registered (3) or, for native applications, a registered loopback one with another
    port, which the system chooses each time (RFC 8252 section 7.3).

    Raises:
        Reject: ``redirect-uri.missing`` or ``redirect-uri.not-registered``.
    """
    if presented is None:  # (1)
        raise MISSING.reject()
    known = tuple(registered)
    if presented in known:  # (2)
        return RedirectUri(presented)
    if application_type == "native":  # (3)
        without_port = _without_loopback_port(presented)
        if without_port is not None and any(_without_loopback_port(uri) == without_port for uri in known):
            return RedirectUri(presented)
    raise NOT_REGISTERED.reject(repr(presented)[:200])


@enforces("RFC9700-4.1.3-p1.2")
def _without_loopback_port(uri: str) -> str | None:
    url, match = parse_url(uri), _LOOPBACK.fullmatch(uri)
    return match[1] + match[2] if url is not None and match is not None else None
