"""Replay memory: identifiers of signed messages that were seen."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Final

from trustweft.server.records import Freshness
from trustweft.store.sqlite.part import Part

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Identifiers"]

# 128 bits: enough that no two requests ever meet (whoever searches for such a pair refuses a request of their own),
# and half as many pages to change.
DIGEST_OCTETS: Final = 16
REMEMBER: Final = (
    "INSERT INTO used_identifiers (digest, expires_at, sequence) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)

_next = count().__next__


class Identifiers(Part):
    """Knows which identifiers were used."""

    def remember_jti(self, *, space: str, key: bytes, expires_at: float) -> asyncio.Future[Freshness]:
        """Remember an identifier; it stays known until it is reaped."""
        digest = blake2b(key, digest_size=DIGEST_OCTETS, key=_key_of(space)).digest()
        return self._submit(_remember, digest, expires_at)


@lru_cache(maxsize=64)
def _key_of(space: str) -> bytes:
    """Return what keeps a space apart from others: a name can be longer than the hash takes as a key."""
    return blake2b(space.encode(), digest_size=DIGEST_OCTETS).digest()


def _remember(cursor: sqlite3.Cursor, digest: bytes, expires_at: float) -> Freshness:
    inserted = cursor.execute(REMEMBER, (digest, expires_at, _next())).rowcount
    return Freshness.FRESH if inserted else Freshness.REPLAYED
