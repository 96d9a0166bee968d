"""How a store's file is made: before SQLite does, for its owner alone, and by one process at a time."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from trustweft.store.errors import StoreFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "check_owner_only",
    "connect_patiently",
    "create_owner_only",
    "make_directory",
    "one_process_at_a_time",
]

# Seconds; our choice: longer than any migration of ours takes on a large file.
_PATIENCE: Final = 60.0
_OWNER_ONLY: Final = 0o600
_OWNER_ONLY_DIRECTORY: Final = 0o700
_OTHERS: Final = 0o077


def make_directory(path: Path) -> None:
    """Make the directory that the file stands in, for its owner alone, where there is none."""
    path.parent.mkdir(mode=_OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)


def create_owner_only(path: Path) -> None:
    """Make the file before SQLite does, so that it is never readable by others, not even for an instant.

    One that is there is not opened: closing it again would drop the locks that this process holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))


def check_owner_only(path: Path) -> None:
    """Hold that nobody else can read or write the file.

    Raises:
        StoreFileError: somebody can; whoever could read it may have a copy.
    """
    if path.stat().st_mode & _OTHERS:
        raise StoreFileError(f"others can read or write {path}; run: chmod 600 {path}")


def connect_patiently(path: Path) -> sqlite3.Connection:
    """Open a file that is there, for one that waits until others are done; transactions are begun by hand."""
    return sqlite3.connect(
        path.absolute().as_uri() + "?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None
    )


@contextmanager
def one_process_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock that any system has: a transaction on an empty database beside the file."""
    beside = path.with_name(path.name + ".migrating")
    create_owner_only(beside)
    with closing(connect_patiently(beside)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
