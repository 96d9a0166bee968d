"""People and their passkeys. A removed person leaves name and subject behind, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from trustweft.server.records import Passkey, User
from trustweft.store.sqlite.part import Part, encode
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Users"]

ADD: Final = """
    INSERT INTO users (subject, username, password_hash, record) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"""
FIND_BY_NAME: Final = "SELECT record, password_hash FROM users WHERE username = ? AND removed_at IS NULL"
FIND_BY_SUBJECT: Final = "SELECT record, password_hash FROM users WHERE subject = ? AND removed_at IS NULL"
LIST: Final = "SELECT record, password_hash FROM users WHERE removed_at IS NULL ORDER BY username"
REMOVE: Final = """UPDATE users SET record = NULL, password_hash = NULL, removed_at = ?
    WHERE username = ? AND removed_at IS NULL RETURNING subject"""
REMOVE_PASSKEYS: Final = "DELETE FROM passkeys WHERE subject = ?"
REVOKE_GRANTS: Final = "UPDATE grants SET revoked_at = ? WHERE subject = ? AND revoked_at IS NULL"
# A removed user has no password hash, so nothing equals it.
REPLACE_HASH: Final = "UPDATE users SET password_hash = ? WHERE subject = ? AND password_hash = ?"

ADD_PASSKEY: Final = """
    INSERT INTO passkeys (credential_id, subject, sign_count, created_at, record)
    SELECT ?, subject, ?, ?, ? FROM users WHERE subject = ? AND removed_at IS NULL
    ON CONFLICT DO NOTHING"""
FIND_PASSKEY: Final = "SELECT record, sign_count FROM passkeys WHERE credential_id = ?"
PASSKEYS_OF: Final = """
    SELECT record, sign_count FROM passkeys WHERE subject = ? ORDER BY created_at, credential_id"""
ADVANCE_PASSKEY: Final = "UPDATE passkeys SET sign_count = ? WHERE credential_id = ? AND sign_count = ?"

_decode_user = msgspec.msgpack.Decoder(User).decode
_decode_passkey = msgspec.msgpack.Decoder(Passkey).decode


class Users(Part):
    """Knows who can log in, and with what."""

    def add_user(self, user: User) -> asyncio.Future[bool]:
        """Keep a new user; False if the username or subject is taken, now or by a removed user."""
        return self._submit(_add, user)

    async def find_user(self, username: str) -> User | None:
        """Return the user with this name."""
        row = self._one(FIND_BY_NAME, (username,))
        return None if row is None else _user(row)

    async def find_subject(self, subject: str) -> User | None:
        """Return the user with this subject identifier."""
        row = self._one(FIND_BY_SUBJECT, (subject,))
        return None if row is None else _user(row)

    async def list_users(self) -> list[User]:
        """Return all users by name."""
        return [_user(row) for row in self._all(LIST)]

    def remove_user(self, username: str, *, now: float) -> asyncio.Future[bool]:
        """Remove the user with passkeys and revoke the grants; name and subject stay taken."""
        return self._submit(_remove, username, now)

    def replace_password_hash(self, subject: str, *, old: str, new: str) -> asyncio.Future[bool]:
        """Replace the password hash if it is still ``old``."""
        return self._submit(_replace_password_hash, subject, old, new)

    def add_passkey(self, passkey: Passkey) -> asyncio.Future[bool]:
        """Keep a new passkey; False if the credential is known or there is no such user."""
        return self._submit(_add_passkey, passkey)

    async def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """Return the passkey."""
        row = self._one(FIND_PASSKEY, (credential_id,))
        return None if row is None else _passkey(row)

    async def passkeys_of(self, subject: str) -> list[Passkey]:
        """Return the passkeys of a user, oldest first."""
        return [_passkey(row) for row in self._all(PASSKEYS_OF, (subject,))]

    def advance_passkey(self, credential_id: bytes, *, seen: int, sign_count: int) -> asyncio.Future[bool]:
        """Set the signature counter if it is still ``seen``."""
        return self._submit(_advance_passkey, credential_id, seen, sign_count)


def _user(row: tuple[bytes, str]) -> User:
    return replace(_decode_user(row[0]), password_hash=row[1])


def _passkey(row: tuple[bytes, int]) -> Passkey:
    return replace(_decode_passkey(row[0]), sign_count=row[1])


def _add(cursor: sqlite3.Cursor, user: User) -> bool:
    # The hash stands in its column alone, so that replacing it leaves no copy behind.
    record = encode(replace(user, password_hash=""))
    return cursor.execute(ADD, (user.subject, user.username, user.password_hash, record)).rowcount == 1


def _remove(cursor: sqlite3.Cursor, username: str, now: float) -> bool:
    with all_or_nothing(cursor):
        row = cursor.execute(REMOVE, (now, username)).fetchone()
        if row is None:
            return False
        cursor.execute(REMOVE_PASSKEYS, row)
        cursor.execute(REVOKE_GRANTS, (now, *row))
        return True


def _replace_password_hash(cursor: sqlite3.Cursor, subject: str, old: str, new: str) -> bool:
    return cursor.execute(REPLACE_HASH, (new, subject, old)).rowcount == 1


def _add_passkey(cursor: sqlite3.Cursor, passkey: Passkey) -> bool:
    values = (passkey.credential_id, passkey.sign_count, passkey.created_at, encode(passkey), passkey.subject)
    return cursor.execute(ADD_PASSKEY, values).rowcount == 1


def _advance_passkey(cursor: sqlite3.Cursor, credential_id: bytes, seen: int, sign_count: int) -> bool:
    return cursor.execute(ADVANCE_PASSKEY, (sign_count, credential_id, seen)).rowcount == 1
