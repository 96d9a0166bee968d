"""What the parts of the store have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from trustweft.store.sqlite.reader import Reader
    from trustweft.store.sqlite.writer import Writer

__all__ = ["Part", "encode"]

# MessagePack, because it keeps octets and infinity as they are.
encode = msgspec.msgpack.Encoder().encode


class Part:
    """Some of the operations of the store, all on one writer and one reader."""

    def __init__(self, *, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._submit = writer.submit
        self._reader = reader
        self._one = reader.one
        self._all = reader.all
