"""The one reader of JSON from outside: bounded, and without the ambiguities that parsers differ on (RFC 8259).

Refused: too many octets, invalid UTF-8, trailing data, duplicate member names, too deep, NaN and Infinity.
RFC 8259 section 4 leaves duplicate names open; two readers that pick different ones disagree about what was signed.
"""

from __future__ import annotations

import re

import msgspec

from trustweft.runtime.errors import reason

__all__ = ["MAXIMUM_DEPTH", "load_array", "load_object"]

MAXIMUM_DEPTH = 16  # our choice: authorization details nest, but not further
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NAME_END = re.compile(rb'"[ \t\r\n]*:')
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

TOO_LARGE = reason("json.too-large", error="invalid_request", public="The JSON document is too large.")
MALFORMED = reason("json.malformed", error="invalid_request", public="The JSON document is malformed.")
NOT_AN_OBJECT = reason("json.not-an-object", error="invalid_request", public="A JSON object was expected.")
NOT_AN_ARRAY = reason("json.not-an-array", error="invalid_request", public="A JSON array was expected.")
TOO_DEEP = reason("json.too-deep", error="invalid_request", public="The JSON document is nested too deeply.")
DUPLICATE = reason(
    "json.duplicate-member", error="invalid_request", public="A JSON member name occurs twice."
)


def load_object(raw: bytes, *, limit: int) -> dict[str, object]:
    """Read one JSON object of at most ``limit`` octets.

    Raises:
        Reject: ``json.*`` with the reason.
    """
    value = _decode_bounded(raw, limit=limit, depth=MAXIMUM_DEPTH)
    if not isinstance(value, dict):
        raise NOT_AN_OBJECT.reject(type(value).__name__)
    _refuse_duplicates(raw, value)
    return value


def load_array(raw: bytes, *, limit: int, depth: int = MAXIMUM_DEPTH) -> list[object]:
    """Read one JSON array of at most ``limit`` octets, nested at most ``depth`` deep, itself included.

    Raises:
        Reject: ``json.*`` with the reason.
    """
    value = _decode_bounded(raw, limit=limit, depth=depth)
    if not isinstance(value, list):
        raise NOT_AN_ARRAY.reject(type(value).__name__)
    _refuse_duplicates(raw, value)
    return value


def _decode_bounded(raw: bytes, *, limit: int, depth: int) -> object:
    if len(raw) > limit:
        raise TOO_LARGE.reject(f"{len(raw)} octets, {limit} allowed")
    # The bound on nesting comes before the parser, so that it never recurses further than we allow.
    if raw.count(b"{") + raw.count(b"[") > depth and _depth(_STRING.sub(b"", raw)) > depth:
        raise TOO_DEEP.reject()
    try:
        value: object = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MALFORMED.reject(str(cause)) from cause
    return value


def _refuse_duplicates(raw: bytes, value: dict[str, object] | list[object]) -> None:
    # The parser keeps the last of two equal names. Most JSON is compact: what is written back octet for octet has lost
    # nothing. Otherwise we count, for a duplicate leaves fewer members than there are names.
    if _encode(value) == raw:
        return
    members = _members(value)
    # Looking for the end of a name alone finds them all, and in strings perhaps more: then the strings are taken out.
    if len(_NAME_END.findall(raw)) != members and _STRING.sub(b"", raw).count(b":") != members:
        raise DUPLICATE.reject()


def _depth(skeleton: bytes) -> int:
    deepest = level = 0
    for octet in skeleton:
        if octet in b"{[":
            level += 1
            deepest = max(deepest, level)
        elif octet in b"}]":
            level -= 1
    return deepest


def _members(value: dict[str, object] | list[object]) -> int:
    count, items = (len(value), value.values()) if isinstance(value, dict) else (0, value)
    for item in items:
        if type(item) is dict or type(item) is list:  # the parser gives no others, and this is asked often
            count += _members(item)
    return count
