"""Several processes, and processes that die: the file is the same for all, and keeps what was acknowledged."""

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

from contract.deciding import DECIDING
from contract.samples import LATER, NOW, digest, grant, pushed_request, refresh_token
from trustweft.server.records import Freshness, Redemption
from trustweft.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

CALLERS = 20
ACKNOWLEDGED = 300
EXPIRED = 300


@contextmanager
def child(mode: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process at the file, and kill it if it is still there at the end."""
    program = [sys.executable, str(Path(__file__).parent / "child.py"), mode, str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == '"ready"\n'


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> Any:
    """Wait for the end and return what the process said."""
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return json.loads(out)


@pytest.mark.parametrize("operation", DECIDING)
async def test_one_of_many_callers_at_two_stores_wins(path: Path, operation: str) -> None:
    """Two connections that write at the same file, as two workers have them."""
    deciding = DECIDING[operation]
    async with SqliteStore.open(path) as one, SqliteStore.open(path) as other:
        await deciding.prepare(one)
        stores = (one, other)
        outcomes = await asyncio.gather(
            *(deciding.call(stores[number % 2], number) for number in range(CALLERS))
        )
    assert outcomes.count(deciding.won) == 1
    assert outcomes.count(deciding.lost) == CALLERS - 1


async def test_one_of_two_processes_wins(path: Path) -> None:
    """Both call everything that decides at the same time; each decision is won once."""
    async with SqliteStore.open(path) as store:
        # Those whose preparations do not get into each other's way, and that no other one's win takes away.
        prepared = {"remember_jti", "spend_pushed_request", "end_interaction", "redeem_code", "add_client"}
        for name in sorted(prepared):
            await DECIDING[name].prepare(store)
    with child("race", path) as one, child("race", path) as other:
        for process in (one, other):
            wait_until_ready(process)
        for process in (one, other):
            start(process)
        outcomes = [said(one), said(other)]
    wins = {name: sum(outcome["won"][name] for outcome in outcomes) for name in prepared}
    assert wins == dict.fromkeys(prepared, 1)
    fresh = [sum(both) for both in zip(*(outcome["fresh"] for outcome in outcomes), strict=True)]
    assert fresh == [1] * len(fresh)


async def test_a_server_sees_at_once_what_another_process_adds(path: Path) -> None:
    """The command line registers a client beside the running server."""
    async with SqliteStore.open(path) as server:
        assert await server.find_client("moneyview") is None
        with child("register", path) as command_line:
            wait_until_ready(command_line)
            start(command_line)
            assert said(command_line) is True
        assert await server.find_client("moneyview") == b"{}"
        assert await server.add_client("moneyview", b"{}") is False


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(path: Path) -> None:
    """Killed in the middle of its load; everything that it was told is there, and the file is whole."""
    with child("load", path) as process:
        wait_until_ready(process)
        start(process)
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(ACKNOWLEDGED)]
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
    acknowledged += [int(line) for line in rest if line.endswith("\n")]
    assert len(set(acknowledged)) >= ACKNOWLEDGED
    async with SqliteStore.open(path) as store:
        for name in map(str, acknowledged):
            assert await store.find_grant(name) == grant(name)
            assert await store.find_refresh_token(digest(name), now=NOW) == refresh_token(grant_id=name)
            assert await store.spend_pushed_request(digest(name), now=NOW) == pushed_request()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_two_processes_that_reap_remove_each_row_once_and_nothing_else(path: Path) -> None:
    """Every worker has a reaper: they share the work, and what is still good stays."""
    async with SqliteStore.open(path) as store:
        pending = [
            store.remember_jti(space="r", key=b"%d" % number, expires_at=LATER + number // EXPIRED)
            for number in range(2 * EXPIRED)
        ]
        await asyncio.gather(*pending)
    with child("reap", path) as one, child("reap", path) as other:
        for process in (one, other):
            wait_until_ready(process)
        for process in (one, other):
            start(process)
        assert said(one) + said(other) == EXPIRED
    async with SqliteStore.open(path) as store:
        assert await store.backlog(now=LATER + 1) == EXPIRED
        assert (
            await store.remember_jti(space="r", key=b"%d" % EXPIRED, expires_at=LATER) is Freshness.REPLAYED
        )


async def test_a_restart_finds_everything(path: Path) -> None:
    """What was decided before the end is still decided after it."""
    for name in ("remember_jti", "redeem_code", "add_client", "remove_user"):
        deciding = DECIDING[name]
        async with SqliteStore.open(path) as store:
            await deciding.prepare(store)
            assert await deciding.call(store, 1) == deciding.won
        async with SqliteStore.open(path) as store:
            assert await deciding.call(store, 2) == deciding.lost
    async with SqliteStore.open(path) as store:
        assert await store.redeem_code(digest("code"), now=NOW) is Redemption.ALREADY_USED
        assert await store.find_client("moneyview") == b"1"


async def test_processes_that_open_a_new_file_together_all_get_it(path: Path) -> None:
    """Three first starts at once make one schema."""
    with ExitStack() as stack:
        processes = [stack.enter_context(child("open", path)) for _ in range(3)]
        for process in processes:
            wait_until_ready(process)
        for process in processes:
            start(process)
        outcomes = [process.wait(timeout=30) for process in processes]
    assert outcomes == [0, 0, 0]
    async with SqliteStore.open(path) as store:
        assert await store.add_client("moneyview", b"{}") is True
