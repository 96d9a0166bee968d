"""Uniform Resource Identifiers (RFC 3986) as security decisions need them: strict, ASCII, absolute, never guessed at.

Parsers differ about odd input (a backslash, a tab, user information, a missing host), and where two of them differ
an attacker chooses which one is believed. So anything odd is no URL here.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["MAXIMUM_URL", "Url", "normalise", "parse_url"]

MAXIMUM_URL: Final = 2_048  # our choice: what browsers and proxies carry everywhere
_MAXIMUM_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CHARACTER: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]{{2,45}}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    rf"(?P<path>/{_CHARACTER}*)?"
    rf"(?P<query>\?(?:{_CHARACTER}|\?)*)?"
    rf"(?P<fragment>#(?:{_CHARACTER}|\?)*)?"
)
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Url(msgspec.Struct, frozen=True, kw_only=True):
    """An absolute URL with a host and without user information.

    Attributes:
        scheme: in lower case.
        host: in lower case; an IPv6 address keeps its brackets.
        port: as written, or the scheme's own.
        path: as written, possibly empty.
        query: as written with its question mark, or None.
        fragment: as written with its number sign, or None.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str | None
    fragment: str | None


def parse_url(text: str) -> Url | None:
    """Return the parts of an absolute URL, None for anything that is not plainly one."""
    if len(text) > MAXIMUM_URL:
        return None
    match = _URL.fullmatch(text)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] is not None else _DEFAULT_PORTS.get(scheme)
    if port is not None and port > _MAXIMUM_PORT:
        return None
    return Url(
        scheme=scheme,
        host=match["host"].lower(),
        port=port,
        path=match["path"] or "",
        query=match["query"],
        fragment=match["fragment"],
    )


def normalise(text: str) -> str | None:
    """Return the one spelling of a URL without query and fragment, None where it is no URL.

    The syntax- and scheme-based normalisation of RFC 3986 sections 6.2.2 and 6.2.3: case of scheme, host and
    percent-encoding, encoded unreserved characters, default port, empty path. Dot segments stay as they are: a
    client that means another path says so.
    """
    url = parse_url(text)
    if url is None:
        return None
    path = _ENCODED.sub(_normalise_octet, url.path) if "%" in url.path else url.path
    port = "" if url.port == _DEFAULT_PORTS.get(url.scheme) else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}{path or '/'}"


def _normalise_octet(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()
