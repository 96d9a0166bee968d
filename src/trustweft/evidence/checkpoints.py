"""Signed checkpoints of a log (C2SP tlog-checkpoint): origin, size and root, in a signed note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.evidence.merkle import HASH_LENGTH
from trustweft.evidence.notes import NoteError, decode_base64, encode_base64, open_note, sign_note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from trustweft.evidence.notes import NoteKey

__all__ = ["Checkpoint", "sign_checkpoint", "verify_checkpoint"]

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 3


class Checkpoint(Struct, frozen=True):
    """What a log says of itself at one size.

    Attributes:
        origin: which log.
        size: how many entries it has.
        root: the root of their Merkle tree, 32 octets.
    """

    origin: str
    size: int
    root: bytes


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """Return the signed note; the key's name is the origin."""
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{encode_base64(checkpoint.root)}\n"
    return sign_note(text, name=checkpoint.origin, key=key)


def verify_checkpoint(note: str, keys: Iterable[NoteKey], *, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint that a trusted key has signed.

    Raises:
        NoteError: it is malformed, of another log than ``origin``, or not signed by a trusted key.
    """
    lines = open_note(note, keys).removesuffix("\n").split("\n")
    if len(lines) < _LINES or not all(lines):
        raise NoteError("not a checkpoint: it has fewer than three lines, or an empty one")
    name, size, encoded = lines[:_LINES]
    if not _SIZE.fullmatch(size):
        raise NoteError("the checkpoint's size is not a decimal number")
    root = decode_base64(encoded)
    if len(root) != HASH_LENGTH:
        raise NoteError("the checkpoint's root is not a SHA-256 hash")
    if origin is not None and name != origin:
        raise NoteError(f"the checkpoint is of the log {name!r}, not of {origin!r}")
    return Checkpoint(name, int(size), root)
