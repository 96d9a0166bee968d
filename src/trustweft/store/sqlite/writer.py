"""Writes are carried out where they are called, and committed in groups by a thread.

An operation is queued when it is called. While one batch commits, the next one collects, and goes on to collect as
long as every turn of the loop adds to it; each batch is one transaction and one sync of the disk, and a caller hears
of its operation only after that commit. An operation that fails does so alone: its neighbours in the batch are
carried out.

The statements of a batch run in the event loop: they touch memory only and take microseconds, less than handing
each of them to a thread. What may wait runs in the thread: the commit, which syncs the disk, and whatever meets
another process's lock or has to be taken back. Loop and thread never use the connection at the same time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, TypeVarTuple

from trustweft.store.errors import unavailable
from trustweft.store.sqlite.connection import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LARGEST_BATCH", "Writer", "all_or_nothing"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Our choice: bounds how long the loop is kept, and how long the first caller of a batch waits for the last one.
LARGEST_BATCH: Final = 256
# A request takes two turns of the loop from its socket to its first write: one reads it, the next one runs its task.
QUIET_TURNS: Final = 2

# What is queued: who waits, what to do, with what. A plain tuple: this is built for every write.
_Operation = tuple["asyncio.Future[Any]", "Callable[..., Any]", tuple[Any, ...]]


class _Failed(NamedTuple):
    """The outcome of an operation that was not carried out."""

    why: Exception


class _Batch(NamedTuple):
    """What the thread is handed: outcomes where only the commit is missing, None where nothing is done yet."""

    operations: list[_Operation]
    outcomes: list[Any] | None


@contextmanager
def all_or_nothing(cursor: sqlite3.Cursor) -> Iterator[None]:
    """Make several statements of one operation succeed or fail together, apart from the rest of the batch."""
    cursor.execute("SAVEPOINT operation")
    try:
        yield
    except BaseException:
        if cursor.connection.in_transaction:
            cursor.execute("ROLLBACK TO operation")
            cursor.execute("RELEASE operation")
        raise
    cursor.execute("RELEASE operation")


class Writer:
    """Owns the connection that writes, and the thread that commits.

    Args:
        connection: waits for no lock by itself.
        busy_timeout: seconds that the thread waits for another process's lock.
    """

    def __init__(self, connection: sqlite3.Connection, *, busy_timeout: float) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._patience = f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}"
        self._waiting: list[_Operation] = []
        self._busy = False  # a batch is about to begin, or the thread has one
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Future[None] | None = None
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        # A daemon: a process that ends without closing loses what nobody was told of, and nothing else.
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[sqlite3.Cursor, *Ts], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Queue ``operation`` now; the future is done once it is durable, even if nobody waits any more.

        Raises:
            Reject: ``store.unavailable``, the store is closed.
        """
        if self._closed is not None:
            raise unavailable("the store is closed")
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((future, operation, arguments))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._collect, loop)
        return future

    async def close(self) -> None:
        """Carry out everything that was queued, then end the thread and the connection."""
        if self._closed is None:
            self._loop = asyncio.get_running_loop()
            self._closed = self._loop.create_future()
            if not self._busy:
                self._batches.put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    def _collect(self, loop: asyncio.AbstractEventLoop, seen: int = 0, quiet: int = 0) -> None:
        """Begin a batch once nobody joins it any more: a commit costs the same, however many share it."""
        waiting = len(self._waiting)
        quiet = 0 if waiting > seen else quiet + 1
        if quiet == QUIET_TURNS or waiting >= LARGEST_BATCH:
            self._begin()
        else:
            loop.call_soon(self._collect, loop, waiting, quiet)

    def _begin(self) -> None:
        """Carry out what is waiting, and hand it to the thread for its commit."""
        operations, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
        self._batches.put(_Batch(operations, self._try(operations)))

    def _try(self, operations: list[_Operation]) -> list[Any] | None:
        """Return the outcomes, not committed yet; None where the thread must begin anew, with more patience."""
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            return self._transact(operations)
        except Exception:  # noqa: BLE001  # the thread meets it again, and tells whom it concerns
            self._take_back()
            return None

    def _end(self, operations: list[_Operation], outcomes: list[Any]) -> None:
        """Tell every caller of a batch, and see to the next one."""
        if self._waiting:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._collect, loop)
        else:
            self._busy = False
            if self._closed is not None:
                self._batches.put(None)
        for (future, _, _), outcome in zip(operations, outcomes, strict=True):
            if future.done():  # cancelled: the operation stands, but nobody waits
                continue
            if type(outcome) is _Failed:
                future.set_exception(outcome.why)
            else:
                future.set_result(outcome)

    # What follows runs in the thread, while the loop leaves the connection alone.

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            _tell(batch.operations[0][0].get_loop(), self._end, batch.operations, self._commit(batch))
        self._connection.close()
        if self._closed is not None:
            _tell(self._closed.get_loop(), self._closed.set_result, None)

    def _commit(self, batch: _Batch) -> list[Any]:
        """Return the outcome of each operation; whatever happens, the thread lives on and nobody waits in vain."""
        if batch.outcomes is not None:
            try:
                self._cursor.execute("COMMIT")
            except Exception:  # noqa: BLE001  # met again by the one who is at fault
                self._take_back()
            else:
                return batch.outcomes
        try:
            self._cursor.execute(self._patience)
            return self._carry_out(batch.operations)
        finally:
            with suppress(sqlite3.Error):
                self._cursor.execute("PRAGMA busy_timeout = 0")

    def _carry_out(self, operations: list[_Operation]) -> list[Any]:
        """Return the outcomes, committed: all in one transaction or, where that fails, each in its own."""
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except Exception as cause:  # noqa: BLE001  # told to every caller
            # Another process holds the lock, or the file is away: trying one by one would only wait longer.
            return [_Failed(explain(cause)) for _ in operations]
        try:
            outcomes = self._transact(operations)
            self._cursor.execute("COMMIT")
        except Exception as cause:  # noqa: BLE001  # told to the one who is at fault
            self._take_back()
            if len(operations) == 1:
                return [_Failed(explain(cause))]
            # Nothing of the batch is in the store: each operation gets a transaction of its own.
            return [outcome for operation in operations for outcome in self._carry_out([operation])]
        return outcomes

    # What follows runs in either.

    def _transact(self, operations: list[_Operation]) -> list[Any]:
        """Run the operations in the open transaction; raise what made SQLite take it back."""
        cursor = self._cursor
        outcomes: list[Any] = []
        for _, operation, arguments in operations:
            try:
                outcomes.append(operation(cursor, *arguments))
            except Exception as cause:
                if not self._connection.in_transaction:
                    raise
                outcomes.append(_Failed(explain(cause)))
        return outcomes

    def _take_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.rollback()


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[*Ts], object], *arguments: *Ts) -> None:
    # A loop that is closed has nobody left who could be told.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *arguments)
