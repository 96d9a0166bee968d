"""The evidence log as the console reads it, beside the process that writes it."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trustweft.evidence.files import EvidenceFileError
from trustweft.evidence.reader import LogReader
from trustweft.runtime.errors import Shown, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["open_log"]

UNREADABLE = reason(
    "console.log-unreadable",
    error="temporarily_unavailable",
    public="The evidence log cannot be read at the moment.",
    status=503,
    shown=Shown.PAGE,
)


@contextmanager
def open_log(path: Path | None) -> Iterator[LogReader | None]:
    """Open the log as it is now; None where the directory keeps none yet.

    Raises:
        Reject: ``console.log-unreadable``.
    """
    if path is None or not path.exists():
        yield None
        return
    try:
        reader = LogReader(path)
        try:
            with reader.snapshot():
                yield reader
        finally:
            reader.close()
    except (EvidenceFileError, sqlite3.Error) as cause:
        raise UNREADABLE.reject(str(cause)) from cause
