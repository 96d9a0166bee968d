"""Grants, and what hangs off them: codes, refresh tokens, access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from trustweft.server.records import AuthorizationCode, Grant, Redemption, RefreshToken, TokenStatus
from trustweft.store.sqlite.part import Part, encode

if TYPE_CHECKING:
    import asyncio
    import sqlite3

__all__ = ["Grants"]

# A grant of a client or person who was removed meanwhile is born revoked.
SAVE_GRANT: Final = """
    INSERT INTO grants (grant_id, client_id, subject, expires_at, record, revoked_at)
    VALUES (?, ?, ?, ?, ?, coalesce(
        ?,
        (SELECT removed_at FROM clients WHERE client_id = ?),
        (SELECT removed_at FROM users WHERE subject = ?)))"""
FIND_GRANT: Final = "SELECT record, revoked_at FROM grants WHERE grant_id = ?"
REVOKE_GRANT: Final = "UPDATE grants SET revoked_at = ? WHERE grant_id = ? AND revoked_at IS NULL"

SAVE_CODE: Final = """
    INSERT INTO authorization_codes (digest, grant_id, expires_at, kept_until, record) VALUES (?, ?, ?, ?, ?)"""
FIND_CODE: Final = "SELECT record, used_at FROM authorization_codes WHERE digest = ?"
REDEEM_CODE: Final = """UPDATE authorization_codes SET used_at = ?
    WHERE digest = ? AND used_at IS NULL AND expires_at > ?"""
WAS_USED: Final = "SELECT 1 FROM authorization_codes WHERE digest = ? AND used_at IS NOT NULL"

SAVE_REFRESH: Final = """
    INSERT INTO refresh_tokens (digest, grant_id, expires_at, record) VALUES (?, ?, ?, ?)"""
FIND_REFRESH: Final = "SELECT record, expires_at FROM refresh_tokens WHERE digest = ? AND expires_at > ?"
SHORTEN_REFRESH: Final = "UPDATE refresh_tokens SET expires_at = ? WHERE digest = ? AND expires_at > ?"

REVOKE_ACCESS: Final = """
    INSERT INTO revoked_access_tokens (jti, expires_at) VALUES (?, ?)
    ON CONFLICT (jti) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)"""
# Everything that the token depends on must be there and good; what is unknown is not.
IS_ACTIVE: Final = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM revoked_access_tokens WHERE jti = ?)
    AND EXISTS (SELECT 1 FROM clients WHERE client_id = ? AND removed_at IS NULL)
    AND (? IS NULL
         OR EXISTS (SELECT 1 FROM grants WHERE grant_id = ? AND revoked_at IS NULL AND expires_at > ?))"""

_decode_grant = msgspec.msgpack.Decoder(Grant).decode
_decode_code = msgspec.msgpack.Decoder(AuthorizationCode).decode
_decode_refresh_token = msgspec.msgpack.Decoder(RefreshToken).decode


class Grants(Part):
    """Knows what was granted, and what of it is still good."""

    def save_grant(self, grant: Grant) -> asyncio.Future[None]:
        """Keep a new grant; one of a removed client or user is born revoked."""
        return self._submit(_save_grant, grant)

    async def find_grant(self, grant_id: str) -> Grant | None:
        """Return the grant, revoked ones included."""
        row = self._one(FIND_GRANT, (grant_id,))
        if row is None:
            return None
        grant, revoked_at = _decode_grant(row[0]), row[1]
        return grant if revoked_at is None else replace(grant, revoked_at=revoked_at)

    def revoke_grant(self, grant_id: str, *, now: float) -> asyncio.Future[bool]:
        """Revoke the grant."""
        return self._submit(_revoke_grant, grant_id, now)

    def save_code(self, digest: bytes, code: AuthorizationCode) -> asyncio.Future[None]:
        """Keep a new authorization code."""
        return self._submit(_save_code, digest, code, encode(code))

    async def find_code(self, digest: bytes) -> AuthorizationCode | None:
        """Return what the code stands for, used or not."""
        row = self._one(FIND_CODE, (digest,))
        if row is None:
            return None
        code, used_at = _decode_code(row[0]), row[1]
        return code if used_at is None else replace(code, used=True)

    def redeem_code(self, digest: bytes, *, now: float) -> asyncio.Future[Redemption]:
        """Spend the code."""
        return self._submit(_redeem_code, digest, now)

    def save_refresh_token(self, digest: bytes, token: RefreshToken) -> asyncio.Future[None]:
        """Keep a new refresh token."""
        return self._submit(_save_refresh_token, digest, token, encode(token))

    async def find_refresh_token(self, digest: bytes, *, now: float) -> RefreshToken | None:
        """Return the refresh token if it has not expired."""
        row = self._one(FIND_REFRESH, (digest, now))
        if row is None:
            return None
        token, expires_at = _decode_refresh_token(row[0]), row[1]
        return token if expires_at == token.expires_at else replace(token, expires_at=expires_at)

    def shorten_refresh_token(self, digest: bytes, *, until: float) -> asyncio.Future[None]:
        """Let the refresh token end sooner."""
        return self._submit(_shorten_refresh_token, digest, until)

    def revoke_access_token(self, jti: str, *, expires_at: float) -> asyncio.Future[None]:
        """Remember until it expires that this access token is revoked."""
        return self._submit(_revoke_access_token, jti, expires_at)

    async def access_token_status(
        self, *, jti: str, grant_id: str | None, client_id: str, now: float
    ) -> TokenStatus:
        """Say whether token, grant and client are all still good; what is unknown is not."""
        row = self._one(IS_ACTIVE, (jti, client_id, grant_id, grant_id, now))
        return TokenStatus.REVOKED if row is None else TokenStatus.ACTIVE


def _save_grant(cursor: sqlite3.Cursor, grant: Grant) -> None:
    identity = (grant.grant_id, grant.client_id, grant.subject)
    removal = (grant.revoked_at, grant.client_id, grant.subject)
    cursor.execute(SAVE_GRANT, (*identity, grant.expires_at, encode(grant), *removal))


def _revoke_grant(cursor: sqlite3.Cursor, grant_id: str, now: float) -> bool:
    return cursor.execute(REVOKE_GRANT, (now, grant_id)).rowcount == 1


def _save_code(cursor: sqlite3.Cursor, digest: bytes, code: AuthorizationCode, record: bytes) -> None:
    cursor.execute(SAVE_CODE, (digest, code.grant_id, code.expires_at, code.kept_until, record))


def _redeem_code(cursor: sqlite3.Cursor, digest: bytes, now: float) -> Redemption:
    if cursor.execute(REDEEM_CODE, (now, digest, now)).rowcount:
        return Redemption.REDEEMED
    used = cursor.execute(WAS_USED, (digest,)).fetchone()
    return Redemption.UNKNOWN if used is None else Redemption.ALREADY_USED


def _save_refresh_token(cursor: sqlite3.Cursor, digest: bytes, token: RefreshToken, record: bytes) -> None:
    cursor.execute(SAVE_REFRESH, (digest, token.grant_id, token.expires_at, record))


def _shorten_refresh_token(cursor: sqlite3.Cursor, digest: bytes, until: float) -> None:
    cursor.execute(SHORTEN_REFRESH, (until, digest, until))


def _revoke_access_token(cursor: sqlite3.Cursor, jti: str, expires_at: float) -> None:
    cursor.execute(REVOKE_ACCESS, (jti, expires_at))
