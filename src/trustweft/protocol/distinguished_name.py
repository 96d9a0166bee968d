r"""Distinguished names as text (RFC 4514), read into what they say, so that names and not spellings are compared.

A registered name is text, a certificate holds a structure. ``CN=a,O=b`` and ``cn=a, o=\62`` are one name; ``O=b,CN=a``
is another, and so is a name with one attribute more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from cryptography.x509 import Name

__all__ = ["DistinguishedName", "distinguished_name_of", "parse_distinguished_name"]

MALFORMED = reason(
    "distinguished-name.malformed",
    error="invalid_request",
    public="The distinguished name is not written as RFC 4514 says.",
)

# From the most general name to the subject itself, as certificates have it; each step is a set of type and value.
DistinguishedName = tuple[frozenset[tuple[str, str | bytes]], ...]

_MAXIMUM: Final = 2_048
# RFC 4514 section 3, and short names of RFC 4519, RFC 2985 and X.520 that certificates in use have.
_TYPES: Final = {
    "c": "2.5.4.6",
    "cn": "2.5.4.3",
    "dc": "0.9.2342.19200300.100.1.25",
    "l": "2.5.4.7",
    "o": "2.5.4.10",
    "ou": "2.5.4.11",
    "st": "2.5.4.8",
    "street": "2.5.4.9",
    "uid": "0.9.2342.19200300.100.1.1",
    "businesscategory": "2.5.4.15",
    "emailaddress": "1.2.840.113549.1.9.1",
    "givenname": "2.5.4.42",
    "organizationidentifier": "2.5.4.97",
    "postalcode": "2.5.4.17",
    "serialnumber": "2.5.4.5",
    "sn": "2.5.4.4",
    "title": "2.5.4.12",
}
_TYPE: Final = re.compile(r"[ ]*(?:([A-Za-z][A-Za-z0-9-]*)|((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+))[ ]*=[ ]*")
_HEXADECIMAL: Final = re.compile(r"#((?:[0-9A-Fa-f]{2})+)[ ]*(?=[,+]|$)")
_PAIR: Final = r"""\\(?:[\\"+,;<> #=]|[0-9A-Fa-f]{2})"""
_VALUE: Final = re.compile(rf"""((?:{_PAIR}|[^\\"+,;<>\x00])*)(?=[,+]|$)""")
_ESCAPED: Final = re.compile(rf"(?:{_PAIR})+")
_TEXT_TAGS: Final = frozenset({0x0C, 0x13, 0x16})  # UTF8String, PrintableString, IA5String
_SHORT_LENGTH: Final = 0x80


def parse_distinguished_name(text: str) -> DistinguishedName:
    """Read a name; spaces around the separators are let pass, as RFC 2253 section 4 asks of readers.

    Raises:
        Reject: ``distinguished-name.malformed``: also where it is empty, which would name everybody.
    """
    if not 0 < len(text) <= _MAXIMUM:
        raise MALFORMED.reject(f"{len(text)} characters")
    steps: list[frozenset[tuple[str, str | bytes]]] = []
    step: list[tuple[str, str | bytes]] = []
    position = 0
    while True:
        attribute, position = _read_attribute(text, position)
        step.append(attribute)
        end = position == len(text)
        if end or text[position] == ",":
            steps.append(frozenset(step))
            step = []
        if end:
            # Text begins with the subject itself, certificates end with it (RFC 4514 section 2.1).
            return tuple(reversed(steps))
        position += 1


def distinguished_name_of(name: Name) -> DistinguishedName:
    """Return what a name in a certificate says."""
    return tuple(
        frozenset((attribute.oid.dotted_string, attribute.value) for attribute in step) for step in name.rdns
    )


def _read_attribute(text: str, position: int) -> tuple[tuple[str, str | bytes], int]:
    kind = _TYPE.match(text, position)
    if kind is None:
        raise MALFORMED.reject(f"no attribute at {position}")
    oid = kind[2] or _TYPES.get(kind[1].lower())
    if oid is None:
        raise MALFORMED.reject(f"an attribute named {kind[1]!r:.80} is not known; write its number")
    encoded = _HEXADECIMAL.match(text, kind.end())
    if encoded is not None:
        return (oid, _decode(bytes.fromhex(encoded[1]))), encoded.end()
    value = _VALUE.match(text, kind.end())
    if value is None or not value[1] or value[1].startswith("#"):
        raise MALFORMED.reject(f"no value at {kind.end()}")
    return (oid, _unescape(_without_trailing_spaces(value[1]))), value.end()


def _without_trailing_spaces(value: str) -> str:
    bare = value.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if escapes % 2 else bare  # the last backslash escaped a space


def _unescape(value: str) -> str:
    try:
        return _ESCAPED.sub(lambda match: _unescape_pairs(match[0]), value)
    except UnicodeDecodeError as cause:
        raise MALFORMED.reject("the escaped octets are not UTF-8") from cause


def _unescape_pairs(pairs: str) -> str:
    # Octets of one character may stand in several pairs: they are put together before they are decoded.
    octets = bytearray()
    for pair in re.findall(_PAIR, pairs):
        octets += bytes.fromhex(pair[1:]) if len(pair) == len(r"\00") else pair[1:].encode()
    return octets.decode()


def _decode(encoded: bytes) -> str:
    """Return the text in a value that is written as its DER encoding (RFC 4514 section 2.4)."""
    if len(encoded) < len(b"\x0c\x01a") or encoded[0] not in _TEXT_TAGS or encoded[1] >= _SHORT_LENGTH:
        raise MALFORMED.reject("a value in hexadecimal is no short text")
    if encoded[1] != len(encoded) - 2:
        raise MALFORMED.reject("a value in hexadecimal has another length than it says")
    try:
        return encoded[2:].decode()
    except UnicodeDecodeError as cause:
        raise MALFORMED.reject("a value in hexadecimal is not UTF-8") from cause
