"""What the suite scans of TLS: versions, cipher suites, and which the server prefers (RFC 9325, FAPI 2.0 SP 5.2)."""

from __future__ import annotations

import socket
import ssl
import warnings
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_tls"]

_SECONDS: Final = 10.0
# RFC 9325 section 4.2: all that FAPI 2.0 leaves of TLS 1.2, as OpenSSL calls them.
_RECOMMENDED: Final = frozenset(
    f"ECDHE-{key}-{cipher}"
    for key in ("RSA", "ECDSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
)


def check_tls(url: str, *, authority: Path) -> None:
    """Hold that the port of an address speaks TLS as the profile demands."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    _check_port(parts.hostname, parts.port or 443, authority)


@cache  # nothing changes how a port speaks while it is open
def _check_port(host: str, port: int, authority: Path) -> None:
    whole = _context(authority)
    assert _negotiated(host, port, whole) == "TLSv1.3", "TLS 1.3 is not preferred"
    twelve = _limited(authority, ssl.TLSVersion.TLSv1_2)
    assert _negotiated(host, port, twelve) == "TLSv1.2"
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert _negotiated(host, port, _limited(authority, version)) is None, f"{version.name} is spoken"
    offered = {cipher["name"] for cipher in twelve.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    for name in sorted(offered - _RECOMMENDED):
        context = _limited(authority, ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(f"{name}:@SECLEVEL=0")
        assert _negotiated(host, port, context) is None, f"{name} is accepted"


def _context(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def _limited(authority: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = _context(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")  # whatever this machine's OpenSSL still knows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the versions that must be refused
        context.minimum_version = version
        context.maximum_version = version
    return context


def _negotiated(host: str, port: int, context: ssl.SSLContext) -> str | None:
    """Return the version that a handshake ended with, None where the server refused it."""
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return secured.version()
    except (ssl.SSLError, ConnectionResetError):
        return None
