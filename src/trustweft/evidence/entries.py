"""What is logged, in its one canonical form: compact JSON with sorted names."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec

__all__ = ["Entry", "decode_entry", "encode_entry"]

_TYPE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_encoder: Final = msgspec.json.Encoder(order="sorted")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One piece of evidence.

    Attributes:
        type: what it is: ``event`` of the directory, ``order``, ``receipt``, ``probe``, or another word of that form.
        at: when it happened, seconds since the epoch.
        subject: whom it is about, ``kind:id``.
        body: what is to be proved later; JSON values only.
    """

    type: str
    at: float
    subject: str
    body: dict[str, Any]

    def __post_init__(self) -> None:
        """See that the entry has one canonical form.

        Raises:
            ValueError: the type is not a word, or the time is not a number.
        """
        if not _TYPE.fullmatch(self.type):
            raise ValueError(f"{self.type!r} is not a type of entry: small letters, digits and hyphens")
        if not math.isfinite(self.at):
            raise ValueError("the time of an entry is a finite number")


_decoder: Final = msgspec.json.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """Return the canonical form: what is hashed.

    Raises:
        ValueError: the body has something in it that JSON cannot carry unchanged.
    """
    try:
        content = _encoder.encode(entry)
        decode_entry(content)
    except (TypeError, OverflowError, RecursionError, UnicodeError, msgspec.MsgspecError) as cause:
        raise ValueError(f"the body of the entry is not JSON: {cause}") from cause
    return content


def decode_entry(content: bytes) -> Entry:
    """Return the entry.

    Raises:
        ValueError: it is not the canonical form of an entry.
    """
    try:
        entry = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as cause:
        raise ValueError(f"not an entry: {cause}") from cause
    if _encoder.encode(entry) != content:
        raise ValueError("not the canonical form of an entry")
    return entry
