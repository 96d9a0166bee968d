"""The evidence log of a running participant: appends share commits, and are told of once they are durable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.evidence.entries import encode_entry
from trustweft.evidence.export import export_lines
from trustweft.evidence.files import EvidenceFileError, LogWriter
from trustweft.evidence.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from trustweft.evidence.entries import Entry
    from trustweft.evidence.reader import Logged, Proof

__all__ = ["Appended", "EvidenceLog"]

# Our choice: bounds how long the first of a batch waits for the last.
LARGEST_BATCH: Final = 1024


class Appended(Struct, frozen=True):
    """What the caller of an append is told.

    Attributes:
        index: the entry's place, counted from 0.
        checkpoint: a signed note of a log that has it.
    """

    index: int
    checkpoint: str


class EvidenceLog:
    """Appends to a log, and reads it. Belongs to one event loop.

    Args:
        path: the file; made where it is missing.
        origin: the log's name in its checkpoints, for example ``localhost:8446/evidence``.
        key: signs checkpoints.

    Raises:
        EvidenceFileError: another process writes this log, or the file is not one.
    """

    def __init__(self, path: Path, *, origin: str, key: Ed25519PrivateKey) -> None:
        self._writer = LogWriter(path, origin=origin, key=key)
        self._reader = LogReader(path)
        self._waiting: list[tuple[asyncio.Future[Appended], Entry]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def append(self, entry: Entry) -> asyncio.Future[Appended]:
        """Queue ``entry`` now; the future is done once it is durable, even if nobody waits any more.

        Raises:
            EvidenceFileError: the log is closed; from the future: it was not appended.
            ValueError: the entry has no canonical form.
        """
        if self._closed:
            raise EvidenceFileError("the evidence log is closed")
        encode_entry(entry)  # so that one bad entry is refused here, and never to its neighbours in the batch
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        self._waiting.append((future, entry))
        if self._task is None:
            self._task = loop.create_task(self._write_all())
        return future

    def list(
        self,
        *,
        type: str | None = None,  # noqa: A002  # the entry's own word
        subject: str | None = None,
        since: float | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Logged]:
        """Return the newest ``limit`` durable entries that fit, oldest first."""
        return self._reader.list(type=type, subject=subject, since=since, before=before, limit=limit)

    def prove(self, index: int) -> Proof:
        """Return the entry and its proof against the newest checkpoint.

        Raises:
            ValueError: there is no such entry.
        """
        with self._reader.snapshot():
            return self._reader.prove(index)

    def export(self) -> Iterator[bytes]:
        """Return the lines of an export of the whole log: see ``export.py``."""
        return export_lines(self._reader)

    async def close(self) -> None:
        """Write what was queued, then let others write."""
        if self._closed:
            return
        self._closed = True
        if self._task is not None:
            await self._task
        self._reader.close()
        self._writer.close()

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            try:
                written = asyncio.to_thread(self._writer.append, [entry for _, entry in batch])
                first, note = await written
            except Exception as cause:  # noqa: BLE001  # told to every caller
                for future, _ in batch:
                    if not future.done():
                        future.set_exception(cause)
            else:
                for index, (future, _) in enumerate(batch, first):
                    if not future.done():  # cancelled: the entry stands, but nobody waits
                        future.set_result(Appended(index, note))
        self._task = None
