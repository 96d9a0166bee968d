"""The one reader of JSON from outside: bounded, and without the ambiguities that parsers differ on (RFC 8259).

Refused: too many octets, invalid UTF-8, trailing data, duplicate member names, too deep, NaN and Infinity.
RFC 8259 section 4 leaves duplicate names open; two readers that pick different ones disagree about what was signed.
"""

from __future__ import annotations

import re

import msgspec

from trustweft.runtime.errors import reason

__all__ = ["MAXIMUM_DEPTH", "load_object"]

MAXIMUM_DEPTH = 16  # our choice: authorization details nest, but not further
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_decode = msgspec.json.Decoder().decode

TOO_LARGE = reason("json.too-large", error="invalid_request", public="The JSON document is too large.")
MALFORMED = reason("json.malformed", error="invalid_request", public="The JSON document is malformed.")
NOT_AN_OBJECT = reason("json.not-an-object", error="invalid_request", public="A JSON object was expected.")
TOO_DEEP = reason("json.too-deep", error="invalid_request", public="The JSON document is nested too deeply.")
DUPLICATE = reason(
    "json.duplicate-member", error="invalid_request", public="A JSON member name occurs twice."
)


def load_object(raw: bytes, *, limit: int) -> dict[str, object]:
    """Read one JSON object of at most ``limit`` octets.

    Raises:
        Reject: ``json.*`` with the reason.
    """
    if len(raw) > limit:
        raise TOO_LARGE.reject(f"{len(raw)} octets, {limit} allowed")
    skeleton = _STRING.sub(b"", raw)
    # The bound on nesting comes before the parser, so that it never recurses further than we allow.
    if skeleton.count(b"{") + skeleton.count(b"[") > MAXIMUM_DEPTH and _depth(skeleton) > MAXIMUM_DEPTH:
        raise TOO_DEEP.reject()
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise MALFORMED.reject(str(cause)) from cause
    if not isinstance(value, dict):
        raise NOT_AN_OBJECT.reject(type(value).__name__)
    # In a valid document each colon outside a string belongs to one member; the parser keeps the last of two equal
    # names, so a duplicate leaves fewer members than colons.
    if skeleton.count(b":") != _members(value):
        raise DUPLICATE.reject()
    return value


def _depth(skeleton: bytes) -> int:
    deepest = level = 0
    for octet in skeleton:
        if octet in b"{[":
            level += 1
            deepest = max(deepest, level)
        elif octet in b"}]":
            level -= 1
    return deepest


def _members(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_members(item) for item in value.values() if isinstance(item, (dict, list)))
    if isinstance(value, list):
        return sum(_members(item) for item in value if isinstance(item, (dict, list)))
    return 0
