"""The evidence log beside its floors: one fsync for each entry, and nothing but SHA-256."""

from __future__ import annotations

import asyncio
import os
import tempfile
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.cores import choose_cores, on_core
from trustweft.evidence.entries import Entry, encode_entry
from trustweft.evidence.log import EvidenceLog
from trustweft.evidence.verification import verify_export

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Evidence", "evidence_lines", "measure_evidence"]

CALLERS: Final = 64  # at the same time


class Evidence(NamedTuple):
    """Entries per second of one round."""

    grouped: float
    alone: float
    bare_appends: float
    verified: float
    bare_hashes: float


def measure_evidence(*, rounds: int, entries: int) -> list[Evidence]:
    """Measure everything in each round, on one core."""
    with on_core(choose_cores().measured):
        return [_round(entries) for _ in range(rounds)]


def evidence_lines(results: Sequence[Evidence]) -> list[str]:
    """Return the table: medians of the rates, and of the ratios of each round."""
    rows: tuple[tuple[str, Callable[[Evidence], float], str, Callable[[Evidence], float]], ...] = (
        (
            f"append, {CALLERS} callers",
            lambda one: one.grouped,
            "write + fsync each",
            lambda one: one.bare_appends,
        ),
        ("append, 1 caller", lambda one: one.alone, "write + fsync each", lambda one: one.bare_appends),
        ("verify an export", lambda one: one.verified, "SHA-256 of each entry", lambda one: one.bare_hashes),
    )
    lines = [
        "| evidence log | entries per second | bare | per second | ratio |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for name, ours, floor, bare in rows:
        ratio = median(ours(one) / bare(one) for one in results)
        rates = median(map(ours, results)), median(map(bare, results))
        lines.append(f"| {name} | {rates[0]:,.0f} | {floor} | {rates[1]:,.0f} | **{ratio:.3g}** |")
    return lines


def _round(count: int) -> Evidence:
    key = Ed25519PrivateKey.generate()
    entries = [
        Entry(
            type="receipt",
            at=float(number),
            subject="software:s",
            body={"order": f"o-{number}", "counts": {"codes": 1}},
        )
        for number in range(count)
    ]
    contents = [encode_entry(entry) for entry in entries]
    with tempfile.TemporaryDirectory(prefix="trustweft-bench-") as name:
        directory = Path(name)
        grouped, export = asyncio.run(_append(directory / "grouped", key, entries, CALLERS))
        alone, _ = asyncio.run(_append(directory / "alone", key, entries[: count // 10], 1))
        bare = _rate(lambda: _write_each(directory / "bare", contents), count)
    return Evidence(
        grouped=grouped,
        alone=alone,
        bare_appends=bare,
        verified=_rate(lambda: _verify(export), count),
        bare_hashes=_rate(lambda: [sha256(content).digest() for content in contents], count),
    )


async def _append(
    path: Path, key: Ed25519PrivateKey, entries: Sequence[Entry], callers: int
) -> tuple[float, bytes]:
    log = EvidenceLog(path, origin="bench.example/evidence", key=key)
    waiting = iter(entries)

    async def call() -> None:
        for entry in waiting:
            await log.append(entry)

    began = perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    rate = len(entries) / (perf_counter() - began)
    export = b"".join(log.export())
    await log.close()
    return rate, export


def _write_each(path: Path, contents: Sequence[bytes]) -> None:
    with path.open("wb", buffering=0) as file:
        for content in contents:
            file.write(content)
            os.fsync(file.fileno())


def _verify(export: bytes) -> None:
    if verify_export(export).findings:
        raise RuntimeError("the log of the bench does not verify")


def _rate(operation: Callable[[], object], count: int) -> float:
    began = perf_counter()
    operation()
    return count / (perf_counter() - began)
