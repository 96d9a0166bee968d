"""Where the sample bank writes down payments, so that every worker's books show them and no key pays twice.

Written and read in the event loop, which then waits for the disk: this is a sample bank, not a fast one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.store.errors import StoreFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileJournal", "Journal", "MemoryJournal"]

OWNER_ONLY: Final = 0o600
BUSY_SECONDS: Final = 5.0
TABLE: Final = "CREATE TABLE IF NOT EXISTS payments (number INTEGER PRIMARY KEY, payment BLOB NOT NULL)"


class Journal(Protocol):
    """Payments in the order in which they were made, as octets that the ledger understands."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep every other ledger from writing until the end of the block; what it raises, writes nothing."""
        ...

    def append(self, payment: bytes) -> None:
        """Write one down."""
        ...

    def take(self) -> list[bytes]:
        """Return what was written since this was asked last, by whomever."""
        ...


class MemoryJournal:
    """The journal of a ledger that is alone; forgotten with it."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def alone(self) -> AbstractContextManager[None]:
        """Do nothing: nobody else writes."""
        return nullcontext()

    def append(self, payment: bytes) -> None:
        """Keep one until it is taken."""
        self._waiting.append(payment)

    def take(self) -> list[bytes]:
        """Return what waits."""
        taken, self._waiting = self._waiting, []
        return taken


class FileJournal:
    """A journal in a file that several processes share; it outlives them. It grows by a row for each payment."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where it is missing.

        Raises:
            StoreFileError: it cannot be used.
        """
        try:
            with suppress(FileExistsError):  # made before SQLite does, so that others can never read it
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(TABLE)
        except (OSError, sqlite3.Error) as cause:
            raise StoreFileError(f"{path} cannot be used for payments: {cause}") from cause
        self._taken = 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the file's lock; commit at the end."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def append(self, payment: bytes) -> None:
        """Write one down."""
        self._connection.execute("INSERT INTO payments (payment) VALUES (?)", (payment,))

    def take(self) -> list[bytes]:
        """Read on where this ended last."""
        rows = self._connection.execute(
            "SELECT number, payment FROM payments WHERE number > ? ORDER BY number", (self._taken,)
        ).fetchall()
        if rows:
            self._taken = rows[-1][0]
        return [payment for _, payment in rows]

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()
