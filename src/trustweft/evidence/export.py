"""A log in one self-contained file: JSON lines, each in one canonical spelling.

The first line names the log and its public keys; then comes every checkpoint, oldest first, with the proof that it
continues the one before; then every entry with its proof against the newest checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from trustweft.evidence.entries import Entry  # noqa: TC001  # msgspec reads the annotation
from trustweft.evidence.notes import encode_base64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.evidence.reader import LogReader

__all__ = ["FORMAT", "CheckpointLine", "EntryLine", "HeaderLine", "export_lines", "read_header", "read_line"]

T = TypeVar("T")

FORMAT: Final = "trustweft-evidence-1"


class HeaderLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="header"):
    """What the file is."""

    format: Literal["trustweft-evidence-1"]
    origin: str
    keys: tuple[str, ...]


class CheckpointLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="checkpoint"):
    """A signed note, and the hashes (base64) that show that it continues the one before."""

    note: str
    consistency: tuple[str, ...]


class EntryLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="entry"):
    """An entry, its index, and the hashes (base64) that show that the newest checkpoint has it there."""

    index: int
    entry: Entry
    proof: tuple[str, ...]


_encoder: Final = msgspec.json.Encoder(order="sorted")
_header: Final = msgspec.json.Decoder(HeaderLine)
_line: Final[msgspec.json.Decoder[CheckpointLine | EntryLine]] = msgspec.json.Decoder(
    CheckpointLine | EntryLine
)


def export_lines(reader: LogReader) -> Iterator[bytes]:
    """Return the lines of the file, each with its newline, of the log as it is when the first one is asked for."""
    with reader.snapshot():
        yield _write(HeaderLine(format=FORMAT, origin=reader.origin(), keys=reader.keys()))
        before = size = 0
        for size, note in reader.checkpoints():
            yield _write(CheckpointLine(note=note, consistency=_text(reader.consistency(before, size))))
            before = size
        for logged in reader.entries():
            proof = _text(reader.inclusion(logged.index, size))
            yield _write(EntryLine(index=logged.index, entry=logged.entry, proof=proof))


def read_header(line: bytes) -> HeaderLine:
    """Read the first line, without its newline.

    Raises:
        ValueError: it is not that of an export.
    """
    return _canonical(_header, line)


def read_line(line: bytes) -> CheckpointLine | EntryLine:
    """Read any other line, without its newline.

    Raises:
        ValueError: it is not one of an export, or spelt in another way than we spell it.
    """
    return _canonical(_line, line)


def _canonical(decoder: msgspec.json.Decoder[T], line: bytes) -> T:
    try:
        value = decoder.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as cause:
        raise ValueError(str(cause)) from cause
    if _encoder.encode(value) != line:
        raise ValueError("spelt in another way than an export is")
    return value


def _write(line: HeaderLine | CheckpointLine | EntryLine) -> bytes:
    return _encoder.encode(line) + b"\n"


def _text(hashes: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(encode_base64(each) for each in hashes)
