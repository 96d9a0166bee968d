"""A SQLite file with a schema of its own, which never was another one: made where it is missing, told from others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from trustweft.store.errors import StoreFileError
from trustweft.store.files import (
    check_owner_only,
    connect_patiently,
    create_owner_only,
    make_directory,
    one_process_at_a_time,
)
from trustweft.store.sqlite.connection import connect_reader, connect_writer
from trustweft.store.sqlite.reader import Reader
from trustweft.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileKind", "open_file"]

# Seconds, as in the server's store.
_READER_TIMEOUT = 1.0


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        title: its name in messages, as in "the directory's store".
        application: SQLite's ``application_id``, which tells it from other databases.
        version: of the schema.
        schema: the statements that make it.
    """

    title: str
    application: int
    version: int
    schema: tuple[str, ...]


def open_file(path: Path, kind: FileKind, *, busy_timeout: float) -> tuple[Writer, Reader]:
    """Open the file (mode 0600), made where there is none.

    Raises:
        StoreFileError: the file cannot be used for this; the message says why.
    """
    try:
        _prepare(path, kind)
    except (sqlite3.Error, OSError) as cause:
        raise StoreFileError(f"{path} cannot be used as {kind.title}: {cause}") from cause
    reader = Reader(connect_reader(path, busy_timeout=_READER_TIMEOUT))
    try:
        writer = Writer(connect_writer(path, busy_timeout=busy_timeout), busy_timeout=busy_timeout)
    except BaseException:
        reader.close()
        raise
    return writer, reader


def _prepare(path: Path, kind: FileKind) -> None:
    """Make the file, or hold that it is ours.

    Raises:
        StoreFileError: it is open to others, is something else, or comes from a newer version.
    """
    make_directory(path)
    with one_process_at_a_time(path):
        create_owner_only(path)
        check_owner_only(path)
        with closing(connect_patiently(path)) as connection:
            if _is_ready(connection, path, kind):
                return
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in kind.schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {kind.application}")
            connection.execute(f"PRAGMA user_version = {kind.version}")
            connection.execute("COMMIT")


def _is_ready(connection: sqlite3.Connection, path: Path, kind: FileKind) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != kind.application and (application or version or tables):
        raise StoreFileError(f"{path} is a database, but not {kind.title}")
    if version > kind.version:
        raise StoreFileError(f"{path} was written by a newer version of Trustweft (schema {version})")
    return bool(version)
