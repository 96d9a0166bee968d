"""The log of a process: durable before it is told, recovered after a kill, one writer, many readers."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trustweft.evidence.checkpoints import verify_checkpoint
from trustweft.evidence.entries import Entry, encode_entry
from trustweft.evidence.export import export_lines
from trustweft.evidence.files import EvidenceFileError, LogWriter
from trustweft.evidence.keys import load_or_create_key
from trustweft.evidence.log import EvidenceLog
from trustweft.evidence.merkle import hash_leaf, verify_inclusion
from trustweft.evidence.notes import NoteKey
from trustweft.evidence.reader import LogReader
from trustweft.evidence.verification import verify_export
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

ORIGIN = "log.example/evidence"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = NoteKey(ORIGIN, KEY.public_key().public_bytes_raw())


def entry(number: int, type: str = "probe") -> Entry:  # noqa: A002
    """Return an entry that differs from others."""
    return Entry(
        type=type, at=1_800_000_000.0 + number, subject=f"software:s{number % 3}", body={"n": number}
    )


def open_log(path: Path) -> EvidenceLog:
    """Open the log with the test's key."""
    return EvidenceLog(path, origin=ORIGIN, key=KEY)


async def test_appends_share_commits_and_each_gets_its_own_index(tmp_path: Path) -> None:
    """In the order in which they were called; every checkpoint that is handed out has the entry."""
    log = open_log(tmp_path / "log")
    appended = await asyncio.gather(*(log.append(entry(number)) for number in range(300)))
    assert [each.index for each in appended] == list(range(300))
    assert len({each.checkpoint for each in appended}) < 10
    for each in appended:
        assert verify_checkpoint(each.checkpoint, [PUBLIC], origin=ORIGIN).size > each.index
    proof = log.prove(17)
    checkpoint = verify_checkpoint(proof.checkpoint, [PUBLIC])
    verify_inclusion(hash_leaf(encode_entry(entry(17))), 17, checkpoint.size, checkpoint.root, proof.hashes)
    with pytest.raises(ValueError, match="no entry 300"):
        log.prove(300)
    assert verify_export(b"".join(log.export()), keys=[PUBLIC]).findings == ()
    await log.close()
    await log.close()
    with pytest.raises(EvidenceFileError, match="closed"):
        log.append(entry(0))


async def test_whoever_no_longer_waits_has_appended_all_the_same(tmp_path: Path) -> None:
    """A cancelled append stands, and its neighbours are told as ever."""
    log = open_log(tmp_path / "log")
    first, second = log.append(entry(0)), log.append(entry(1))
    first.cancel()
    assert (await second).index == 1
    assert [each.index for each in log.list()] == [0, 1]
    await log.close()


async def test_the_list_is_filtered(tmp_path: Path) -> None:
    """By type, subject, time, and to the newest."""
    log = open_log(tmp_path / "log")
    for number in range(6):
        await log.append(entry(number, "order" if number == 4 else "probe"))
    assert [each.index for each in log.list(type="order")] == [4]
    assert [each.index for each in log.list(subject="software:s1")] == [1, 4]
    assert [each.index for each in log.list(since=1_800_000_003.0)] == [3, 4, 5]
    assert [each.index for each in log.list(limit=2)] == [4, 5]
    assert [each.index for each in log.list(before=4, limit=2)] == [2, 3]
    await log.close()


async def test_a_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The tree is that of all entries, also under a new key."""
    for number in range(5):
        log = open_log(tmp_path / "log")
        await log.append(entry(number))
        await log.close()
    other = Ed25519PrivateKey.generate()
    log = EvidenceLog(tmp_path / "log", origin=ORIGIN, key=other)
    await log.append(entry(5))
    result = verify_export(b"".join(log.export()))
    assert (result.size, result.findings, len(result.keys)) == (6, (), 2)
    await log.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Until the first one has closed; readers are not."""
    first = LogWriter(tmp_path / "log", origin=ORIGIN, key=KEY)
    with pytest.raises(EvidenceFileError, match="another process writes"):
        LogWriter(tmp_path / "log", origin=ORIGIN, key=KEY)
    reader = LogReader(tmp_path / "log")
    first.append([entry(0)])
    assert reader.checkpoint()[0] == 1
    reader.close()
    first.close()
    LogWriter(tmp_path / "log", origin=ORIGIN, key=KEY).close()


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """A missing file, another file, a database of something else, and the log of somebody else."""
    with pytest.raises(EvidenceFileError, match="there is no evidence log"):
        LogReader(tmp_path / "none")
    (tmp_path / "text").write_bytes(b"x" * 5000)
    with pytest.raises(EvidenceFileError, match="not an evidence log"):
        LogWriter(tmp_path / "text", origin=ORIGIN, key=KEY)
    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(EvidenceFileError, match="of version 1"):
        LogReader(tmp_path / "other")
    LogWriter(tmp_path / "log", origin=ORIGIN, key=KEY).close()
    with pytest.raises(EvidenceFileError, match=r"is the log log\.example/evidence, not other\.example"):
        LogWriter(tmp_path / "log", origin="other.example", key=KEY)
    with pytest.raises(EvidenceFileError):
        LogWriter(tmp_path / "missing" / "log", origin=ORIGIN, key=KEY)


async def test_a_write_that_fails_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """The log goes on where it was."""
    log = open_log(tmp_path / "log")
    await log.append(entry(0))
    connection = log._writer._connection
    connection.execute(
        "CREATE TEMP TRIGGER no BEFORE INSERT ON main.checkpoint BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(EvidenceFileError, match="full"):
        await log.append(entry(1))
    connection.execute("DROP TRIGGER no")
    assert (await log.append(entry(2))).index == 1
    assert verify_export(b"".join(log.export()), keys=[PUBLIC]).findings == ()
    await log.close()


@pytest.mark.parametrize(
    "body",
    [{"n": object()}, {"n": "\ud800"}, {1: 2}],
    ids=["object", "surrogate", "name"],
)
async def test_what_has_no_canonical_form_is_refused_at_once(tmp_path: Path, body: dict[str, object]) -> None:
    """And its neighbours are written."""
    log = open_log(tmp_path / "log")
    good = log.append(entry(0))
    with pytest.raises(ValueError, match=r"JSON|entry|canonical"):
        log.append(Entry(type="probe", at=0.0, subject="s", body=body))
    assert (await good).index == 0
    await log.close()


@pytest.mark.parametrize(("type_", "at"), [("Order", 0.0), ("", 0.0), ("order", float("nan"))])
def test_a_malformed_entry_cannot_be_made(type_: str, at: float) -> None:
    """Types are words, times are numbers."""
    with pytest.raises(ValueError, match="entry"):
        Entry(type=type_, at=at, subject="s", body={})


WRITING = """
import asyncio, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trustweft.evidence.entries import Entry
from trustweft.evidence.log import EvidenceLog

async def one(log, start):
    for number in range(start, 10**9, 8):
        done = await log.append(Entry(type="probe", at=0.0, subject="s", body={"n": number}))
        print(done.index, number, flush=True)

async def main():
    log = EvidenceLog(Path(sys.argv[1]), origin="log.example/evidence",
                      key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    await asyncio.gather(*(one(log, start) for start in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 333])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    """SIGKILL in the middle of appends: each acknowledged entry is there, the tree verifies, the log goes on."""
    path = tmp_path / "log"
    child = subprocess.Popen([sys.executable, "-c", WRITING, path], stdout=subprocess.PIPE)
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(acknowledged)]
    os.kill(child.pid, signal.SIGKILL)
    lines += child.stdout.read().splitlines(keepends=True)
    child.wait()
    child.stdout.close()
    words = [line.split() for line in lines if line.endswith(b"\n")]
    told = [(int(index), int(number)) for index, number in words]
    writer = LogWriter(path, origin=ORIGIN, key=KEY)
    reader = LogReader(path)
    found = {each.index: each.entry.body["n"] for each in reader.entries()}
    assert len(told) >= acknowledged
    assert {index: found[index] for index, _ in told} == dict(told)
    writer.append([entry(0)])
    assert writer.size == len(found) + 1
    reader.close()
    log_reader = LogReader(path)
    assert verify_export(b"".join(export_lines(log_reader)), keys=[PUBLIC]).findings == ()
    log_reader.close()
    writer.close()


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """A file that others can read, or that holds something else, is refused."""
    path = tmp_path / "directory" / "evidence-key.json"
    key = load_or_create_key(path)
    assert load_or_create_key(path).private_bytes_raw() == key.private_bytes_raw()
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod"):
        load_or_create_key(path)
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(KeyFileError, match="not a private JWK"):
        load_or_create_key(path)
