"""How the file is opened: durable, checked, and patient with other processes."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from trustweft.store.errors import StoreConflictError, StoreFileError, unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["connect_reader", "connect_writer", "explain"]

# FULL: a commit is on the disk before anybody hears of it. FAST overwrites what is deleted where that costs no
# extra write, so that removed password hashes do not linger in free pages. The log is copied into the file every
# 4000 pages (16 MB): rarely enough that pages written often are copied once, often enough that no commit waits long.
# The cache (16 MB) holds all pages that a batch changes, so that none is written before its commit.
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = FAST",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16384",
)
_READER = ("PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF")


def connect_writer(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """Open the connection that writes. Transactions are begun and ended by hand.

    Raises:
        StoreFileError: the file cannot be opened, or cannot be written ahead (a network file system, for example).
    """
    connection = _connect(path, _WRITER, timeout=busy_timeout)
    connection.execute("PRAGMA busy_timeout = 0")  # who waits for a lock, and where, is the writer's decision
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        connection.close()
        raise StoreFileError(f"{path} is on a file system without write-ahead logging (mode {mode})")
    return connection


def connect_reader(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection that can only read; every statement sees what is committed at its start.

    Raises:
        StoreFileError: the file cannot be opened.
    """
    return _connect(path, _READER, timeout=busy_timeout)


def _connect(path: Path, pragmas: tuple[str, ...], *, timeout: float) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            path.absolute().as_uri()
            + "?mode=rw",  # never creates: the file's mode and schema are migrate's task
            uri=True,
            timeout=timeout,
            isolation_level=None,
            # Each connection is used by one thread at a time, not always the one that opened it.
            check_same_thread=False,
        )
        for pragma in pragmas:
            connection.execute(pragma)
    except sqlite3.Error as cause:
        if connection is not None:
            connection.close()
        raise StoreFileError(f"{path} cannot be opened as a store: {cause}") from cause
    return connection


def explain(cause: Exception) -> Exception:
    """Return what the caller is told about a failed operation, chained to its cause."""
    told: Exception
    if isinstance(cause, sqlite3.IntegrityError):
        told = StoreConflictError(str(cause))
    elif isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", type(cause).__name__)
        told = unavailable(f"{name}: {cause}")
    else:
        return cause
    told.__cause__ = cause
    return told
