"""Is an export whole? Every line is judged, and whatever is wrong is named: which entry, and what.

What holds the entries is the newest checkpoint that a trusted key has signed: each entry must hash, with its proof,
to the root of that checkpoint, and all of them together to the root of every checkpoint. Whoever holds the log's key
can sign another log; that is seen only beside a checkpoint that was kept elsewhere (``against``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.evidence.checkpoints import Checkpoint, verify_checkpoint
from trustweft.evidence.entries import encode_entry
from trustweft.evidence.export import CheckpointLine, EntryLine, HeaderLine, read_header, read_line
from trustweft.evidence.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    hash_leaf,
    verify_consistency,
    verify_inclusion,
)
from trustweft.evidence.notes import NoteError, NoteKey, decode_base64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ONLY_IN_ENTRIES: Final = b'"proof":'

__all__ = ["Finding", "UnreadableExportError", "Verified", "checkpoints_of", "verify_export"]


class UnreadableExportError(ValueError):
    """The file is not an export, or its first line is damaged; the message says which."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        what: ``entry.changed``, ``entry.missing``, ``entry.moved``, ``entry.repeated``, ``entry.surplus``,
            ``line.unreadable``, ``line.cut-off``, ``line.misplaced``, ``checkpoint.wrong``, ``checkpoint.missing``,
            ``checkpoint.forked`` or ``checkpoint.later``.
        line: which line of the file, from 1; None where it is about no line.
        index: which entry, from 0; None where it is about none.
        text: for people.
    """

    what: str
    text: str
    line: int | None = None
    index: int | None = None


class Verified(Struct, frozen=True, kw_only=True):
    """What a verification found; the export is good where ``findings`` is empty.

    Attributes:
        own_keys: whether the keys were the export's own, which prove that nothing was changed since it was signed,
            but not who signed.
    """

    origin: str
    keys: tuple[str, ...]
    own_keys: bool
    size: int
    checkpoint: str | None
    findings: tuple[Finding, ...]


def verify_export(content: bytes, *, keys: Sequence[NoteKey] = (), against: Sequence[str] = ()) -> Verified:
    """Judge an export.

    Args:
        content: the file.
        keys: who is trusted to sign; the export's own keys where none is given.
        against: checkpoints (signed notes) of the same log that were kept elsewhere.

    Raises:
        UnreadableExportError: it is not an export.
    """
    first, *lines = content.split(b"\n")
    try:
        header = read_header(first)
        own = tuple(NoteKey.parse(key) for key in header.keys)  # read in any case: damage to them is damage
    except ValueError as cause:
        raise UnreadableExportError(f"line 1 does not begin an export: {cause}") from cause
    trusted = tuple(keys) or own
    judge = _Judge(header, trusted)
    judge.compare_with(against)
    if lines and not lines[-1]:
        lines.pop()
    else:
        number = len(lines) + 1
        judge.find("line.cut-off", f"the file ends in the middle of line {number}", line=number)
    for number, line in enumerate(lines, 2):
        judge.read(number, line)
    judge.end()
    newest = judge.newest
    return Verified(
        origin=header.origin,
        keys=tuple(str(key) for key in trusted),
        own_keys=not keys,
        size=newest.size if newest else 0,
        checkpoint=judge.note,
        findings=tuple(judge.findings),
    )


class _Judge:
    """Reads the lines one after the other."""

    def __init__(self, header: HeaderLine, keys: Sequence[NoteKey]) -> None:
        self.findings: list[Finding] = []
        self.newest: Checkpoint | None = None
        self.note: str | None = None
        self._origin, self._keys = header.origin, keys
        self._anchored = True  # the newest checkpoint is the one that the proofs lead to
        self._others: list[Checkpoint] = []
        self._signed: dict[int, bytes] = {}  # every checkpoint of the file: size and root
        self._roots: dict[int, bytes] = {0: EMPTY_ROOT}  # of the entries that are here, as long as all are
        self._frontier = Frontier()
        self._wanted: set[int] = set()  # sizes of the others
        self._seen: set[int] = set()
        self._last = -1
        self._in_entries = False

    def find(self, what: str, text: str, *, line: int | None = None, index: int | None = None) -> None:
        """Note what is wrong."""
        self.findings.append(Finding(what=what, text=text, line=line, index=index))

    def read(self, number: int, line: bytes) -> None:
        """Judge one line."""
        try:
            found = read_line(line)
        except ValueError as cause:
            # A damaged first entry is told from a damaged checkpoint by the member that only entries have.
            self._in_entries = self._in_entries or _ONLY_IN_ENTRIES in line
            self._unreadable(number, str(cause))
            return
        match found:
            case CheckpointLine() if self._in_entries:
                self.find("line.misplaced", f"line {number}: a checkpoint among the entries", line=number)
            case CheckpointLine():
                self._read_checkpoint(number, found)
            case EntryLine():
                self._in_entries = True
                self._read_entry(number, found)

    def compare_with(self, notes: Iterable[str]) -> None:
        """Remember checkpoints that were kept elsewhere, to hold the entries against them."""
        for note in notes:
            try:
                self._others.append(verify_checkpoint(note, self._keys, origin=self._origin))
            except NoteError as cause:
                self.find("checkpoint.wrong", f"the checkpoint to compare with does not hold: {cause}")
        self._wanted = {other.size for other in self._others}

    def end(self) -> None:
        """Judge what only the whole file shows."""
        if self.newest is None:
            self.find("checkpoint.missing", "no checkpoint is signed by a trusted key: nothing is proved")
            return
        for index in range(self.newest.size):
            if index not in self._seen:
                self.find("entry.missing", f"entry {index} is missing", index=index)
        # A changed entry is named already; it changes the root of every checkpoint after it.
        changed = any(found.what == "entry.changed" for found in self.findings)
        for size, root in self._signed.items():
            if not changed and self._roots.get(size, root) != root:
                self.find("checkpoint.forked", f"the checkpoint of {size} entries is of other entries")
        for other in sorted(self._others, key=lambda other: other.size):
            if self._compare(other, self.newest.size):
                return

    def _unreadable(self, number: int, why: str) -> None:
        if not self._in_entries:
            self._anchored = False
            self.find("line.unreadable", f"line {number} is unreadable: {why}", line=number)
            return
        index = self._last + 1
        self.find(
            "line.unreadable",
            f"line {number}, where entry {index} belongs, is unreadable: {why}",
            line=number,
            index=index,
        )

    def _read_checkpoint(self, number: int, line: CheckpointLine) -> None:
        try:
            checkpoint = verify_checkpoint(line.note, self._keys, origin=self._origin)
            self._judge_succession(number, checkpoint, line.consistency)
        except (NoteError, ProofError) as cause:
            self._anchored = False
            self.find(
                "checkpoint.wrong", f"line {number}: the checkpoint does not hold: {cause}", line=number
            )
            return
        self.newest, self.note = checkpoint, line.note
        self._signed[checkpoint.size] = checkpoint.root

    def _judge_succession(self, number: int, checkpoint: Checkpoint, consistency: Sequence[str]) -> None:
        before = self.newest
        if before is None:
            if consistency:
                raise ProofError("the first one continues nothing")
            if checkpoint.size != 0:
                text = f"line {number}: the checkpoint of 0 entries is missing"
                self.find("checkpoint.missing", text, line=number)
            return
        if checkpoint.size <= before.size:
            raise ProofError("it is not larger than the one before")
        proof = [decode_base64(each) for each in consistency]
        verify_consistency(before.size, checkpoint.size, before.root, checkpoint.root, proof)

    def _read_entry(self, number: int, line: EntryLine) -> None:
        index = line.index
        if index in self._seen:
            self.find("entry.repeated", f"line {number}: entry {index} again", line=number, index=index)
            return
        if index < self._last:
            self.find(
                "entry.moved", f"line {number}: entry {index} after {self._last}", line=number, index=index
            )
        self._seen.add(index)
        leaf = hash_leaf(encode_entry(line.entry))
        self._judge_place(number, line, leaf)
        if index == self._last + 1 == self._frontier.size:
            self._frontier.append(leaf)
            if self._frontier.size in self._signed or self._frontier.size in self._wanted:
                self._roots[self._frontier.size] = self._frontier.root()
        self._last = max(self._last, index)

    def _judge_place(self, number: int, line: EntryLine, leaf: bytes) -> None:
        if self.newest is None or not self._anchored:
            return  # the proofs lead to a checkpoint that does not hold, which is said already
        if not 0 <= line.index < self.newest.size:
            text = f"line {number}: entry {line.index} is beyond the {self.newest.size} that are signed"
            self.find("entry.surplus", text, line=number, index=line.index)
            return
        try:
            proof = [decode_base64(each) for each in line.proof]
            verify_inclusion(leaf, line.index, self.newest.size, self.newest.root, proof)
        except (NoteError, ProofError) as cause:
            text = f"line {number}: entry {line.index} or its proof is not what was signed: {cause}"
            self.find("entry.changed", text, line=number, index=line.index)

    def _compare(self, other: Checkpoint, size: int) -> bool:
        """Hold the entries against a checkpoint of elsewhere; True where it is of another log."""
        if other.size > size:
            text = f"the other checkpoint has {other.size} entries, this export only {size}"
            self.find("checkpoint.later", f"{text}: entries were cut off, or it is older")
            return True
        root = self._signed.get(other.size, self._roots.get(other.size))
        if root is None or root == other.root:
            return False  # None: an entry before is missing, which is said already
        same = [each.size for each in self._others if self._roots.get(each.size) == each.root]
        text = (
            f"two logs were signed: they part between entry {max(same, default=0)} and entry {other.size - 1}"
        )
        self.find("checkpoint.forked", text)
        return True


def checkpoints_of(content: bytes) -> list[str]:
    """Return the signed notes of an export or, where it is none, the file itself as the one note that it is.

    Raises:
        UnreadableExportError: it is neither text nor an export.
    """
    try:
        first, *lines = content.split(b"\n")
        if not first.startswith(b"{"):
            return [content.decode()]
        read_header(first)
        return [line.note for line in map(read_line, filter(None, lines)) if isinstance(line, CheckpointLine)]
    except ValueError as cause:
        raise UnreadableExportError(f"neither a checkpoint nor an export: {cause}") from cause
