"""How values of a profile are said to people: durations in human units, lists, yes and no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustweft.profile import Profile

__all__ = ["PARTICIPANTS", "duration", "name_of", "said", "sentence", "source_of"]

PARTICIPANTS: Final = {
    "authorization-server": "Authorization server",
    "client": "Client",
    "resource-server": "Resource server",
    "ecosystem": "Whoever governs the ecosystem",
    "all": "Everybody",
}
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
# Limits that are seconds, by how their names end; every other number is a count.
_SECONDS: Final = ("_lifetime", "_tolerance", "_age", "_step", "_cap", "_skew", "retention")
_SPELLED: Final = {
    word.lower(): word
    for word in ("CORS", "DPoP", "ID", "JWT", "OpenID", "PKCE", "RSA", "TLS", "URI", "URIs", "URL", "iss")
}


def duration(seconds: int) -> str:
    """Return seconds in the units that a person would use: ``1 hour 30 minutes``."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "at once"


def said(name: str, value: object) -> str:
    """Return the value of the limit or duty called ``name`` as people say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return duration(value) if name.endswith(_SECONDS) else str(value)
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def name_of(identifier: str) -> str:
    """Return the identifier of a limit, a duty or a mechanism as words."""
    words = identifier.replace("1_2", "1.2").replace("_", " ").replace("-", " ").split()
    text = " ".join(_SPELLED.get(word, word) for word in words)
    return text if words[0] in _SPELLED else text[:1].upper() + text[1:]


def source_of(profile: Profile, name: str) -> str:
    """Return where a value comes from, as a sentence where it is a choice."""
    return sentence(profile.why(name))


def sentence(text: str) -> str:
    """Return text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
