"""Running processes tell others on the same machine what they are doing: one file each, locked as long as they live.

The lock ends with the process, however it dies: a file that nobody locks speaks of nobody.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from trustweft.runtime.files import make_private_directory

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Presence", "present"]

_SUFFIX: Final = ".json"
_MODE: Final = 0o600


class Presence:
    """What this process says; a context manager, at whose end nobody is there any more.

    Args:
        folder: where everybody says it; it is made where it is missing, for its owner alone.
        participant: who says it: a process may hold several, one for each participant in it.
    """

    def __init__(self, folder: Path, *, participant: str) -> None:
        self._path = folder / f"{participant}-{os.getpid()}{_SUFFIX}"
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Come in.

        Raises:
            KeyFileError: others can reach the folder.
            OSError: it cannot be written to.
        """
        make_private_directory(self._path.parent)
        while not self._is_there():  # somebody may take the file for a dead one's before it is locked
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, _MODE)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def _is_there(self) -> bool:
        """Tell whether the file that is open is the one that others find."""
        if self._descriptor < 0:
            return False
        try:
            return self._path.stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def say(self, **facts: object) -> None:
        """Say this, and no longer what was said before; nothing secret."""
        text = msgspec.json.encode({"process": os.getpid(), **facts})
        # Written in place, as the lock belongs to the file: whoever reads half of it looks again.
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)


def present(folder: Path) -> list[dict[str, Any]]:
    """Return what each living process says, by name of the file; one that is about to say something is there as ``{}``.

    What the dead left behind is removed.
    """
    if not folder.is_dir():
        return []
    said = (_read(path) for path in sorted(folder.glob(f"*{_SUFFIX}")))
    return [each for each in said if each is not None]


def _read(path: Path) -> dict[str, Any] | None:
    """Return what its process says; None where that is dead."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                return msgspec.json.decode(file.read(), type=dict[str, Any])
            except msgspec.DecodeError:
                return {}
        path.unlink(missing_ok=True)
        return None
