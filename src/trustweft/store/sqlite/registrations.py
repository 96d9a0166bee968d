"""Who registered itself. A registration comes with its client, and goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.server.records import Registration, RegistrationOutcome, RegistrationUse
from trustweft.store.errors import StoreConflictError
from trustweft.store.sqlite.clients import ADD, REPLACE, remove_client
from trustweft.store.sqlite.part import Part
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Registrations", "reap_registrations"]

_COLUMNS: Final = "client_id, directory, software_id, organisation_id, token, registered_at, expires_at"
EXPIRED: Final = (
    "SELECT client_id FROM registrations WHERE directory = ? AND software_id = ? AND expires_at <= ?"
)
TAKEN: Final = "SELECT 1 FROM registrations WHERE directory = ? AND software_id = ?"
# The limit: nobody needs to know how far beyond the quota an organisation is.
COUNT: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM registrations "
    "WHERE directory = ? AND organisation_id = ? AND expires_at > ? LIMIT ?)"
)
INSERT: Final = f"INSERT INTO registrations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # names above
FIND: Final = f"SELECT {_COLUMNS} FROM registrations WHERE client_id = ? AND expires_at > ?"  # noqa: S608  # as above
FIND_SOFTWARE: Final = (
    f"SELECT {_COLUMNS} FROM registrations WHERE directory = ? AND software_id = ? AND expires_at > ?"  # noqa: S608  # as above
)
SET_DIGEST: Final = "UPDATE registrations SET token = ? WHERE client_id = ? AND token = ?"
HAS_DIGEST: Final = "SELECT 1 FROM registrations WHERE client_id = ? AND token = ?"
USE: Final = "UPDATE registrations SET expires_at = ? WHERE client_id = ? AND expires_at > ?"
KNOWN: Final = "SELECT 1 FROM registrations WHERE client_id = ?"
DUE: Final = "SELECT client_id FROM registrations WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"


class Registrations(Part):
    """Knows software, organisation, token and end of each registration."""

    def register_software(
        self, registration: Registration, metadata: bytes, *, quota: int, now: float
    ) -> asyncio.Future[RegistrationOutcome]:
        """Register the client, if its software is not registered yet and its organisation has not too many."""
        return self._submit(_register, registration, metadata, quota, now)

    async def find_registration(self, client_id: str, *, now: float) -> Registration | None:
        """Return the registration if it has not expired."""
        return _read(self._one(FIND, (client_id, now)))

    async def find_registered_software(
        self, *, directory: str, software_id: str, now: float
    ) -> Registration | None:
        """Return the registration of a software if it has not expired."""
        return _read(self._one(FIND_SOFTWARE, (directory, software_id, now)))

    def replace_registration(
        self, client_id: str, *, token: bytes, new_token: bytes, old: bytes, new: bytes
    ) -> asyncio.Future[bool]:
        """Replace metadata and token if both are still the old ones."""
        return self._submit(_replace, client_id, token, new_token, old, new)

    def replace_registration_token(
        self, client_id: str, *, token: bytes, new_token: bytes
    ) -> asyncio.Future[bool]:
        """Replace the token if it is still the old one."""
        return self._submit(_replace_token, client_id, token, new_token)

    def remove_registration(self, client_id: str, *, token: bytes, now: float) -> asyncio.Future[bool]:
        """Remove the client with its registration, if the token is still this one."""
        return self._submit(_remove, client_id, token, now)

    def use_registration(
        self, client_id: str, *, now: float, keep_until: float
    ) -> asyncio.Future[RegistrationUse]:
        """Note that the client was there, if it was in time."""
        return self._submit(_use, client_id, now, keep_until)


def _read(row: tuple[str, str, str, str, bytes, float, float] | None) -> Registration | None:
    if row is None:
        return None
    client_id, directory, software_id, organisation_id, token, registered_at, expires_at = row
    return Registration(
        client_id=client_id,
        directory=directory,
        software_id=software_id,
        organisation_id=organisation_id,
        token=bytes(token),
        registered_at=registered_at,
        expires_at=expires_at,
    )


def _register(
    cursor: sqlite3.Cursor, new: Registration, metadata: bytes, quota: int, now: float
) -> RegistrationOutcome:
    with all_or_nothing(cursor):
        expired = cursor.execute(EXPIRED, (new.directory, new.software_id, now)).fetchone()
        if expired is None and cursor.execute(TAKEN, (new.directory, new.software_id)).fetchone():
            return RegistrationOutcome.SOFTWARE_TAKEN
        (others,) = cursor.execute(COUNT, (new.directory, new.organisation_id, now, quota)).fetchone()
        if others >= quota:
            return RegistrationOutcome.QUOTA
        if not cursor.execute(ADD, (new.client_id, metadata)).rowcount:
            raise StoreConflictError(f"{new.client_id} is taken")
        if expired is not None:
            remove_client(cursor, expired[0], now)
        row = (new.client_id, new.directory, new.software_id, new.organisation_id, new.token)
        cursor.execute(INSERT, (*row, new.registered_at, new.expires_at))
        return RegistrationOutcome.REGISTERED


def _replace(
    cursor: sqlite3.Cursor, client_id: str, token: bytes, new_token: bytes, old: bytes, new: bytes
) -> bool:
    with all_or_nothing(cursor):
        if not cursor.execute(HAS_DIGEST, (client_id, token)).fetchone():
            return False
        if not cursor.execute(REPLACE, (new, client_id, old)).rowcount:
            return False
        return _replace_token(cursor, client_id, token, new_token)


def _replace_token(cursor: sqlite3.Cursor, client_id: str, token: bytes, new_token: bytes) -> bool:
    return cursor.execute(SET_DIGEST, (new_token, client_id, token)).rowcount == 1


def _remove(cursor: sqlite3.Cursor, client_id: str, token: bytes, now: float) -> bool:
    if not cursor.execute(HAS_DIGEST, (client_id, token)).fetchone():
        return False
    return remove_client(cursor, client_id, now)


def _use(cursor: sqlite3.Cursor, client_id: str, now: float, keep_until: float) -> RegistrationUse:
    if cursor.execute(USE, (keep_until, client_id, now)).rowcount:
        return RegistrationUse.USED
    known = cursor.execute(KNOWN, (client_id,)).fetchone()
    return RegistrationUse.UNKNOWN if known is None else RegistrationUse.EXPIRED


def reap_registrations(cursor: sqlite3.Cursor, now: float, limit: int) -> int:
    """Remove up to ``limit`` clients whose registration has expired; return how many."""
    due = cursor.execute(DUE, (now, limit)).fetchall()
    for (client_id,) in due:
        remove_client(cursor, client_id, now)
    return len(due)
