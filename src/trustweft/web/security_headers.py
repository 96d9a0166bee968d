"""The headers that protect a page: Content Security Policy Level 3 and what stands beside it.

RFC 9700 section 4.16 asks for protection against framing, section 4.2.4 against leaking the address to others,
and FAPI 2.0 Security Profile section 5.2.3 against downgrades.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["form_action_source", "security_headers"]

FORM_TARGET = reason(
    "page.form-target",
    error="invalid_request",
    public="The address to return to cannot be written into the page's security policy.",
    shown=Shown.PAGE,
)

# Scheme, host and port exactly as section 2.3.1 of CSP Level 3 can express them, matched on the raw text: a parser
# that drops tabs or reads a backslash as a slash would judge another host than the browser goes to.
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ORIGIN = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[1-9][0-9]{{0,4}}))?(?:[/?#][\x21-\x7e]*)?"
)
_LARGEST_PORT = 65535
# A native application's own scheme: a reversed domain name, so that it is none that browsers know (RFC 8252 7.1).
_PRIVATE_USE = re.compile(r"(?P<scheme>[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+):/(?:[^/][\x21-\x7e]*)?")
_ONE_YEAR = 31_536_000
_PERMISSIONS = (
    "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), display-capture=(), "
    "geolocation=(), microphone=(), payment=(), usb=()"
)


@enforces(
    "RFC9700-4.2.4-1",
    "RFC9700-4.16-p3.1",
    "RFC9700-4.16-p3.2",
    "RFC9700-4.16-p4.1",
    "RFC9700-4.16-p7.1",
    "RFC9700-4.16-p7.2",
)
def security_headers(
    *, base_url: str, form_targets: Sequence[str] = (), passkeys: bool = False
) -> tuple[tuple[str, str], ...]:
    """Build the security headers of one HTML page, names in lower case.

    Args:
        base_url: the participant's configured address, never taken from the request.
        form_targets: absolute addresses to which the answer of a form on this page may redirect: at the
            authorization server the verified redirect URI, at a client the authorization endpoint. Browsers
            check every hop of a form's redirects against ``form-action``.
        passkeys: whether the page runs the passkey script and lets it ask for its options.

    Raises:
        Reject: ``page.form-target`` if an address has no origin that a policy can name safely.
    """
    headers = [
        ("content-security-policy", _policy(form_targets, passkeys=passkeys)),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        # For browsers that do not know frame-ancestors.
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", _PERMISSIONS),
        ("cache-control", "no-store"),
    ]
    if _takes_strict_transport(base_url):
        # Our choice: not includeSubDomains, a participant does not decide for its neighbours.
        headers.append(("strict-transport-security", f"max-age={_ONE_YEAR}"))
    return tuple(headers)


def form_action_source(address: str) -> str:
    """Return the origin of ``address`` as a source of the ``form-action`` directive.

    A native application's own scheme has no origin, so the scheme is the source. Plain ``http`` is for the loopback interface of native clients only (RFC 8252 section 7.3). An IPv6 literal
    cannot be written in a policy at all, so it is refused rather than widened to a whole scheme.

    Raises:
        Reject: ``page.form-target``.
    """
    private_use = _PRIVATE_USE.fullmatch(address)
    if private_use is not None:
        return f"{private_use['scheme']}:"
    match = _ORIGIN.fullmatch(address)
    if match is None:
        raise FORM_TARGET.reject(repr(address))
    scheme, host, port = match["scheme"], match["host"].lower(), match["port"]
    if scheme == "http" and not _is_loopback(host):
        raise FORM_TARGET.reject(f"http to {host}")
    if port is None:
        return f"{scheme}://{host}"
    if int(port) > _LARGEST_PORT:
        raise FORM_TARGET.reject(f"port {port}")
    return f"{scheme}://{host}:{port}"


@enforces("RFC9700-4.2.4-p1")
def _policy(form_targets: Sequence[str], *, passkeys: bool) -> str:
    sources = dict.fromkeys(["'self'", *map(form_action_source, form_targets)])
    directives = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        f"form-action {' '.join(sources)}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    if passkeys:
        directives[1:1] = ["script-src 'self'", "connect-src 'self'"]
    return "; ".join(directives)


@enforces("FAPI2-SP-5.2.3-1")
def _takes_strict_transport(base_url: str) -> bool:
    """Tell whether to send HSTS: not for this machine's own names, whose other ports belong to others.

    Nor for any IP address, for which browsers ignore it (RFC 6797 section 8.1.1).
    """
    match = _ORIGIN.fullmatch(base_url)
    if match is None or match["scheme"] != "https":
        return False
    host = match["host"].lower()
    return not _is_loopback(host) and not _is_ip_address(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_ip_address(host) and ipaddress.ip_address(host).is_loopback


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
