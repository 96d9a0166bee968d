"""Reading a log: entries, proofs and checkpoints, while another process may append."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.evidence.entries import Entry, decode_entry
from trustweft.evidence.files import EvidenceFileError, connect_reader
from trustweft.evidence.merkle import consistency_proof, inclusion_proof

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LogReader", "Logged", "Proof"]


class Logged(Struct, frozen=True):
    """An entry and its place in the log, counted from 0."""

    index: int
    entry: Entry


class Proof(Struct, frozen=True):
    """That an entry is in the log.

    Attributes:
        index: its place, counted from 0.
        entry: itself.
        hashes: the audit path, lowest first, 32 octets each.
        checkpoint: the signed note that the path leads to.
    """

    index: int
    entry: Entry
    hashes: tuple[bytes, ...]
    checkpoint: str


class LogReader:
    """Reads the file of a log.

    Raises:
        EvidenceFileError: it is not there, or not a log.
    """

    def __init__(self, path: Path) -> None:
        self._connection = connect_reader(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the log as it is now until the end, whatever is appended meanwhile."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()

    def origin(self) -> str:
        """Return the log's name."""
        (origin,) = self._connection.execute("SELECT origin FROM log").fetchone()
        return str(origin)

    def keys(self) -> tuple[str, ...]:
        """Return the public keys that have signed checkpoints: ``name+id+base64(type, key)``."""
        return tuple(key for (key,) in self._connection.execute("SELECT key FROM signer ORDER BY key"))

    def checkpoint(self) -> tuple[int, str]:
        """Return size and note of the newest checkpoint."""
        query = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
        size, note = self._connection.execute(query).fetchone()
        return int(size), str(note)

    def checkpoints(self) -> list[tuple[int, str]]:
        """Return size and note of every checkpoint, oldest first."""
        return list(self._connection.execute("SELECT size, note FROM checkpoint ORDER BY size"))

    def list(
        self,
        *,
        type: str | None = None,  # noqa: A002  # the entry's own word
        subject: str | None = None,
        since: float | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> list[Logged]:
        """Return the newest ``limit`` entries that fit, oldest first.

        Args:
            type: only of this type.
            subject: only about this one.
            since: only from this time on, in seconds since the epoch.
            before: only those that stand before this place.
            limit: at most so many.
        """
        query = (
            "SELECT number, content FROM entry WHERE (?1 IS NULL OR type = ?1) AND (?2 IS NULL OR subject = ?2)"
            " AND (?3 IS NULL OR at >= ?3) AND (?4 IS NULL OR number < ?4) ORDER BY number DESC LIMIT ?5"
        )
        rows = self._connection.execute(
            query, (type, subject, since, before, -1 if limit is None else limit)
        ).fetchall()
        return [Logged(number, _read(number, content)) for number, content in reversed(rows)]

    def entries(self) -> Iterator[Logged]:
        """Return every entry, oldest first."""
        for number, content in self._connection.execute("SELECT number, content FROM entry ORDER BY number"):
            yield Logged(number, _read(number, content))

    def prove(self, index: int) -> Proof:
        """Return the entry and its proof against the newest checkpoint.

        Raises:
            ValueError: there is no such entry.
        """
        size, note = self.checkpoint()
        hashes = self.inclusion(index, size)
        query = "SELECT content FROM entry WHERE number = ?"
        (content,) = self._connection.execute(query, (index,)).fetchone()
        return Proof(index, _read(index, content), hashes, note)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the audit path of an entry in the first ``size`` ones."""
        return tuple(inclusion_proof(index, size, self._node))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return what shows that the log of ``new`` entries begins with that of ``old`` ones."""
        return tuple(consistency_proof(old, new, self._node))

    def _node(self, level: int, number: int) -> bytes:
        query = "SELECT hash FROM node WHERE level = ? AND number = ?"
        row = self._connection.execute(query, (level, number)).fetchone()
        if row is None:
            raise EvidenceFileError(f"the evidence log is damaged: node {number} of level {level} is missing")
        return bytes(row[0])


def _read(number: int, content: bytes) -> Entry:
    try:
        return decode_entry(bytes(content))
    except ValueError as cause:
        raise EvidenceFileError(f"the evidence log is damaged: entry {number} is {cause}") from cause
