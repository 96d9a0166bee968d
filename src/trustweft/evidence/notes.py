"""Signed notes (C2SP signed-note): a text, and Ed25519 signatures of it, each with the name and id of its key."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["NoteError", "NoteKey", "decode_base64", "encode_base64", "open_note", "sign_note"]

_ED25519: Final = b"\x01"  # C2SP signed-note, "Signature types"
_ID_LENGTH: Final = 4
_DASH: Final = "\N{EM DASH} "
# C2SP signed-note asks verifiers to accept 16 signatures, and to bound how many they look at.
_MOST_SIGNATURES: Final = 16


class NoteError(ValueError):
    """A note, or a key for notes, is malformed or not signed by a trusted key; the message says which."""


def encode_base64(octets: bytes) -> str:
    """Return standard base64 with padding (RFC 4648 section 4)."""
    return b64encode(octets).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the octets of standard base64; one value has one spelling only.

    Raises:
        NoteError: it is not that.
    """
    try:
        octets = b64decode(text, validate=True)
    except ValueError as cause:
        raise NoteError("not base64") from cause
    if encode_base64(octets) != text:
        raise NoteError("base64 with unused bits set")
    return octets


class NoteKey(Struct, frozen=True):
    """A public key that signs notes.

    Attributes:
        name: who signs; without spaces and plus signs.
        octets: the Ed25519 public key (RFC 8032), 32 octets.
    """

    name: str
    octets: bytes

    def __post_init__(self) -> None:
        """See that name and key can be written into a note.

        Raises:
            NoteError: they cannot.
        """
        if (
            not self.name
            or "+" in self.name
            or self.name.split() != [self.name]
            or not self.name.isprintable()
        ):
            raise NoteError(
                f"{self.name!r} is not a key name: it is empty, or has a space or a plus sign in it"
            )
        try:
            Ed25519PublicKey.from_public_bytes(self.octets)
        except ValueError as cause:
            raise NoteError("not an Ed25519 public key") from cause

    @property
    def key_id(self) -> bytes:
        """The four octets that a signature names its key by."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.octets).digest()[:_ID_LENGTH]

    def __str__(self) -> str:
        """Return the key as it is handed to others: ``name+id+base64(type, key)``."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(_ED25519 + self.octets)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read ``name+id+base64(type, key)``.

        Raises:
            NoteError: it is not that, or not of an Ed25519 key.
        """
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        octets = decode_base64(encoded)
        if octets[:1] != _ED25519:
            raise NoteError("not an Ed25519 key")
        key = cls(name, octets[1:])
        if str(key) != text:
            raise NoteError("the key's id is not that of the key")
        return key


def sign_note(text: str, *, name: str, key: Ed25519PrivateKey) -> str:
    """Return the note with one signature; ``text`` ends with a newline."""
    public = NoteKey(name, key.public_key().public_bytes_raw())
    return f"{text}\n{_DASH}{name} {encode_base64(public.key_id + key.sign(text.encode()))}\n"


def open_note(note: str, keys: Iterable[NoteKey]) -> str:
    """Return the text of a note that a trusted key has signed. Signatures of other keys are ignored.

    Raises:
        NoteError: it is malformed, a trusted key's signature is wrong, or there is none.
    """
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or any(ord(c) < ord(" ") and c != "\n" for c in note):
        raise NoteError("not a signed note")
    text += "\n"
    lines = signatures[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise NoteError(f"more than {_MOST_SIGNATURES} signatures")
    known = {(key.name, key.key_id): key for key in keys}
    found = [_verify(line, text, known) for line in lines]
    if not any(found):
        raise NoteError("no signature by a trusted key")
    return text


def _verify(line: str, text: str, known: dict[tuple[str, bytes], NoteKey]) -> bool:
    """Verify one signature; False is that of a key which is not known, and says nothing of the note."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not encoded:
        raise NoteError("a malformed signature line")
    octets = decode_base64(encoded)
    key = known.get((name, octets[:_ID_LENGTH]))
    if key is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.octets).verify(octets[_ID_LENGTH:], text.encode())
    except InvalidSignature as cause:
        raise NoteError(f"the signature of {name} is wrong") from cause
    return True
