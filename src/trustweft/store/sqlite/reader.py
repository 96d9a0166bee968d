"""Reads run where they are called: a look-up by key takes microseconds, less than handing it to a thread."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from trustweft.store.sqlite.connection import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Reader"]


class Reader:
    """Owns the connection that reads; sees what is committed and nothing else."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # One cursor: running the next statement resets the last, so that no old snapshot is held.
        self._cursor = connection.cursor()

    def one(self, statement: str, arguments: Sequence[object]) -> Any:
        """Return the first row, or None.

        Raises:
            Reject: ``store.unavailable``.
        """
        try:
            return self._cursor.execute(statement, arguments).fetchone()
        except sqlite3.Error as cause:
            raise explain(cause) from cause

    def all(self, statement: str, arguments: Sequence[object] = ()) -> list[Any]:
        """Return all rows.

        Raises:
            Reject: ``store.unavailable``.
        """
        try:
            return self._cursor.execute(statement, arguments).fetchall()
        except sqlite3.Error as cause:
            raise explain(cause) from cause

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
