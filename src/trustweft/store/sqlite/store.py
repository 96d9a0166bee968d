"""The store as one object: all parts on one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from trustweft.store.migrate import migrate
from trustweft.store.sqlite.attempts import Attempts
from trustweft.store.sqlite.clients import Clients
from trustweft.store.sqlite.connection import connect_reader, connect_writer
from trustweft.store.sqlite.grants import Grants
from trustweft.store.sqlite.housekeeping import Housekeeping
from trustweft.store.sqlite.identifiers import Identifiers
from trustweft.store.sqlite.offboarding import Offboarding
from trustweft.store.sqlite.reader import Reader
from trustweft.store.sqlite.registrations import Registrations
from trustweft.store.sqlite.requests import Requests
from trustweft.store.sqlite.users import Users
from trustweft.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["SqliteStore"]

# Seconds that a write waits for another process's; our choice: longer than any commit, shorter than a browser waits.
BUSY_TIMEOUT: Final = 5.0
# Readers wait only while another process recovers the log after a crash; they do so in the event loop.
READER_TIMEOUT: Final = 1.0


class SqliteStore(
    Identifiers, Requests, Grants, Clients, Registrations, Users, Attempts, Offboarding, Housekeeping
):
    """Satisfies ``ServerStore`` on one SQLite file, which several processes may share.

    Belongs to the event loop in which it is first used, and to the process that opened it: open it after forking.
    """

    @classmethod
    def open(cls, path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> Self:
        """Open the file, made or brought up to date where needed.

        Raises:
            StoreFileError: the file cannot be used as a store; the message says why.
        """
        migrate(path)
        reader = Reader(connect_reader(path, busy_timeout=READER_TIMEOUT))
        try:
            writer = Writer(connect_writer(path, busy_timeout=busy_timeout), busy_timeout=busy_timeout)
        except BaseException:
            reader.close()
            raise
        return cls(writer=writer, reader=reader)

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
