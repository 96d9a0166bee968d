"""Files that only their owner may read: written whole or not at all, refused when others can read them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

__all__ = ["KeyFileError", "make_private_directory", "read_private_file", "write_private_file"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(ValueError):
    """A file with a secret in it cannot be used; the message says what to do."""


def make_private_directory(path: Path) -> None:
    """Make the directory, and its parents, for the owner alone; an empty one of ours is closed to others.

    Raises:
        KeyFileError: it exists with something in it, and others have access.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid == os.getuid() and not any(path.iterdir()):
        path.chmod(0o700)
    if path.stat().st_mode & _OTHERS:
        raise KeyFileError(f"others can reach {path}; run: chmod 700 {path}")


def read_private_file(path: Path) -> bytes:
    """Return the content.

    Raises:
        KeyFileError: others can read it.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise KeyFileError(f"others can read {path}; run: chmod 600 {path}")
        return file.read()


def write_private_file(path: Path, content: bytes, *, owner: tuple[int, int] | None = None) -> None:
    """Replace the file in one step, mode 0600; after a crash either the old or the new content is there.

    Args:
        path: which file.
        content: all of it.
        owner: user and group that it shall belong to; the process's own where none is named.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None:
                os.fchown(descriptor, *owner)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
