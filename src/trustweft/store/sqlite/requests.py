"""Pushed authorization requests (RFC 9126) and the browsers' interactions that follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.server.records import Interaction, PushedRequest
from trustweft.store.sqlite.part import Part, encode

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Requests"]

SAVE_REQUEST: Final = "INSERT INTO pushed_requests (digest, kept_until, record) VALUES (?, ?, ?)"
FIND_REQUEST: Final = "SELECT record FROM pushed_requests WHERE digest = ?"
SPEND_REQUEST: Final = "DELETE FROM pushed_requests WHERE digest = ? AND kept_until > ? RETURNING record"
SAVE_INTERACTION: Final = """
    INSERT INTO interactions (digest, expires_at, record) VALUES (?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at, record = excluded.record"""
FIND_INTERACTION: Final = "SELECT record FROM interactions WHERE digest = ? AND expires_at > ?"
END_INTERACTION: Final = "DELETE FROM interactions WHERE digest = ?"

_decode_request = msgspec.msgpack.Decoder(PushedRequest).decode
_decode_interaction = msgspec.msgpack.Decoder(Interaction).decode


class Requests(Part):
    """Keeps what a person has yet to decide about."""

    def save_pushed_request(self, digest: bytes, request: PushedRequest) -> asyncio.Future[None]:
        """Keep a verified request."""
        return self._submit(_save_request, digest, request.kept_until, encode(request))

    async def find_pushed_request(self, digest: bytes) -> PushedRequest | None:
        """Return the request if it is not spent."""
        row = self._one(FIND_REQUEST, (digest,))
        return None if row is None else _decode_request(row[0])

    def spend_pushed_request(self, digest: bytes, *, now: float) -> asyncio.Future[PushedRequest | None]:
        """Take the request away."""
        return self._submit(_spend_request, digest, now)

    def save_interaction(self, digest: bytes, interaction: Interaction) -> asyncio.Future[None]:
        """Insert or replace the interaction."""
        return self._submit(_save_interaction, digest, interaction.expires_at, encode(interaction))

    async def find_interaction(self, digest: bytes, *, now: float) -> Interaction | None:
        """Return the interaction if it has not expired."""
        row = self._one(FIND_INTERACTION, (digest, now))
        return None if row is None else _decode_interaction(row[0])

    def end_interaction(self, digest: bytes) -> asyncio.Future[bool]:
        """Remove the interaction."""
        return self._submit(_end_interaction, digest)


def _save_request(cursor: sqlite3.Cursor, digest: bytes, kept_until: float, record: bytes) -> None:
    cursor.execute(SAVE_REQUEST, (digest, kept_until, record))


def _spend_request(cursor: sqlite3.Cursor, digest: bytes, now: float) -> PushedRequest | None:
    row = cursor.execute(SPEND_REQUEST, (digest, now)).fetchone()
    return None if row is None else _decode_request(row[0])


def _save_interaction(cursor: sqlite3.Cursor, digest: bytes, expires_at: float, record: bytes) -> None:
    cursor.execute(SAVE_INTERACTION, (digest, expires_at, record))


def _end_interaction(cursor: sqlite3.Cursor, digest: bytes) -> bool:
    return cursor.execute(END_INTERACTION, (digest,)).rowcount == 1
