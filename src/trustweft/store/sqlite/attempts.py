"""Counts of attempts, for rate limits that hold across processes and restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.store.sqlite.part import Part

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Attempts"]

# The window of the first attempt counts: a later one does not prolong it.
COUNT: Final = """
    INSERT INTO attempts (key, number, window_ends) VALUES (?, 1, ?)
    ON CONFLICT (key) DO UPDATE SET number = number + 1
    RETURNING number"""
TAKE_BACK: Final = "UPDATE attempts SET number = number - 1 WHERE key = ? AND number > 0"
FORGET: Final = "DELETE FROM attempts WHERE key = ?"


class Attempts(Part):
    """Knows how often something was tried."""

    def count_attempt(self, key: bytes, *, window_ends: float) -> asyncio.Future[int]:
        """Count one more attempt, until it is reaped: whoever counts by windows names the window in the key."""
        return self._submit(_count, key, window_ends)

    def take_back_attempt(self, key: bytes) -> asyncio.Future[None]:
        """Count one attempt less, never less than none."""
        return self._submit(_take_back, key)

    def forget_attempts(self, key: bytes) -> asyncio.Future[None]:
        """Start the count anew."""
        return self._submit(_forget, key)


def _count(cursor: sqlite3.Cursor, key: bytes, window_ends: float) -> int:
    (number,) = cursor.execute(COUNT, (key, window_ends)).fetchone()
    return int(number)


def _take_back(cursor: sqlite3.Cursor, key: bytes) -> None:
    cursor.execute(TAKE_BACK, (key,))


def _forget(cursor: sqlite3.Cursor, key: bytes) -> None:
    cursor.execute(FORGET, (key,))
