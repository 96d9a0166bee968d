"""The directory that a server's signing keys are in: one file for each key, for its owner alone.

Servers and commands share it without talking to each other. A file is replaced whole or not at all, so whoever reads
needs no lock; whoever writes has the lock of the directory, which ends with the process that held it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from trustweft.crypto.key_states import KeyRecord
from trustweft.crypto.keys import public_jwk, read_private_jwk, read_public_jwk, thumbprint
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["KEY_ID_LENGTH", "Fingerprint", "KeyDirectory"]

KEY_ID_LENGTH: Final = 16  # of the thumbprint: 96 bits
_SUFFIX: Final = ".json"
_LOCK: Final = ".lock"
_TEMPORARY: Final = f"{_SUFFIX}-"  # in the name of a key file that is being written
_SUPERUSER: Final = 0

_Seen = tuple[str, int, int, int, int]
Fingerprint = frozenset[_Seen]


class _FirstVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key as version 0.1 wrote it: there it was active from the beginning, and stayed so."""

    key_id: str
    algorithm: str
    state: Literal["active"]
    created_at: float
    changed_at: float
    jwk: dict[str, str]


class KeyDirectory:
    """The records of one server's keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[_Seen, KeyRecord] = {}

    def fingerprint(self) -> Fingerprint:
        """Return what changes whenever a file does: a look at the directory costs microseconds, reading it does not.

        Raises:
            OSError: there is no such directory, or it is out of reach.
        """
        with os.scandir(self.path) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if _is_key(entry.name)]
        return frozenset(
            (name, stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_mode) for name, stat in found
        )

    def read(self) -> tuple[KeyRecord, ...]:
        """Return all records; files that were read before and are the same are not read again.

        Raises:
            KeyFileError: a file is readable by others, or is not a key of ours.
            OSError: the directory or a file is out of reach.
        """
        # Kept by what was seen before the file was read: a file that changes meanwhile is read again next time.
        self._known = {
            seen: self._known.get(seen) or _read(self.path / seen[0]) for seen in sorted(self.fingerprint())
        }
        return tuple(self._known.values())

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[None]:
        """Be the only one who writes.

        Args:
            wait: for somebody else who is writing; it takes milliseconds, unless that process is held up.

        Raises:
            BlockingIOError: somebody else is writing, and is not waited for.
            KeyFileError: others can reach the directory.
            OSError: it cannot be written.
        """
        make_private_directory(self.path)
        lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            owner = self._owner()
            if owner is not None:
                os.fchown(lock, *owner)
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_remains()
            yield
        finally:
            os.close(lock)  # which unlocks it

    def save(self, record: KeyRecord) -> None:
        """Write one record; the caller has the lock."""
        path = self.path / f"{record.key_id}{_SUFFIX}"
        write_private_file(path, msgspec.json.encode(record), owner=self._owner())

    def _owner(self) -> tuple[int, int] | None:
        """Return whom files shall belong to where that is not the process's user.

        A command of the superuser writes for a server that runs as somebody else, who could not read them otherwise.
        """
        if os.geteuid() != _SUPERUSER:
            return None
        seen = self.path.stat()
        return seen.st_uid, seen.st_gid

    def _remove_remains(self) -> None:
        """Remove what a writer that was killed left behind: nobody but the one with the lock is writing."""
        for path in self.path.iterdir():
            if path.name.startswith(".") and _TEMPORARY in path.name:
                path.unlink(missing_ok=True)


def _is_key(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(".")


def _read(path: Path) -> KeyRecord:
    """Read one key, and see that it is what its name and its own words say."""
    try:
        record = _decode(read_private_file(path))
        read_public_jwk({**public_jwk(record.public_key), "alg": record.algorithm})
        halves_fit = not record.has_secret or read_private_jwk(record.jwk).public_key() == record.public_key
    except (msgspec.MsgspecError, Reject) as cause:
        raise KeyFileError(f"{path} is not a key file: {cause}") from cause
    if (
        not halves_fit
        or path.stem != record.key_id
        or record.key_id != thumbprint(record.public_key)[:KEY_ID_LENGTH]
    ):
        raise KeyFileError(f"{path} holds another key than its name says")
    return record


def _decode(content: bytes) -> KeyRecord:
    if b'"state"' not in content:
        return msgspec.json.decode(content, type=KeyRecord)
    old = msgspec.json.decode(content, type=_FirstVersion)
    return KeyRecord(
        key_id=old.key_id,
        algorithm=old.algorithm,
        published_at=old.created_at,
        active_from=old.created_at,
        jwk=old.jwk,
    )
