"""Members that are named like secrets, and values that are password hashes, wherever they are told."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["masked", "may_be_secret", "secret", "spelt"]

_PASSWORD: Final = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|pass|salt|client_?secret|private_?key|secret_?key|api_?key|reset_?token"
    r"|(?:totp|mfa|otp)_?secret)(?:_?(?:hash|plain|text|value|digest))?$",
    re.IGNORECASE,
)
# What may be what the object is about.
_DELICATE: Final = re.compile(
    r"(?:^|_)(?:ssn|social_?security\w*|cvv|cvc|pin_?code|pin|otp|secret)(?:$|_)", re.IGNORECASE
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MASK: Final = r"[*x•.\-]{3,}.{0,4}"
_NOTHING: Final = re.compile(rf"{_MASK}|True|False|", re.IGNORECASE)
_PARTLY: Final = re.compile(r"[*•●…]|x{3}|#{3}|\.{3}", re.IGNORECASE)
_HASH: Final = re.compile(
    r"\$2[aby]?\$\d\d\$.{53}|\$argon2\w+\$.+|pbkdf2[:_]sha\d+[:$].+|\$[156]\$.+|scrypt:.+"
)


def spelt(name: str) -> str:
    """Return the name of a member in words that underscores part."""
    return _CAMEL.sub("_", name).replace("-", "_")


def masked(value: str) -> bool:
    """Whether a value looks like one that is shown in part; some do that are whole, and those do no harm."""
    return bool(re.fullmatch(_MASK, value, re.IGNORECASE) or _PARTLY.search(value))


def secret(name: str, value: str) -> bool:
    """Whether a member is named as a secret and holds one, or holds the hash of a password under any name."""
    # What is told of a secret is none: its version, when it expires, where it is changed. So the name ends with it.
    named = _PASSWORD.search(spelt(name))
    return bool(_HASH.fullmatch(value) or (named and not _NOTHING.fullmatch(value)))


def may_be_secret(name: str, value: str) -> bool:
    """Whether a member has a name that secrets have, and other things as well."""
    return bool(_DELICATE.search(spelt(name)) and not _NOTHING.fullmatch(value))
