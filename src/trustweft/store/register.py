"""Where the directory's events are kept: a SQLite file of their own, or memory; both satisfy ``RegisterStore``.

The file holds one table that is only ever appended to. Everything else that the directory knows is folded from it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from trustweft.directory.events import decode_event, encode_event
from trustweft.directory.storage import Append
from trustweft.store.single_file import FileKind, open_file
from trustweft.store.sqlite.writer import all_or_nothing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from trustweft.directory.events import Event
    from trustweft.store.sqlite.reader import Reader
    from trustweft.store.sqlite.writer import Writer

__all__ = ["MemoryRegisterStore", "SqliteRegisterStore"]

# Seconds, as in the server's store.
_BUSY_TIMEOUT: Final = 5.0

_KIND: Final = FileKind(
    title="the store of a directory",
    application=0x54576472,  # "TWdr"
    version=1,
    schema=(
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY, event BLOB NOT NULL) STRICT",
        # Nobody takes an event back, by mistake or with a statement of their own.
        "CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END",
        "CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END",
    ),
)


class MemoryRegisterStore:
    """Keeps the events of one process, for tests and for those who embed: forgets everything at exit."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def append(self, events: Sequence[Event], *, expected: int) -> asyncio.Future[Append]:
        """Add events right after ``expected`` when called, all or none."""
        _check_order(events, expected)
        future: asyncio.Future[Append] = asyncio.get_running_loop().create_future()
        if len(self._events) == expected:
            self._events += events
            future.set_result(Append.DONE)
        else:
            future.set_result(Append.BEHIND)
        return future

    async def since(self, sequence: int, *, limit: int) -> tuple[Event, ...]:
        """Return up to ``limit`` events that come after ``sequence``."""
        return tuple(self._events[sequence : sequence + limit])

    async def close(self) -> None:
        """Nothing is left to do."""


class SqliteRegisterStore:
    """Keeps the events in one file, which several processes may share; a commit is on the disk before it is told."""

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

    def append(self, events: Sequence[Event], *, expected: int) -> asyncio.Future[Append]:
        """Add events right after ``expected``, all or none; done once they are durable."""
        _check_order(events, expected)
        rows = [(event.sequence, encode_event(event)) for event in events]
        return self._writer.submit(_append, rows, expected)

    async def since(self, sequence: int, *, limit: int) -> tuple[Event, ...]:
        """Return up to ``limit`` committed events that come after ``sequence``."""
        rows = self._reader.all(
            "SELECT event FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, limit)
        )
        return tuple(decode_event(event) for (event,) in rows)

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


def _check_order(events: Sequence[Event], expected: int) -> None:
    if not events or [each.sequence for each in events] != list(
        range(expected + 1, expected + 1 + len(events))
    ):
        raise ValueError(f"these events do not follow event {expected}")


def _append(cursor: sqlite3.Cursor, rows: list[tuple[int, bytes]], expected: int) -> Append:
    (last,) = cursor.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()
    if last != expected:
        return Append.BEHIND
    with all_or_nothing(cursor):
        cursor.executemany("INSERT INTO events VALUES (?, ?)", rows)
    return Append.DONE
