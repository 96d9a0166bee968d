"""Signed notes and checkpoints as C2SP describes them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trustweft.evidence.checkpoints import Checkpoint, sign_checkpoint, verify_checkpoint
from trustweft.evidence.merkle import EMPTY_ROOT
from trustweft.evidence.notes import NoteError, NoteKey, encode_base64, open_note, sign_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = NoteKey("log.example/evidence", KEY.public_key().public_bytes_raw())
# The key and the note that the documentation of golang.org/x/mod/sumdb/note shows.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_published_note_opens() -> None:
    """Key, key id and signature as others make them."""
    assert str(NoteKey.parse(PETER)) == PETER
    assert open_note(PETERS_NOTE, [NoteKey.parse(PETER)]).endswith("problem is.\n")


def test_a_checkpoint_is_origin_size_and_root() -> None:
    """And comes back as it was."""
    checkpoint = Checkpoint("log.example/evidence", 0, EMPTY_ROOT)
    note = sign_checkpoint(checkpoint, KEY)
    assert note.startswith(f"log.example/evidence\n0\n{encode_base64(EMPTY_ROOT)}\n\n— log.example/evidence ")
    assert verify_checkpoint(note, [PUBLIC], origin="log.example/evidence") == checkpoint
    with pytest.raises(NoteError, match="of the log"):
        verify_checkpoint(note, [PUBLIC], origin="other.example")


def test_every_changed_character_of_a_checkpoint_is_noticed() -> None:
    """Each octet, each bit that leaves it text."""
    note = sign_checkpoint(Checkpoint("log.example/evidence", 7, bytes(32)), KEY).encode()
    for position in range(len(note)):
        for bit in range(8):
            changed = bytearray(note)
            changed[position] ^= 1 << bit
            with pytest.raises((NoteError, UnicodeDecodeError)):
                verify_checkpoint(bytes(changed).decode(), [PUBLIC])


def test_signatures_of_strangers_are_ignored() -> None:
    """A note needs one by a trusted key, and bears others."""
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    ours, theirs = (sign_note("text\n", name="log.example/evidence", key=key) for key in (KEY, stranger))
    both = ours + theirs.partition("\n\n")[2]
    assert open_note(both, [PUBLIC]) == "text\n"
    with pytest.raises(NoteError, match="no signature by a trusted key"):
        open_note(theirs, [PUBLIC])
    with pytest.raises(NoteError, match="more than 16"):
        open_note(ours + theirs.partition("\n\n")[2] * 16, [PUBLIC])


@pytest.mark.parametrize(
    "text", ["a\n1\n", "a\n\n1\n", "a\n01\nx\n", "a\n-1\nx\n", "a\n1\nx\n", "a\n1\nAAAA\n"]
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """Too few lines, an empty one, a size with a zero in front, a root that is none."""
    with pytest.raises(NoteError):
        verify_checkpoint(sign_note(text, name=PUBLIC.name, key=KEY), [PUBLIC])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("Peter", "Paul"),
        "name+00000000+AgAA",
        "name+00000000+AQAA",
        "a b+00000000+" + PETER[-44:],
    ],
)
def test_a_malformed_key_is_refused(key: str) -> None:
    """Each part counts."""
    with pytest.raises(NoteError):
        NoteKey.parse(key)
