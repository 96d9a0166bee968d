"""The key that signs a log's checkpoints: Ed25519, in one file for its owner alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trustweft.crypto.keys import generate_private_key, private_jwk, read_private_jwk
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_or_create_key"]


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of the file, a private JWK; make it where it is missing.

    Raises:
        KeyFileError: others can reach it, or it is not an Ed25519 key.
        OSError: it is out of reach.
    """
    make_private_directory(path.parent)
    if not path.exists():
        write_private_file(path, msgspec.json.encode(private_jwk(generate_private_key("EdDSA"))))
    try:
        key = read_private_jwk(msgspec.json.decode(read_private_file(path), type=dict[str, str]))
    except (msgspec.MsgspecError, Reject) as cause:
        raise KeyFileError(f"{path} is not a private JWK") from cause
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key")
    return key
