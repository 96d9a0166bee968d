"""Where the console's accounts are kept: a SQLite file, which the running directory and commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from trustweft.directory.people import Invitation, Invited, Person, PersonPasskey, Removed
from trustweft.store.single_file import FileKind, open_file
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from pathlib import Path
    from types import TracebackType

    from trustweft.directory.people import Ceremony, Session
    from trustweft.store.sqlite.reader import Reader
    from trustweft.store.sqlite.writer import Writer

__all__ = ["SqliteConsoleStore"]

# Seconds, as in the server's store.
_BUSY_TIMEOUT: Final = 5.0

_KIND: Final = FileKind(
    title="the accounts of a directory's console",
    application=0x5457636F,  # "TWco"
    version=1,
    schema=(
        """CREATE TABLE person (name TEXT PRIMARY KEY, part TEXT NOT NULL, organisation TEXT, handle TEXT NOT NULL
        UNIQUE, vouched_by TEXT NOT NULL, created_at REAL NOT NULL, removed_at REAL) STRICT""",
        """CREATE TABLE invitation (name TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, part TEXT NOT NULL,
        organisation TEXT, handle TEXT NOT NULL, vouched_by TEXT NOT NULL, invited_by TEXT NOT NULL,
        expires_at REAL NOT NULL, again INTEGER NOT NULL) STRICT""",
        """CREATE TABLE passkey (credential_id BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES person (name),
        public_key BLOB NOT NULL, sign_count INTEGER NOT NULL, created_at REAL NOT NULL) STRICT""",
        "CREATE INDEX passkey_name ON passkey (name)",
        """CREATE TABLE session (digest BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES person (name),
        seen_at REAL NOT NULL, expires_at REAL NOT NULL, idle REAL NOT NULL) STRICT""",
        "CREATE INDEX session_name ON session (name)",
        "CREATE TABLE ceremony (digest BLOB PRIMARY KEY, challenge TEXT NOT NULL, expires_at REAL NOT NULL) STRICT",
        "CREATE INDEX ceremony_expires_at ON ceremony (expires_at)",
        "CREATE TABLE attempt (key BLOB PRIMARY KEY, number INTEGER NOT NULL, window_ends REAL NOT NULL) STRICT",
        "CREATE INDEX attempt_window_ends ON attempt (window_ends)",
    ),
)


class SqliteConsoleStore:
    """Satisfies ``ConsoleStore`` with one file, which several processes may share."""

    def __init__(self, *, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    @classmethod
    def open(cls, path: Path, *, busy_timeout: float = _BUSY_TIMEOUT) -> Self:
        """Open the file (mode 0600), made where there is none.

        Raises:
            StoreFileError: the file cannot be used for this; the message says why.
        """
        writer, reader = open_file(path, _KIND, busy_timeout=busy_timeout)
        return cls(writer=writer, reader=reader)

    # Invitations.

    def invite(self, invitation: Invitation) -> asyncio.Future[Invited]:
        """Keep an invitation in place of an earlier one for the same name."""
        return self._writer.submit(_invite, invitation)

    async def find_invitation(self, digest: bytes, *, now: float) -> Invitation | None:
        """Return an invitation that is still good."""
        row = self._reader.one("SELECT * FROM invitation WHERE digest = ? AND expires_at > ?", (digest, now))
        return _invitation(row) if row else None

    async def invitations(self, *, now: float) -> tuple[Invitation, ...]:
        """Return those that are still good, by name."""
        rows = self._reader.all("SELECT * FROM invitation WHERE expires_at > ? ORDER BY name", (now,))
        return tuple(map(_invitation, rows))

    def enrol(self, digest: bytes, passkey: PersonPasskey, *, now: float) -> asyncio.Future[Person | None]:
        """Use an invitation up, for an account and its passkey."""
        return self._writer.submit(_enrol, digest, passkey, now)

    # Ceremonies.

    def open_ceremony(self, ceremony: Ceremony, *, now: float) -> asyncio.Future[None]:
        """Keep a question in place of an earlier one of the same browser."""
        return self._writer.submit(_open_ceremony, ceremony, now)

    def close_ceremony(self, digest: bytes, *, now: float) -> asyncio.Future[str | None]:
        """Take the question away and return its challenge."""
        return self._writer.submit(_close_ceremony, digest, now)

    # People and their passkeys.

    async def find_passkey(self, credential_id: bytes) -> PersonPasskey | None:
        """Return a passkey; those of removed people are gone."""
        row = self._reader.one(
            "SELECT credential_id, name, public_key, sign_count, created_at FROM passkey WHERE credential_id = ?",
            (credential_id,),
        )
        if row is None:
            return None
        identifier, name, public_key, sign_count, created_at = row
        return PersonPasskey(
            credential_id=identifier,
            name=name,
            public_key=public_key,
            sign_count=sign_count,
            created_at=created_at,
        )

    async def find_person(self, name: str) -> Person | None:
        """Return a person, removed ones too."""
        row = self._reader.one("SELECT * FROM person WHERE name = ?", (name,))
        return _person(row) if row else None

    async def people(self) -> tuple[Person, ...]:
        """Return everybody who ever had an account, by name."""
        return tuple(map(_person, self._reader.all("SELECT * FROM person ORDER BY name")))

    def remove(self, name: str, *, now: float) -> asyncio.Future[Removed]:
        """Take an account away with all that hangs off it, unless it is the last operator's."""
        return self._writer.submit(_remove, name, now)

    # Sessions.

    def sign_in(
        self, session: Session, *, credential_id: bytes, seen: int, sign_count: int
    ) -> asyncio.Future[bool]:
        """Advance the passkey's counter and begin a session, both or neither."""
        return self._writer.submit(_sign_in, session, credential_id, seen, sign_count)

    async def find_session(self, digest: bytes, *, now: float) -> Person | None:
        """Return who is signed in."""
        row = self._reader.one(
            "SELECT person.* FROM session JOIN person ON person.name = session.name "
            "WHERE digest = ?1 AND expires_at > ?2 AND seen_at + idle > ?2 AND removed_at IS NULL",
            (digest, now),
        )
        return _person(row) if row else None

    def touch(self, digest: bytes, *, now: float) -> asyncio.Future[None]:
        """Note that a session is used; the clock of another process may be behind."""
        return self._writer.submit(_touch, digest, now)

    def sign_out(self, digest: bytes) -> asyncio.Future[None]:
        """End a session."""
        return self._writer.submit(_sign_out, digest)

    def count_attempt(self, key: bytes, *, window_ends: float, now: float) -> asyncio.Future[int]:
        """Count one more attempt, and forget those whose window is over."""
        return self._writer.submit(_count_attempt, key, window_ends, now)

    async def close(self) -> None:
        """Carry out everything that was queued, then close the file."""
        await self._writer.close()
        self._reader.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _person(row: tuple[Any, ...]) -> Person:
    name, part, organisation, handle, vouched_by, created_at, removed_at = row
    return Person(
        name=name,
        part=part,
        organisation=organisation,
        handle=handle,
        vouched_by=vouched_by,
        created_at=created_at,
        removed_at=removed_at,
    )


def _invitation(row: tuple[Any, ...]) -> Invitation:
    name, digest, part, organisation, handle, vouched_by, invited_by, expires_at, again = row
    return Invitation(
        digest=digest,
        name=name,
        part=part,
        organisation=organisation,
        handle=handle,
        vouched_by=vouched_by,
        invited_by=invited_by,
        expires_at=expires_at,
        again=bool(again),
    )


# What follows runs in a transaction that the writer began.


def _invite(cursor: sqlite3.Cursor, invitation: Invitation) -> Invited:
    held = cursor.execute(
        "SELECT part, organisation, handle, removed_at FROM person WHERE name = ?", (invitation.name,)
    ).fetchone()
    handle = invitation.handle
    if invitation.again:
        if held is None or (*held[:2], held[3]) != (invitation.part, invitation.organisation, None):
            return Invited.TAKEN
        handle = held[2]  # one person's passkeys are filed together
    elif held is not None:
        return Invited.TAKEN
    cursor.execute(
        "INSERT OR REPLACE INTO invitation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            invitation.name,
            invitation.digest,
            invitation.part,
            invitation.organisation,
            handle,
            invitation.vouched_by,
            invitation.invited_by,
            invitation.expires_at,
            int(invitation.again),
        ),
    )
    return Invited.DONE


def _enrol(cursor: sqlite3.Cursor, digest: bytes, passkey: PersonPasskey, now: float) -> Person | None:
    with all_or_nothing(cursor):
        known = cursor.execute(
            "SELECT 1 FROM passkey WHERE credential_id = ?", (passkey.credential_id,)
        ).fetchone()
        if known is not None:  # somebody's already: the link stays as it is
            return None
        row = cursor.execute(
            "DELETE FROM invitation WHERE digest = ? AND expires_at > ? RETURNING *",
            (digest, now),
        ).fetchone()
        if row is None:
            return None
        invitation = _invitation(row)
        if not invitation.again:
            cursor.execute(
                "INSERT INTO person (name, part, organisation, handle, vouched_by, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    invitation.name,
                    invitation.part,
                    invitation.organisation,
                    invitation.handle,
                    invitation.vouched_by,
                    now,
                ),
            )
        cursor.execute(
            "INSERT INTO passkey (credential_id, name, public_key, sign_count, created_at) VALUES (?, ?, ?, ?, ?)",
            (passkey.credential_id, invitation.name, passkey.public_key, passkey.sign_count, now),
        )
        found = cursor.execute("SELECT * FROM person WHERE name = ?", (invitation.name,)).fetchone()
    return _person(found)


def _open_ceremony(cursor: sqlite3.Cursor, ceremony: Ceremony, now: float) -> None:
    cursor.execute("DELETE FROM ceremony WHERE expires_at <= ?", (now,))
    cursor.execute(
        "INSERT OR REPLACE INTO ceremony (digest, challenge, expires_at) VALUES (?, ?, ?)",
        (ceremony.digest, ceremony.challenge, ceremony.expires_at),
    )


def _close_ceremony(cursor: sqlite3.Cursor, digest: bytes, now: float) -> str | None:
    row = cursor.execute(
        "DELETE FROM ceremony WHERE digest = ? RETURNING challenge, expires_at", (digest,)
    ).fetchone()
    if row is None:
        return None
    challenge, expires_at = row
    return str(challenge) if expires_at > now else None


def _sign_in(
    cursor: sqlite3.Cursor, session: Session, credential_id: bytes, seen: int, sign_count: int
) -> bool:
    with all_or_nothing(cursor):
        advanced = cursor.execute(
            "UPDATE passkey SET sign_count = ? WHERE credential_id = ? AND name = ? AND sign_count = ?",
            (sign_count, credential_id, session.name, seen),
        )
        if advanced.rowcount != 1:
            return False
        cursor.execute("DELETE FROM session WHERE expires_at <= ?", (session.seen_at,))
        cursor.execute(
            "INSERT INTO session (digest, name, seen_at, expires_at, idle) VALUES (?, ?, ?, ?, ?)",
            (session.digest, session.name, session.seen_at, session.expires_at, session.idle),
        )
    return True


def _touch(cursor: sqlite3.Cursor, digest: bytes, now: float) -> None:
    # A session that is over stays so, whoever touches it late.
    cursor.execute(
        "UPDATE session SET seen_at = max(seen_at, ?2) WHERE digest = ?1 AND seen_at + idle > ?2",
        (digest, now),
    )


def _sign_out(cursor: sqlite3.Cursor, digest: bytes) -> None:
    cursor.execute("DELETE FROM session WHERE digest = ?", (digest,))


def _remove(cursor: sqlite3.Cursor, name: str, now: float) -> Removed:
    with all_or_nothing(cursor):
        row = cursor.execute("SELECT part, removed_at FROM person WHERE name = ?", (name,)).fetchone()
        invited = cursor.execute("DELETE FROM invitation WHERE name = ?", (name,)).rowcount
        if row is None or row[1] is not None:
            return Removed.DONE if invited else Removed.UNKNOWN
        (operators,) = cursor.execute(
            "SELECT count(*) FROM person WHERE part = 'operator' AND removed_at IS NULL"
        ).fetchone()
        if row[0] == "operator" and operators == 1:
            return Removed.LAST
        cursor.execute("UPDATE person SET removed_at = ? WHERE name = ?", (now, name))
        cursor.execute("DELETE FROM invitation WHERE invited_by = ?", (name,))
        cursor.execute("DELETE FROM passkey WHERE name = ?", (name,))
        cursor.execute("DELETE FROM session WHERE name = ?", (name,))
    return Removed.DONE


def _count_attempt(cursor: sqlite3.Cursor, key: bytes, window_ends: float, now: float) -> int:
    cursor.execute("DELETE FROM attempt WHERE window_ends <= ?", (now,))
    (number,) = cursor.execute(
        "INSERT INTO attempt (key, number, window_ends) VALUES (?, 1, ?) "
        "ON CONFLICT (key) DO UPDATE SET number = number + 1 RETURNING number",
        (key, window_ends),
    ).fetchone()
    return int(number)
