"""Where metadata is served: below ``/.well-known/`` (RFC 8414 section 3.1, OpenID Connect Discovery 1.0, RFC 9728)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["WellKnown", "resource_well_known_url", "well_known_urls"]


class WellKnown(NamedTuple):
    """Where an issuer's metadata is served; both documents say the same."""

    oauth: str
    openid: str


def well_known_urls(issuer: str) -> WellKnown:
    """Return where the metadata of ``issuer`` is (RFC 8414 section 3.1, OpenID Connect Discovery section 4).

    The first puts the well-known part before the issuer's path, the second after it.
    """
    base = issuer.removesuffix("/")
    return WellKnown(
        _insert(base, "/.well-known/oauth-authorization-server"), f"{base}/.well-known/openid-configuration"
    )


def resource_well_known_url(resource: str) -> str:
    """Return where the metadata of ``resource`` is (RFC 9728 section 3.1)."""
    return _insert(resource, "/.well-known/oauth-protected-resource")


def _insert(url: str, part: str) -> str:
    parts = urlsplit(url)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{part}{path}{query}"
