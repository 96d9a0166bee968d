"""The file of a log: entries, the complete nodes of their tree, and every checkpoint, in SQLite.

A commit is on the disk before anybody hears of it (write-ahead log, synchronous FULL); what a killed process had not
committed was never there. One process writes, others read at the same time.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from trustweft.evidence.checkpoints import Checkpoint, sign_checkpoint
from trustweft.evidence.entries import encode_entry
from trustweft.evidence.merkle import EMPTY_ROOT, Frontier, hash_leaf
from trustweft.evidence.notes import NoteKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from trustweft.evidence.entries import Entry

__all__ = ["EvidenceFileError", "LogWriter", "connect_reader"]

_VERSION: Final = 1
_SCHEMA: Final = (
    """CREATE TABLE entry (number INTEGER PRIMARY KEY, type TEXT NOT NULL, at REAL NOT NULL, subject TEXT NOT NULL,
    content BLOB NOT NULL) STRICT""",
    "CREATE INDEX entry_type ON entry (type)",
    "CREATE INDEX entry_subject ON entry (subject)",
    """CREATE TABLE node (level INTEGER, number INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, number))
    STRICT, WITHOUT ROWID""",
    "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT",
    "CREATE TABLE signer (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE log (origin TEXT NOT NULL) STRICT",
    f"PRAGMA user_version = {_VERSION}",
)


class EvidenceFileError(Exception):
    """The log's file cannot be used; the message tells the operator what to do."""


class LogWriter:
    """The one who appends. Not for several threads at once.

    Args:
        path: the file; made where it is missing, for its owner alone.
        origin: the log's name in its checkpoints; a key name of C2SP signed notes.
        key: signs checkpoints.

    Raises:
        EvidenceFileError: somebody else writes, or the file is not a log, or not this one.
    """

    def __init__(self, path: Path, *, origin: str, key: Ed25519PrivateKey) -> None:
        self._origin, self._key = origin, key
        self._signer = str(NoteKey(origin, key.public_key().public_bytes_raw()))
        self._lock = _lock(path)
        try:
            self._connection = _connect(path)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self._prepare(path)
            self._frontier = self._read_frontier()
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._frontier.size

    def append(self, entries: Sequence[Entry]) -> tuple[int, str]:
        """Append all entries or none; return the first one's index and the checkpoint that covers them, durable.

        Raises:
            EvidenceFileError: nothing was appended.
            ValueError: an entry has no canonical form.
        """
        contents = [encode_entry(entry) for entry in entries]
        first = self._frontier.size
        if not entries:
            raise ValueError("there is nothing to append")
        try:
            with _transaction(self._connection):
                self._insert(first, entries, contents)
                note = self._sign()
        except BaseException as cause:
            self._frontier = self._read_frontier()  # what the file says, whatever became of the commit
            if isinstance(cause, sqlite3.Error):
                raise EvidenceFileError(f"the evidence log cannot be written: {cause}") from cause
            raise
        return first, note

    def close(self) -> None:
        """Let others write."""
        self._connection.close()
        os.close(self._lock)

    def _insert(self, first: int, entries: Sequence[Entry], contents: Sequence[bytes]) -> None:
        self._connection.executemany(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?)",
            [
                (first + offset, entry.type, entry.at, entry.subject, content)
                for offset, (entry, content) in enumerate(zip(entries, contents, strict=True))
            ],
        )
        nodes = [node for content in contents for node in self._frontier.append(hash_leaf(content))]
        self._connection.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)

    def _sign(self) -> str:
        root = self._frontier.root() if self._frontier.size else EMPTY_ROOT
        note = sign_checkpoint(Checkpoint(self._origin, self._frontier.size, root), self._key)
        self._connection.execute("INSERT INTO checkpoint VALUES (?, ?)", (self._frontier.size, note))
        self._connection.execute("INSERT OR IGNORE INTO signer VALUES (?)", (self._signer,))
        return note

    def _read_frontier(self) -> Frontier:
        (size,) = self._connection.execute("SELECT coalesce(max(number) + 1, 0) FROM entry").fetchone()
        query = "SELECT hash FROM node WHERE level = ? AND number = ?"
        return Frontier(size, lambda level, number: _one(self._connection.execute(query, (level, number))))

    def _prepare(self, path: Path) -> None:
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._frontier = Frontier()
                with _transaction(self._connection):
                    for statement in _SCHEMA:
                        self._connection.execute(statement)
                    self._connection.execute("INSERT INTO log VALUES (?)", (self._origin,))
                    self._sign()
        except sqlite3.Error as cause:
            raise EvidenceFileError(f"{path} is not an evidence log: {cause}") from cause
        _check(self._connection, path)
        (origin,) = self._connection.execute("SELECT origin FROM log").fetchone()
        if origin != self._origin:
            raise EvidenceFileError(f"{path} is the log {origin}, not {self._origin}")


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the file for reading only.

    Raises:
        EvidenceFileError: it is not there, or not a log.
    """
    if not path.is_file():
        raise EvidenceFileError(f"there is no evidence log at {path}")
    connection = _connect(path)  # not read-only: readers of a write-ahead log share its index, a file as well
    connection.execute("PRAGMA query_only = ON")
    try:
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(path: Path) -> int:
    """Be the one who writes, until the process ends however it ends."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # A file of its own: SQLite has locks of another kind on the file itself.
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _sync_directory(path.parent)
    except OSError as cause:
        raise EvidenceFileError(f"{path}: {cause.strerror}") from cause
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as cause:
        os.close(lock)
        raise EvidenceFileError(f"another process writes the evidence log {path}") from cause
    return lock


def _sync_directory(path: Path) -> None:
    """See that the file's name is on the disk as well."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as cause:
        connection.close()
        raise EvidenceFileError(f"{path} is not an evidence log: {cause}") from cause
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as cause:
        raise EvidenceFileError(f"{path} is not an evidence log: {cause}") from cause
    if version != _VERSION:
        raise EvidenceFileError(f"{path} is not an evidence log of version {_VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def _one(cursor: sqlite3.Cursor) -> bytes:
    (value,) = cursor.fetchone()
    return bytes(value)
