"""How far each participant was told, as it has to be known after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from trustweft.runtime.files import read_private_file, write_private_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FileProgress", "MemoryProgress", "Progress", "ProgressKeeper"]


class Progress(Struct, frozen=True, kw_only=True):
    """How far one participant was told.

    Attributes:
        since: the revision that it began with; it owes receipts for later orders only.
        until: the revision up to which everything was delivered, is overtaken, or waits.
        waiting: the subjects whose last change waits.
    """

    since: int
    until: int
    waiting: tuple[str, ...] = ()


class ProgressKeeper(Protocol):
    """Where it is kept, by the participants' identifiers."""

    def load(self) -> Mapping[str, Progress]:
        """Return what was kept last."""
        ...

    def save(self, progress: Mapping[str, Progress]) -> None:
        """Keep it; called in a thread. What is lost is delivered once more, which receivers notice."""
        ...


class MemoryProgress:
    """Keeps it for as long as the process runs."""

    def __init__(self) -> None:
        self._progress: Mapping[str, Progress] = {}

    def load(self) -> Mapping[str, Progress]:
        """Return it."""
        return self._progress

    def save(self, progress: Mapping[str, Progress]) -> None:
        """Keep it."""
        self._progress = progress


class FileProgress:
    """Keeps it in a file that only its owner reads, written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, Progress]:
        """Return it; nothing where there is no file.

        Raises:
            KeyFileError: others can read it.
            msgspec.DecodeError: it is no such file; the operator removes it, and everybody is told anew.
        """
        try:
            octets = read_private_file(self._path)
        except FileNotFoundError:
            return {}
        return msgspec.json.decode(octets, type=dict[str, Progress])

    def save(self, progress: Mapping[str, Progress]) -> None:
        """Replace the file."""
        write_private_file(self._path, msgspec.json.encode(progress))
