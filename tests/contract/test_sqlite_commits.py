"""Group commit on SQLite: one transaction for many callers, and each of them on its own."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

import pytest

from contract.samples import (
    LATER,
    NOW,
    code,
    digest,
    grant,
    interaction,
    passkey,
    pushed_request,
    user,
)
from trustweft.runtime.errors import Reject
from trustweft.server.records import Freshness
from trustweft.store.errors import StoreConflictError
from trustweft.store.sqlite import SqliteStore
from trustweft.store.sqlite.writer import LARGEST_BATCH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class HeldCommit:
    """A commit that the thread is held at, and what it ran since."""

    reached: Event
    seen: list[str]


@contextmanager
def held_commit(store: SqliteStore) -> Iterator[HeldCommit]:
    """Hold the thread at its next commit until the block ends.

    The connection is watched from then on: changing that would wait for the thread, which waits for this one.
    """
    held, gate = HeldCommit(Event(), []), Event()

    def hold(statement: str) -> None:
        held.seen.append(statement)
        if statement == "COMMIT" and not held.reached.is_set():
            held.reached.set()
            assert gate.wait(timeout=10)

    store._writer._connection.set_trace_callback(hold)
    try:
        yield held
    finally:
        gate.set()


@contextmanager
def statements(store: SqliteStore) -> Iterator[list[str]]:
    """Collect what the writer runs."""
    seen: list[str] = []
    store._writer._connection.set_trace_callback(seen.append)
    yield seen
    store._writer._connection.set_trace_callback(None)


async def outcome(operation: Awaitable[object]) -> object:
    """Return what the operation gives, or the exception it raises."""
    try:
        return await operation
    except (Reject, StoreConflictError, ValueError) as failure:
        return failure.reason.id if isinstance(failure, Reject) else type(failure)


async def run(store: SqliteStore, statement: str) -> None:
    """Run a statement as an operation of its own."""

    def operation(cursor: sqlite3.Cursor) -> None:
        cursor.execute(statement)

    await store._writer.submit(operation)


def remember(store: SqliteStore, key: bytes) -> asyncio.Future[Freshness]:
    return store.remember_jti(space="a", key=key, expires_at=LATER)


async def test_operations_that_meet_share_one_commit(sqlite: SqliteStore) -> None:
    """A hundred callers, one transaction; a batch that is too large is divided."""
    with statements(sqlite) as seen:
        pending = [remember(sqlite, b"%d" % number) for number in range(100)]
        assert [await operation for operation in pending] == [Freshness.FRESH] * 100
        assert seen.count("COMMIT") == 1
        seen.clear()
        pending = [remember(sqlite, b"+%d" % number) for number in range(LARGEST_BATCH + 1)]
        await asyncio.gather(*pending)
        assert seen.count("COMMIT") == 2


async def test_a_commit_waits_while_others_join_it(sqlite: SqliteStore) -> None:
    """Ten callers in ten turns of the loop share one commit, and it does not wait for those who come later."""
    with statements(sqlite) as seen:
        pending = []
        for number in range(10):
            pending.append(remember(sqlite, b"%d" % number))
            await asyncio.sleep(0)
        assert await asyncio.gather(*pending) == [Freshness.FRESH] * 10
        assert seen.count("COMMIT") == 1
        await remember(sqlite, b"later")
        assert seen.count("COMMIT") == 2


async def test_operations_collect_while_a_commit_is_under_way(sqlite: SqliteStore) -> None:
    """Whoever comes during a commit shares the next one, whatever turn of the loop it is called in."""
    with held_commit(sqlite) as held:
        first = remember(sqlite, b"first")
        assert await asyncio.to_thread(held.reached.wait, 10)
        pending = []
        for number in range(10):
            pending.append(remember(sqlite, b"%d" % number))
            await asyncio.sleep(0)
        assert not first.done()
    assert await asyncio.gather(first, *pending) == [Freshness.FRESH] * 11
    assert held.seen.count("COMMIT") == 2  # the one that was held, and one for all that came meanwhile


async def test_operations_are_carried_out_in_the_order_of_their_calls(sqlite: SqliteStore) -> None:
    """A code may be saved right after its grant, without waiting for it."""
    granted, saved = sqlite.save_grant(grant()), sqlite.save_code(digest("code"), code())
    await saved
    assert granted.done()
    assert await sqlite.find_code(digest("code")) == code()


async def test_a_failing_operation_fails_alone(sqlite: SqliteStore) -> None:
    """Neighbours in the same batch before and after it are carried out and durable."""

    def broken(_cursor: sqlite3.Cursor) -> None:
        raise ValueError

    await sqlite.save_pushed_request(digest("taken"), pushed_request())
    pending: list[Awaitable[object]] = [
        remember(sqlite, b"before"),
        sqlite.save_pushed_request(digest("taken"), pushed_request()),
        sqlite.save_code(digest("code"), code(grant_id="none")),
        sqlite._writer.submit(broken),
        remember(sqlite, b"after"),
    ]
    assert [await outcome(operation) for operation in pending] == [
        Freshness.FRESH,
        StoreConflictError,
        StoreConflictError,
        ValueError,
        Freshness.FRESH,
    ]
    assert await remember(sqlite, b"before") is Freshness.REPLAYED
    assert await remember(sqlite, b"after") is Freshness.REPLAYED


async def test_an_operation_for_which_the_disk_is_too_full_fails_alone(sqlite: SqliteStore) -> None:
    """SQLite takes the whole transaction back; the others are carried out again, each by itself."""
    pages = sqlite._reader.one("PRAGMA page_count", ())[0]
    sqlite._writer._connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    pending: list[Awaitable[object]] = [
        remember(sqlite, b"before"),
        sqlite.add_client("large", b"x" * 1_000_000),
        remember(sqlite, b"after"),
        remember(sqlite, b"after"),
    ]
    assert [await outcome(operation) for operation in pending] == [
        Freshness.FRESH,
        "store.unavailable",
        Freshness.FRESH,
        Freshness.REPLAYED,
    ]
    assert await sqlite.find_client("large") is None
    assert await remember(sqlite, b"before") is Freshness.REPLAYED


async def test_a_commit_that_fails_is_told_to_everybody_it_concerns(sqlite: SqliteStore) -> None:
    """No caller hears of success when its commit did not happen, and the store works again afterwards."""
    connection = sqlite._writer._connection

    def dangling(cursor: sqlite3.Cursor) -> None:
        cursor.execute("PRAGMA defer_foreign_keys = ON")  # the violation is found only at the commit
        cursor.execute(
            "INSERT INTO refresh_tokens (digest, grant_id, expires_at, record) VALUES (x'00', 'none', 1, x'00')"
        )

    pending: list[Awaitable[object]] = [
        remember(sqlite, b"before"),
        sqlite._writer.submit(dangling),
        remember(sqlite, b"after"),
    ]
    assert [await outcome(operation) for operation in pending] == [
        Freshness.FRESH,
        StoreConflictError,
        Freshness.FRESH,
    ]
    assert not connection.in_transaction
    assert await remember(sqlite, b"before") is Freshness.REPLAYED
    assert await sqlite.find_refresh_token(b"\x00", now=0) is None


async def test_a_file_that_another_process_holds_gives_a_refusal_that_says_so(path: Path) -> None:
    """Nothing is acknowledged, the caller learns when to come again, and then it works."""
    async with SqliteStore.open(path, busy_timeout=0.001) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Reject, match=r"store\.unavailable.*SQLITE_BUSY") as refused:
                await remember(store, b"1")
            other.execute("ROLLBACK")
        assert refused.value.reason.status == 503
        assert refused.value.headers == (("Retry-After", "5"),)
        assert await remember(store, b"1") is Freshness.FRESH


async def test_a_file_that_cannot_be_read_gives_a_refusal(sqlite: SqliteStore) -> None:
    """A look-up that fails is not taken for one that found nothing."""
    await sqlite.add_client("moneyview", b"{}")
    await run(sqlite, "ALTER TABLE clients RENAME TO lost")
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await sqlite.find_client("moneyview")
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await sqlite.list_clients()


@pytest.mark.parametrize("party", ["client", "user"])
async def test_a_removal_happens_as_a_whole_or_not_at_all(sqlite: SqliteStore, party: str) -> None:
    """If the grants cannot be revoked, the party stays as well, and the neighbours do not notice."""
    await sqlite.add_client("moneyview", b"{}")
    await sqlite.add_user(user())
    await sqlite.add_passkey(passkey())
    await sqlite.save_grant(grant())
    refusal = "CREATE TRIGGER stop BEFORE UPDATE ON grants BEGIN SELECT raise(ABORT, 'stop'); END"
    await run(sqlite, refusal)
    before = remember(sqlite, b"before")
    removed = (
        sqlite.remove_client("moneyview", now=NOW)
        if party == "client"
        else sqlite.remove_user("alice", now=NOW)
    )
    after = remember(sqlite, b"after")
    with pytest.raises(StoreConflictError):
        await removed
    assert [await before, await after] == [Freshness.FRESH, Freshness.FRESH]
    assert await sqlite.find_client("moneyview") == b"{}"
    assert await sqlite.find_user("alice") == user()
    assert await sqlite.passkeys_of("alice-subject") == [passkey()]


async def test_a_reader_sees_nothing_before_its_commit(sqlite: SqliteStore) -> None:
    """What another caller has not been told of does not exist yet."""
    with held_commit(sqlite) as held:
        saved = sqlite.save_interaction(digest("cookie"), interaction())
        assert await asyncio.to_thread(held.reached.wait, 10)
        assert await sqlite.find_interaction(digest("cookie"), now=NOW) is None
        assert not saved.done()
    await saved
    assert await sqlite.find_interaction(digest("cookie"), now=NOW) == interaction()


async def test_a_caller_that_gives_up_does_not_undo_its_operation(sqlite: SqliteStore) -> None:
    """A cancelled wait leaves the operation queued, and its neighbours undisturbed."""
    given_up, other = remember(sqlite, b"1"), remember(sqlite, b"2")
    given_up.cancel()
    async with asyncio.timeout(10):
        assert await other is Freshness.FRESH
    assert await remember(sqlite, b"1") is Freshness.REPLAYED


async def test_close_carries_out_what_is_queued(path: Path) -> None:
    """Whoever called before the end is told, and the file has it."""
    store = SqliteStore.open(path)
    pending = [remember(store, b"%d" % number) for number in range(2 * LARGEST_BATCH)]
    await store.close()
    assert [operation.done() for operation in pending] == [True] * len(pending)
    async with SqliteStore.open(path) as reopened:
        assert await remember(reopened, b"%d" % (2 * LARGEST_BATCH - 1)) is Freshness.REPLAYED


async def test_a_closed_store_refuses(path: Path) -> None:
    """Reads and writes after the end are refused, and closing twice is no error."""
    store = SqliteStore.open(path)
    await store.close()
    await store.close()
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await remember(store, b"1")
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await store.find_client("moneyview")


async def test_the_file_is_driven_durably(sqlite: SqliteStore) -> None:
    """Every commit is on the disk before it is acknowledged (2 is FULL), and references are checked."""
    connection = sqlite._writer._connection
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    values = [connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas]
    assert values == ["wal", 2, 1]


async def test_the_connection_that_reads_cannot_write(sqlite: SqliteStore) -> None:
    """A mistake in a read cannot change anything outside of the writer's transactions."""
    with pytest.raises(Reject, match="SQLITE_READONLY"):
        sqlite._reader.all("DELETE FROM clients")
