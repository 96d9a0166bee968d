"""Removing what has had its time, a bounded number of rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.store.sqlite.part import Part
from trustweft.store.sqlite.registrations import reap_registrations

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["COUNTED_AT_MOST", "EXPIRING", "Housekeeping"]

# Table, its key, and the column that says how long a row is kept; what hangs off a grant comes before the grants.
EXPIRING: Final = (
    ("used_identifiers", "digest", "expires_at"),
    ("pushed_requests", "digest", "kept_until"),
    ("interactions", "digest", "expires_at"),
    ("authorization_codes", "digest", "kept_until"),
    ("refresh_tokens", "digest", "expires_at"),
    ("grants", "grant_id", "expires_at"),
    ("revoked_access_tokens", "jti", "expires_at"),
    ("attempts", "key", "window_ends"),
)
# A registration takes its client along: see reap_registrations.
# Our choice: counting further would hold up the writer and change nothing about what the number says.
COUNTED_AT_MOST: Final = 10_000

REAP: Final = tuple(
    f"DELETE FROM {table} WHERE ({key}) IN "  # noqa: S608  # names from the table above
    f"(SELECT {key} FROM {table} WHERE {expiry} <= ? ORDER BY {expiry} LIMIT ?)"
    for table, key, expiry in EXPIRING
)
BACKLOG: Final = tuple(
    f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {expiry} <= ? LIMIT {COUNTED_AT_MOST})"  # noqa: S608  # as above
    for table, _, expiry in (*EXPIRING, ("registrations", "client_id", "expires_at"))
)


class Housekeeping(Part):
    """Knows what can go."""

    def reap(self, *, now: float, limit: int) -> asyncio.Future[int]:
        """Remove up to ``limit`` rows per kind whose time has passed; with a grant goes what hangs off it."""
        return self._submit(_reap, now, limit)

    def backlog(self, *, now: float) -> asyncio.Future[int]:
        """Return how many rows wait to be reaped; of each kind at most ``COUNTED_AT_MOST`` are counted."""
        return self._submit(_backlog, now)


def _reap(cursor: sqlite3.Cursor, now: float, limit: int) -> int:
    removed = sum(cursor.execute(statement, (now, limit)).rowcount for statement in REAP)
    return removed + reap_registrations(cursor, now, limit)


def _backlog(cursor: sqlite3.Cursor, now: float) -> int:
    return sum(cursor.execute(statement, (now,)).fetchone()[0] for statement in BACKLOG)
