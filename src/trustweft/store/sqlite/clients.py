"""The registered clients. A removed one leaves its identifier behind, so that nobody else can take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.store.sqlite.part import Part
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["ADD", "REPLACE", "Clients", "remove_client"]

ADD: Final = "INSERT INTO clients (client_id, metadata) VALUES (?, ?) ON CONFLICT DO NOTHING"
FIND: Final = "SELECT metadata FROM clients WHERE client_id = ? AND removed_at IS NULL"
LIST: Final = "SELECT client_id, metadata FROM clients WHERE removed_at IS NULL ORDER BY client_id"
REPLACE: Final = "UPDATE clients SET metadata = ? WHERE client_id = ? AND removed_at IS NULL AND metadata = ?"
REMOVE: Final = (
    "UPDATE clients SET metadata = NULL, removed_at = ? WHERE client_id = ? AND removed_at IS NULL"
)
FORGET_REGISTRATION: Final = "DELETE FROM registrations WHERE client_id = ?"
REVOKE_GRANTS: Final = "UPDATE grants SET revoked_at = ? WHERE client_id = ? AND revoked_at IS NULL"


class Clients(Part):
    """Knows the clients' metadata, octet by octet as they were registered."""

    def add_client(self, client_id: str, metadata: bytes) -> asyncio.Future[bool]:
        """Register the client; False if the identifier is taken, now or by a removed client."""
        return self._submit(_add, client_id, metadata)

    async def find_client(self, client_id: str) -> bytes | None:
        """Return the client's metadata."""
        row = self._one(FIND, (client_id,))
        return None if row is None else bytes(row[0])

    async def list_clients(self) -> list[tuple[str, bytes]]:
        """Return all clients by identifier."""
        return self._all(LIST)

    def replace_client(self, client_id: str, *, old: bytes, new: bytes) -> asyncio.Future[bool]:
        """Replace the client's metadata if it is still ``old``."""
        return self._submit(_replace, client_id, old, new)

    def remove_client(self, client_id: str, *, now: float) -> asyncio.Future[bool]:
        """Remove the client and revoke its grants; its identifier stays taken."""
        return self._submit(remove_client, client_id, now)


def _add(cursor: sqlite3.Cursor, client_id: str, metadata: bytes) -> bool:
    return cursor.execute(ADD, (client_id, metadata)).rowcount == 1


def _replace(cursor: sqlite3.Cursor, client_id: str, old: bytes, new: bytes) -> bool:
    return cursor.execute(REPLACE, (new, client_id, old)).rowcount == 1


def remove_client(cursor: sqlite3.Cursor, client_id: str, now: float) -> bool:
    """Remove the client with its registration, if it made one, and revoke its grants; False if there is none."""
    with all_or_nothing(cursor):
        if not cursor.execute(REMOVE, (now, client_id)).rowcount:
            return False
        cursor.execute(FORGET_REGISTRATION, (client_id,))
        cursor.execute(REVOKE_GRANTS, (now, client_id))
        return True
