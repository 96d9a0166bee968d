"""Replay memory: identifiers of signed messages that were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.server.records import Freshness
from trustweft.store.sqlite.part import Part

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Identifiers"]

REMEMBER: Final = (
    "INSERT INTO used_identifiers (space, key, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)


class Identifiers(Part):
    """Knows which identifiers were used."""

    def remember_jti(self, *, space: str, key: bytes, expires_at: float) -> asyncio.Future[Freshness]:
        """Remember an identifier; it stays known until it is reaped."""
        return self._submit(_remember, space, key, expires_at)


def _remember(cursor: sqlite3.Cursor, space: str, key: bytes, expires_at: float) -> Freshness:
    inserted = cursor.execute(REMEMBER, (space, key, expires_at)).rowcount
    return Freshness.FRESH if inserted else Freshness.REPLAYED
