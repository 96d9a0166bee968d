"""The stores of the directory: one order for all, exactly one winner for each place, and nothing is ever lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract.register_samples import added
from contract.samples import all_of
from trustweft.directory.storage import Append
from trustweft.runtime.errors import Reject
from trustweft.store.errors import StoreFileError
from trustweft.store.register import MemoryRegisterStore, SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from trustweft.directory.storage import RegisterStore

pytestmark = pytest.mark.anyio

CALLERS = 20
ACKNOWLEDGED = 200
ROUNDS = 50


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file goes; there is none yet."""
    return tmp_path / "data" / "directory.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[RegisterStore]:
    """An empty store of each kind."""
    opened: RegisterStore = (
        MemoryRegisterStore()
        if request.param == "memory"
        else SqliteRegisterStore.open(path, busy_timeout=10)
    )
    yield opened
    await opened.close()


@contextmanager
def child(mode: str, path: Path, name: str = "child") -> Iterator[subprocess.Popen[str]]:
    """Start another process at the file, wait until it is ready, and kill it if it is still there at the end."""
    program = [sys.executable, str(Path(__file__).parent / "register_child.py"), mode, str(path), name]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == '"ready"\n'
            yield process
        finally:
            process.kill()


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return json.loads(out)


async def test_events_come_back_in_their_order_and_page_by_page(store: RegisterStore) -> None:
    """As they were added, after any place."""
    events = tuple(added(number) for number in range(1, 6))
    assert await store.append(events[:2], expected=0) is Append.DONE
    assert await store.append(events[2:], expected=2) is Append.DONE
    assert await store.since(0, limit=10) == events
    assert await store.since(0, limit=3) == events[:3]
    assert await store.since(3, limit=10) == events[3:]
    assert await store.since(5, limit=10) == ()


async def test_of_many_callers_one_wins_each_place(store: RegisterStore) -> None:
    """All are called before the first is awaited, so that they share one commit."""
    outcomes = await all_of(store.append([added(1, str(number))], expected=0) for number in range(CALLERS))
    assert outcomes == [Append.DONE, *[Append.BEHIND] * (CALLERS - 1)]
    (event,) = await store.since(0, limit=10)
    assert event.subject == "organisation:0-1"


async def test_of_several_events_all_are_there_or_none(store: RegisterStore) -> None:
    """Whoever is behind leaves nothing."""
    assert await store.append([added(1)], expected=0) is Append.DONE
    assert await store.append([added(1, "late"), added(2, "late")], expected=0) is Append.BEHIND
    assert await store.append([added(4, "early")], expected=3) is Append.BEHIND
    assert await store.since(0, limit=10) == (added(1),)


@pytest.mark.parametrize("sequences", [[], [2], [1, 3], [2, 1]])
async def test_events_that_do_not_follow_are_refused(store: RegisterStore, sequences: list[int]) -> None:
    """None, a gap, or the wrong order: a mistake of the caller's."""
    with pytest.raises(ValueError, match="do not follow"):
        await store.append([added(number) for number in sequences], expected=0)
    assert await store.since(0, limit=10) == ()


async def test_of_many_callers_at_two_files_handles_one_wins(path: Path) -> None:
    """Two connections that write at the same file, as two workers have them."""
    async with SqliteRegisterStore.open(path) as one, SqliteRegisterStore.open(path) as other:
        stores = (one, other)
        outcomes = await all_of(
            stores[number % 2].append([added(1, str(number))], expected=0) for number in range(CALLERS)
        )
        assert outcomes.count(Append.DONE) == 1
        assert await one.since(0, limit=10) == await other.since(0, limit=10)


async def test_of_two_processes_one_wins_each_place(path: Path) -> None:
    """Both try for every place; between them each is won once."""
    async with SqliteRegisterStore.open(path) as store:
        with child("race", path, "one") as one, child("race", path, "other") as other:
            for process in (one, other):
                start(process)
            won = sorted([*said(one), *said(other)])
        assert won == list(range(1, ROUNDS + 1))
        assert [event.sequence for event in await store.since(0, limit=1000)] == won


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(path: Path) -> None:
    """Killed in the middle of its load; everything that it was told is there, and nothing is missing between."""
    with child("load", path) as process:
        start(process)
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(ACKNOWLEDGED)]
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
    acknowledged += [int(line) for line in rest if line.endswith("\n")]
    async with SqliteRegisterStore.open(path) as store:
        events = await store.since(0, limit=sys.maxsize)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert set(acknowledged) <= {event.sequence for event in events}
        assert await store.append([added(len(events) + 1)], expected=len(events)) is Append.DONE
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_processes_that_open_a_new_file_together_all_get_it(path: Path) -> None:
    """Three first starts at once make one table."""
    with ExitStack() as stack:
        processes = [stack.enter_context(child("open", path)) for _ in range(3)]
        for process in processes:
            start(process)
        assert [process.wait(timeout=30) for process in processes] == [0, 0, 0]
    async with SqliteRegisterStore.open(path) as store:
        assert await store.append([added(1)], expected=0) is Append.DONE


@pytest.mark.parametrize("statement", ["DELETE FROM events", "UPDATE events SET event = x'00'"])
async def test_events_are_not_taken_back_by_a_statement(path: Path, statement: str) -> None:
    """The file itself refuses it."""
    async with SqliteRegisterStore.open(path) as store:
        await store.append([added(1)], expected=0)
        with (
            closing(sqlite3.connect(path)) as connection,
            pytest.raises(sqlite3.IntegrityError, match="append only"),
        ):
            connection.execute(statement)
        assert await store.since(0, limit=10) == (added(1),)


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        ("readable", "others can read"),
        ("other", "not the store of a directory"),
        ("newer", "newer version"),
        ("text", "cannot be used"),
    ],
)
async def test_a_file_of_something_else_is_refused(path: Path, spoiled: str, why: str) -> None:
    """One that others can read, another database, one of a newer version, and no database at all."""
    if spoiled == "other":
        make_other(path)
    else:
        await SqliteRegisterStore.open(path).close()
        spoil(path, spoiled)
    with pytest.raises(StoreFileError, match=why):
        SqliteRegisterStore.open(path)


def make_other(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE x (y)")
    path.chmod(0o600)


def spoil(path: Path, how: str) -> None:
    if how == "readable":
        path.chmod(0o644)
    elif how == "text":
        path.write_bytes(b"no database" * 1000)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 9")


async def test_a_store_that_is_closed_refuses(path: Path) -> None:
    """With the reason that every store has for it."""
    store = SqliteRegisterStore.open(path)
    await store.close()
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await store.append([added(1)], expected=0)


async def test_a_file_that_is_locked_for_long_is_unavailable(path: Path) -> None:
    """Nothing of it is there afterwards."""
    async with SqliteRegisterStore.open(path, busy_timeout=0.01) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(Reject, match=r"store\.unavailable"):
                await store.append([added(1)], expected=0)
            connection.execute("ROLLBACK")
        assert await store.since(0, limit=10) == ()
        assert await asyncio.wait_for(store.append([added(1)], expected=0), timeout=10) is Append.DONE
