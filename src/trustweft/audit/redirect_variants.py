"""Addresses that are not the registered redirect URI, and that a careless comparison takes for it.

Each stands for a way in which servers have compared: by prefix, by suffix, by pattern, after decoding, after parsing
with another parser than the browser's, or with a part left out (RFC 9700 section 4.1.1).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

__all__ = ["ATTACKER", "MARK", "is_delivery", "variants"]

ATTACKER: Final = "attacker.example"
MARK: Final = "trustweft-variant"  # stands in each address that differs in path or query


def _hosts(registered: str) -> dict[str, str]:
    parts = urlsplit(registered)
    scheme, netloc, path = parts.scheme, parts.netloc, parts.path
    host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    start, rest = f"{scheme}://", f"{path}{'?' + parts.query if parts.query else ''}"
    return {
        "host with a suffix": f"{start}{host}.{ATTACKER}{port}{rest}",
        "host and port with a suffix": f"{start}{netloc}.{ATTACKER}{rest}",
        "host with a prefix": f"{start}attacker-{netloc}{rest}",
        "host without a dot before it": f"{start}attacker{netloc}{rest}",
        "subdomain": f"{start}attacker.{netloc}{rest}",
        "registered host as user": f"{start}{netloc}@{ATTACKER}{rest}",
        "registered host as user and password": f"{start}{host}:x@{ATTACKER}{rest}",
        "several at signs": f"{start}a@{netloc}@{ATTACKER}{rest}",
        "two at signs": f"{start}{netloc}@@{ATTACKER}{rest}",
        "backslash before an at sign": f"{start}{ATTACKER}\\@{netloc}{rest}",
        "backslash before a dot": f"{start}{ATTACKER}\\.{netloc}{rest}",
        "number sign before an at sign": f"{start}{ATTACKER}#@{netloc}{rest}",
        "question mark before an at sign": f"{start}{ATTACKER}?@{netloc}{rest}",
        "ampersand before an at sign": f"{start}{ATTACKER}&@{netloc}{rest}",
        "semicolon": f"{start}{ATTACKER};{netloc}{rest}",
        "registered address as path": f"{start}{ATTACKER}/{registered}",
        "registered address as query": f"{start}{ATTACKER}/?next={registered}",
        "registered address as fragment": f"{start}{ATTACKER}/#{registered}",
        "encoded slash": f"{start}{ATTACKER}%2f{netloc}{rest}",
        "encoded NUL": f"{start}{ATTACKER}%00.{netloc}{rest}",
        "encoded question mark": f"{start}{ATTACKER}%3f.{netloc}{rest}",
        "wildcard": f"{start}*.{netloc}{rest}",
        "without a scheme": f"//{ATTACKER}{rest}",
        "three slashes": f"{scheme}:///{ATTACKER}{rest}",
        "no slashes": f"{scheme}:{ATTACKER}{rest}",
        "slash and backslash": f"{scheme}:/\\{ATTACKER}{rest}",
        "letters of another script": f"{start}{host.replace('o', 'о').replace('e', 'е')}.{ATTACKER}{rest}",  # noqa: RUF001
        "full-width dot": f"{start}{ATTACKER}。{netloc}{rest}",
    }


def _paths(registered: str) -> dict[str, str]:
    bare, _, query = registered.partition("?")
    rest = f"?{query}" if query else ""
    folder = bare.rstrip("/").rpartition("/")[0]
    return {
        "path continued": f"{bare}/{MARK}{rest}",
        "path with a suffix": f"{bare}{MARK}{rest}",
        "path with an extension": f"{bare}.{MARK}{rest}",
        "slash at the end": f"{bare}/{rest}" if not bare.endswith("/") else f"{bare}/{MARK}{rest}",
        "way up": f"{bare}/../{MARK}{rest}",
        "way up, dots encoded": f"{bare}/%2e%2e/{MARK}{rest}",
        "way up, all encoded": f"{bare}%2f..%2f{MARK}{rest}",
        "way up, encoded twice": f"{bare}/%252e%252e/{MARK}{rest}",
        "way up with a semicolon": f"{bare}/..;/{MARK}{rest}",
        "way up with a backslash": f"{bare}\\..\\{MARK}{rest}",
        "way up with an encoded backslash": f"{bare}/..%5c{MARK}{rest}",
        "other file in the folder": f"{folder}/{MARK}{rest}",
        "parameter of the path": f"{bare};{MARK}{rest}",
        "encoded NUL in the path": f"{bare}%00{MARK}{rest}",
        "last letter missing": f"{bare[:-1]}{rest}" if bare.count("/") > 2 else f"{bare}/{MARK}",  # noqa: PLR2004
    }


def _queries(registered: str) -> dict[str, str]:
    joint = "&" if "?" in registered else "?"
    return {
        "parameter added": f"{registered}{joint}{MARK}=1",
        "code added": f"{registered}{joint}code={MARK}",
        "state added": f"{registered}{joint}state={MARK}",
        "redirect added": f"{registered}{joint}redirect_uri=https://{ATTACKER}/{MARK}",
        "fragment added": f"{registered}#{MARK}",
        "encoded fragment added": f"{registered}%23{MARK}",
        "encoded parameter added": f"{registered}%3f{MARK}=1",
    }


def _schemes(registered: str) -> dict[str, str]:
    parts = urlsplit(registered)
    host, rest = parts.hostname or "", registered.partition(parts.netloc)[2]
    other = "http" if parts.scheme == "https" else "https"
    return {
        "other scheme": f"{other}://{parts.netloc}{rest}",
        "ftp": f"ftp://{parts.netloc}{rest}",
        "script": f"javascript://{parts.netloc}{rest}%0aalert(1)//",
        "data": f"data:text/html,{registered}",
        "scheme of an application": f"com.attacker.app://{parts.netloc}{rest}",
        "other port": f"{parts.scheme}://{host}:{(parts.port or 443) + 1000}{rest}",
        "privileged port": f"{parts.scheme}://{host}:22{rest}",
        "port with a sign": f"{parts.scheme}://{host}:+{parts.port or 443}{rest}",
    }


def _disguises(registered: str) -> dict[str, str]:
    return {
        "space before": f" https://{ATTACKER}/ {registered}",
        "line break and another address": f"{registered}\r\nLocation: https://{ATTACKER}/{MARK}",
        "line feed at the end": f"{registered}\n{MARK}",
        "tab within": f"{registered}\t{MARK}",
        "NUL within": f"{registered}\0{MARK}",
        "space and another address": f"{registered} https://{ATTACKER}/{MARK}",
        "comma and another address": f"{registered},https://{ATTACKER}/{MARK}",
        "another address first": f"https://{ATTACKER}/{MARK} {registered}",
        "line separator": f"{registered}\u2028{MARK}",
        "quotation mark": f'{registered}"><{MARK}>',
    }


def _equivalents(registered: str) -> dict[str, str]:
    parts = urlsplit(registered)
    rest = registered.partition(parts.netloc)[2]
    standard = f"{parts.hostname}:443" if parts.port is None else f"{parts.hostname}.:{parts.port}"
    path = parts.path or "/"
    return {
        "upper-case host": f"{parts.scheme}://{parts.netloc.upper()}{rest}",
        "upper-case scheme": f"{parts.scheme.upper()}://{parts.netloc}{rest}",
        "upper-case path": f"{parts.scheme}://{parts.netloc}{path.upper()}{'?' + parts.query if parts.query else ''}",
        "host written otherwise": f"{parts.scheme}://{standard}{rest}",
        "encoded letter": f"{parts.scheme}://{parts.netloc}{path[:-1]}%{ord(path[-1]):02x}",
        "two slashes": f"{parts.scheme}://{parts.netloc}/{path}",
        "dot segment": f"{parts.scheme}://{parts.netloc}/.{path}",
        "encoded as a whole": quote(registered, safe=""),
    }


_FAMILIES: Final = {
    "host": _hosts,
    "path": _paths,
    "query": _queries,
    "scheme": _schemes,
    "disguise": _disguises,
    "equivalent": _equivalents,
}


def variants(family: str, registered: str) -> dict[str, str]:
    """Return addresses that differ from the registered one, by what is wrong with each.

    Args:
        family: ``host``, ``path``, ``query``, ``scheme``, ``disguise`` or ``equivalent``.
        registered: the redirect URI.
    """
    return {
        label: address for label, address in _FAMILIES[family](registered).items() if address != registered
    }


def is_delivery(location: str, *, own: tuple[str, ...], server: str) -> bool:
    """Tell whether a redirect hands a response to an address that is none of the client's.

    Args:
        location: of the redirect, as the server wrote it.
        own: the registered redirect URI, and what the server makes of it for a good request.
        server: origin of the authorization server, whose own pages may show errors.
    """
    code = _has_parameter(location, "code")
    at_home = location.startswith(f"{server}/") or (
        location.startswith("/") and not location.startswith("//")
    )
    if not code and (at_home or not _has_parameter(location, "error")):
        return False
    for address in own:
        rest = location[len(address) :]
        if location.startswith(address) and rest[:1] in ("", "?", "&", "#") and MARK not in location:
            return False
    return True


def _has_parameter(location: str, name: str) -> bool:
    return any(f"{separator}{name}=" in location for separator in "?&#")
