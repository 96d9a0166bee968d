"""One thread writes, and commits in groups.

An operation is queued when it is called. While one batch commits, the next one collects; each batch is one
transaction and one sync of the disk, and a caller hears of its operation only after that commit. An operation that
fails does so alone: its neighbours in the batch are carried out.
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

# Our choice: bounds how long the first caller of a batch waits for the last one's statement.
LARGEST_BATCH: Final = 512

# What is queued: who waits, what to do, with what. A plain tuple: this is built for every write.
_Operation = tuple["asyncio.Future[Any]", "Callable[..., Any]", tuple[Any, ...]]


class _Failed(NamedTuple):
    """The outcome of an operation that was not carried out."""

    why: Exception


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
    """Owns the connection that writes, and the thread that uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._queue: SimpleQueue[_Operation | None] = SimpleQueue()
        self._put = self._queue.put
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed: asyncio.Future[None] | None = None
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
        self._put((future, operation, arguments))
        return future

    async def close(self) -> None:
        """Carry out everything that was queued, then end the thread and the connection."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
            self._put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    # What follows runs in the thread.

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            batch = [self._queue.get()]
            # This thread alone takes from the queue, so what is counted is there.
            batch += [self._queue.get() for _ in range(min(self._queue.qsize(), LARGEST_BATCH - 1))]
            open_for_more = batch[-1] is not None
            operations = [operation for operation in batch if operation is not None]
            if operations:
                outcomes = self._carry_out(operations)
                _tell(operations[0][0].get_loop(), _settle, operations, outcomes)
        self._connection.close()
        if self._closed is not None:
            _tell(self._closed.get_loop(), self._closed.set_result, None)

    def _carry_out(self, operations: list[_Operation]) -> list[Any]:
        """Return the outcome of each operation; whatever happens, the thread lives on and nobody waits in vain."""
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except Exception as cause:  # noqa: BLE001  # told to every caller
            # Another process holds the lock, or the file is away: trying one by one would only wait longer.
            return [_Failed(explain(cause)) for _ in operations]
        try:
            outcomes = self._transact(operations)
            self._cursor.execute("COMMIT")
        except Exception as cause:  # noqa: BLE001  # told to the one who is at fault
            with suppress(sqlite3.Error):
                self._connection.rollback()
            if len(operations) == 1:
                return [_Failed(explain(cause))]
            # Nothing of the batch is in the store: each operation gets a transaction of its own.
            return [outcome for operation in operations for outcome in self._carry_out([operation])]
        return outcomes

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


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[*Ts], object], *arguments: *Ts) -> None:
    # A loop that is closed has nobody left who could be told.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *arguments)


def _settle(operations: list[_Operation], outcomes: list[Any]) -> None:
    """Tell every caller of a batch, in the event loop."""
    for (future, _, _), outcome in zip(operations, outcomes, strict=True):
        if future.done():  # cancelled: the operation stands, but nobody waits
            continue
        if type(outcome) is _Failed:
            future.set_exception(outcome.why)
        else:
            future.set_result(outcome)
