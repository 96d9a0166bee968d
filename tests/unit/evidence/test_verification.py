"""Whatever is done to an export is noticed, and named."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from effort import effort
from trustweft.evidence.entries import Entry
from trustweft.evidence.export import export_lines
from trustweft.evidence.files import LogWriter
from trustweft.evidence.notes import NoteKey
from trustweft.evidence.reader import LogReader
from trustweft.evidence.verification import (
    Finding,
    UnreadableExportError,
    Verified,
    checkpoints_of,
    verify_export,
)

ORIGIN = "log.example/evidence"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = NoteKey(ORIGIN, KEY.public_key().public_bytes_raw())
BATCHES = (3, 1, 5, 4)
FIRST = (
    2 + 1 + len(BATCHES)
)  # the line of entry 0: after the header and the checkpoints, that of nothing included


@cache
def make_export(
    batches: tuple[int, ...] = BATCHES, *, words: tuple[str, ...] = (), key: bytes = bytes(32)
) -> bytes:
    """Return the export of a log; ``words`` are what its first entries say, and what they say elsewhere is numbers."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        writer = LogWriter(path, origin=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(key))
        for size in batches:
            numbers = range(writer.size, writer.size + size)
            bodies = [{"said": words[n] if n < len(words) else str(n)} for n in numbers]
            writer.append([Entry(type="probe", at=1.0, subject="software:s", body=body) for body in bodies])
        writer.close()
        reader = LogReader(path)
        content = b"".join(export_lines(reader))
        reader.close()
    return content


def lines() -> list[bytes]:
    """Return the good export's lines."""
    return make_export().splitlines(keepends=True)


def named(content: bytes, **others: list[str]) -> list[tuple[str, int | None]]:
    """Return what is found, and about which entries."""
    return [(found.what, found.index) for found in verify_export(content, keys=[PUBLIC], **others).findings]


def test_a_whole_export_is_good() -> None:
    """Also the one of a log without entries."""
    assert verify_export(make_export(), keys=[PUBLIC]).size == 13
    assert named(make_export()) == []
    assert named(make_export(())) == []


def test_without_keys_from_outside_the_result_says_so() -> None:
    """The export's own are used."""
    result = verify_export(make_export())
    assert isinstance(result, Verified)
    assert (result.own_keys, result.findings, result.keys) == (True, (), (str(PUBLIC),))


def test_an_export_signed_by_somebody_else_proves_nothing() -> None:
    """However consistent it is in itself."""
    forged = make_export(key=b"f" * 32)
    assert verify_export(forged).findings == ()
    assert ("checkpoint.missing", None) in named(forged)


@pytest.mark.parametrize("seed", range(effort(5, 100)))
def test_every_flipped_bit_is_noticed_and_named(seed: int) -> None:
    """500 random flips for a seed, over the whole file: an entry's line is named by its index."""
    content, chance = make_export(), random.Random(seed)  # noqa: S311  # which bits is no secret
    starts = [0]
    for line in lines():
        starts.append(starts[-1] + len(line))
    for _ in range(500):
        position = chance.randrange(len(content))
        changed = bytearray(content)
        changed[position] ^= 1 << chance.randrange(8)
        number = next(n for n in range(len(starts)) if starts[n + 1] > position) + 1
        try:
            findings = verify_export(bytes(changed), keys=[PUBLIC]).findings
        except UnreadableExportError:
            assert number == 1
        else:
            assert findings
            if number >= FIRST:
                assert number - FIRST in {found.index for found in findings} or _only_cut_off(
                    findings, starts, position
                )
            else:
                assert any(found.line == number for found in findings) or number == 1


def _only_cut_off(findings: tuple[Finding, ...], starts: list[int], position: int) -> bool:
    return position == starts[-1] - 1 and [found.what for found in findings][:1] == ["line.cut-off"]


@pytest.mark.parametrize("index", range(13))
def test_a_changed_entry_is_named(index: int) -> None:
    """By its index, and it alone."""
    changed = lines()
    changed[FIRST - 1 + index] = changed[FIRST - 1 + index].replace(b'"at":1.0', b'"at":2.0')
    assert named(b"".join(changed)) == [("entry.changed", index)]


@pytest.mark.parametrize("index", range(13))
def test_a_removed_entry_is_named(index: int) -> None:
    """Also the last."""
    removed = lines()
    del removed[FIRST - 1 + index]
    assert named(b"".join(removed)) == [("entry.missing", index)]


def test_entries_in_another_order_are_named() -> None:
    """Neighbours that changed places, with or without their numbers."""
    moved = lines()
    moved[FIRST + 3], moved[FIRST + 4] = moved[FIRST + 4], moved[FIRST + 3]
    assert named(b"".join(moved)) == [("entry.moved", 4)]
    renumbered = b"".join(moved).replace(b'"index":4,', b'"index":x,').replace(b'"index":5,', b'"index":4,')
    found = named(renumbered.replace(b'"index":x,', b'"index":5,'))
    assert {("entry.changed", 4), ("entry.changed", 5)} <= set(found)


def test_a_repeated_and_an_added_entry_are_named() -> None:
    """Nothing is in the log that was not signed."""
    assert named(b"".join([*lines(), lines()[-1]])) == [("entry.repeated", 12)]
    added = lines()[-1].replace(b'"index":12', b'"index":13')
    assert named(b"".join([*lines(), added])) == [("entry.surplus", 13)]


@pytest.mark.parametrize("cut", range(1, 900, 7))
def test_a_file_that_was_cut_off_is_named(cut: int) -> None:
    """Wherever it ends."""
    found = {what for what, _ in named(make_export()[:-cut])}
    assert found & {"line.cut-off", "entry.missing"}


@pytest.mark.parametrize("number", range(1, FIRST - 1))
def test_a_missing_or_moved_checkpoint_is_noticed(number: int) -> None:
    """Every one is needed."""
    removed = lines()
    line = removed.pop(number)
    assert named(b"".join(removed)) != []
    assert ("line.misplaced", None) in named(b"".join([*lines(), line]))


def test_a_fork_is_named() -> None:
    """Two logs under one key: the same size with other entries, and a longer one."""
    fork = make_export(words=(*map(str, range(7)), "otherwise"))
    assert named(fork) == []
    assert named(make_export(), against=checkpoints_of(fork)) == [("checkpoint.forked", None)]
    told = verify_export(make_export(), keys=[PUBLIC], against=checkpoints_of(fork)).findings[0].text
    assert "between entry 4 and entry 8" in told


def test_an_older_checkpoint_of_the_same_log_holds() -> None:
    """The log only grew; the other way round entries are missing."""
    older = make_export(BATCHES[:3])
    assert named(make_export(), against=checkpoints_of(older)) == []
    assert named(older, against=checkpoints_of(make_export())) == [("checkpoint.later", None)]
    assert ("checkpoint.wrong", None) in named(older, against=["nonsense"])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\n", b'{"format":"other"}\n', b"[" * 100_000])
def test_what_is_no_export_is_unreadable(content: bytes) -> None:
    """And said to be."""
    with pytest.raises(UnreadableExportError, match="line 1"):
        verify_export(content)
