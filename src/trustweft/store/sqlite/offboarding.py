"""What ends with a client, a person or the server that is off-boarded: one transaction each, with counts for the receipt.

Pushed requests and interactions are found by reading them: they live for minutes, so that there are few, and an index
would cost every request a write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.server.records import Ended, Interaction, PushedRequest
from trustweft.store.sqlite.clients import remove_client
from trustweft.store.sqlite.part import Part
from trustweft.store.sqlite.users import REMOVE_PASSKEYS
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable

__all__ = ["Offboarding"]

# The record holds the name as it is: most of those that are somebody else's are passed over unread.
REQUESTS: Final = "SELECT digest, record FROM pushed_requests WHERE instr(record, ?)"
INTERACTIONS: Final = "SELECT digest, record FROM interactions WHERE instr(record, ?)"
DELETE_REQUEST: Final = "DELETE FROM pushed_requests WHERE digest = ?"
DELETE_INTERACTION: Final = "DELETE FROM interactions WHERE digest = ?"

_CLIENTS_GRANTS: Final = "(SELECT grant_id FROM grants WHERE client_id = ?)"
_USERS_GRANTS: Final = "(SELECT grant_id FROM grants WHERE subject = ?)"
COUNT_CLIENTS_CODES: Final = (
    f"SELECT count(*) FROM authorization_codes WHERE used_at IS NULL AND grant_id IN {_CLIENTS_GRANTS}"  # noqa: S608  # constants
)
COUNT_USERS_CODES: Final = (
    f"SELECT count(*) FROM authorization_codes WHERE used_at IS NULL AND grant_id IN {_USERS_GRANTS}"  # noqa: S608  # constants
)
DELETE_CLIENTS_CODES: Final = f"DELETE FROM authorization_codes WHERE grant_id IN {_CLIENTS_GRANTS}"  # noqa: S608  # constants
DELETE_USERS_CODES: Final = f"DELETE FROM authorization_codes WHERE grant_id IN {_USERS_GRANTS}"  # noqa: S608  # constants
DELETE_CLIENTS_TOKENS: Final = f"DELETE FROM refresh_tokens WHERE grant_id IN {_CLIENTS_GRANTS}"  # noqa: S608  # constants
DELETE_USERS_TOKENS: Final = f"DELETE FROM refresh_tokens WHERE grant_id IN {_USERS_GRANTS}"  # noqa: S608  # constants
REVOKE_CLIENTS_GRANTS: Final = "UPDATE grants SET revoked_at = ? WHERE client_id = ? AND revoked_at IS NULL"
REVOKE_USERS_GRANTS: Final = "UPDATE grants SET revoked_at = ? WHERE subject = ? AND revoked_at IS NULL"
REVOKE_ALL_GRANTS: Final = "UPDATE grants SET revoked_at = ? WHERE revoked_at IS NULL"
REMOVE_USER: Final = """UPDATE users SET record = NULL, password_hash = NULL, removed_at = ?
    WHERE subject = ? AND removed_at IS NULL"""

_decode_request = msgspec.msgpack.Decoder(PushedRequest).decode
_decode_interaction = msgspec.msgpack.Decoder(Interaction).decode


class Offboarding(Part):
    """Ends what is left of somebody; a second time finds nothing."""

    def end_client(self, client_id: str, *, now: float) -> asyncio.Future[Ended]:
        """Remove the client and all that it has here; its identifier stays taken."""
        return self._submit(_end_client, client_id, now)

    def end_user(self, subject: str, *, now: float) -> asyncio.Future[Ended]:
        """Remove the person and all that was granted in their name; the subject stays taken."""
        return self._submit(_end_user, subject, now)

    def end_server(self, *, now: float) -> asyncio.Future[Ended]:
        """Remove what is under way, and all that was granted, whoever has it; clients and people stay."""
        return self._submit(_end_server, now)


def _end_server(cursor: sqlite3.Cursor, now: float) -> Ended:
    with all_or_nothing(cursor):
        (codes,) = cursor.execute("SELECT count(*) FROM authorization_codes WHERE used_at IS NULL").fetchone()
        cursor.execute("DELETE FROM authorization_codes")
        return Ended(
            request_uris=cursor.execute("DELETE FROM pushed_requests").rowcount,
            interactions=cursor.execute("DELETE FROM interactions").rowcount,
            codes=codes,
            refresh_tokens=cursor.execute("DELETE FROM refresh_tokens").rowcount,
            grants=cursor.execute(REVOKE_ALL_GRANTS, (now,)).rowcount,
        )


def _end_client(cursor: sqlite3.Cursor, client_id: str, now: float) -> Ended:
    with all_or_nothing(cursor):
        requests = _delete_records(
            cursor,
            (REQUESTS, DELETE_REQUEST),
            client_id,
            lambda record: _decode_request(record).client_id == client_id,
        )
        interactions = _delete_records(
            cursor,
            (INTERACTIONS, DELETE_INTERACTION),
            client_id,
            lambda record: _decode_interaction(record).client_id == client_id,
        )
        (codes,) = cursor.execute(COUNT_CLIENTS_CODES, (client_id,)).fetchone()
        cursor.execute(DELETE_CLIENTS_CODES, (client_id,))
        tokens = cursor.execute(DELETE_CLIENTS_TOKENS, (client_id,)).rowcount
        grants = cursor.execute(REVOKE_CLIENTS_GRANTS, (now, client_id)).rowcount
        removed = remove_client(cursor, client_id, now)
    return Ended(
        request_uris=requests,
        interactions=interactions,
        codes=codes,
        refresh_tokens=tokens,
        grants=grants,
        registrations=int(removed),
    )


def _end_user(cursor: sqlite3.Cursor, subject: str, now: float) -> Ended:
    with all_or_nothing(cursor):
        interactions = _delete_records(
            cursor,
            (INTERACTIONS, DELETE_INTERACTION),
            subject,
            lambda record: _decode_interaction(record).subject == subject,
        )
        (codes,) = cursor.execute(COUNT_USERS_CODES, (subject,)).fetchone()
        cursor.execute(DELETE_USERS_CODES, (subject,))
        tokens = cursor.execute(DELETE_USERS_TOKENS, (subject,)).rowcount
        grants = cursor.execute(REVOKE_USERS_GRANTS, (now, subject)).rowcount
        cursor.execute(REMOVE_PASSKEYS, (subject,))
        cursor.execute(REMOVE_USER, (now, subject))
    return Ended(interactions=interactions, codes=codes, refresh_tokens=tokens, grants=grants)


def _delete_records(
    cursor: sqlite3.Cursor, statements: tuple[str, str], name: str, concerned: Callable[[bytes], bool]
) -> int:
    find, delete = statements
    found = [digest for digest, record in cursor.execute(find, (name.encode(),)) if concerned(record)]
    cursor.executemany(delete, [(digest,) for digest in found])
    return len(found)
