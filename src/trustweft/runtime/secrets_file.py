"""A secret in a file of its own, made where it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.runtime.entropy import Entropy

__all__ = ["load_or_create_secret"]

SECRET_OCTETS = 32


def load_or_create_secret(path: Path, *, entropy: Entropy) -> bytes:
    """Return 32 octets or more from ``path``; made, mode 0600, the first time.

    Raises:
        KeyFileError: others can read the file, or it holds too little.
    """
    make_private_directory(path.parent)
    if not path.exists():
        write_private_file(path, entropy.octets(SECRET_OCTETS))
    secret = read_private_file(path)
    if len(secret) < SECRET_OCTETS:
        raise KeyFileError(f"{path} holds {len(secret)} octets, {SECRET_OCTETS} are needed")
    return secret
