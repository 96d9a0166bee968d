"""Brings a store's file to the present schema.

A file that is up to date is recognised with the standard library alone; SQLAlchemy and Alembic are loaded only where
there is something to do.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trustweft.store.errors import StoreFileError
from trustweft.store.migrations import HEAD, REVISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["migrate"]

# Seconds; our choice: longer than any migration of ours takes on a large file.
PATIENCE: Final = 60.0
OWNER_ONLY: Final = 0o600
OWNER_ONLY_DIRECTORY: Final = 0o700
OTHERS: Final = 0o077


def migrate(path: Path) -> None:
    """Create the file (mode 0600) with the present schema, or bring an older one up to date.

    Safe to call in several processes at once.

    Raises:
        StoreFileError: the file is not a store, comes from a newer version, is open to others, or cannot be used.
    """
    try:
        if _revision(path) == HEAD:
            return
        path.parent.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
        with _one_process_at_a_time(path):
            if _revision(path) != HEAD:
                _create(path)
                _upgrade(path)
    except (sqlite3.Error, OSError) as cause:
        raise StoreFileError(f"{path} cannot be used as a store: {cause}") from cause


def _revision(path: Path) -> str | None:
    """Return the revision of the file's schema; None if it has none yet.

    Raises:
        StoreFileError: the file is open to others, has tables that are not ours, or ours of a newer version.
    """
    if not path.exists():
        return None
    if path.stat().st_mode & OTHERS:
        # Digests and password hashes stand in it: whoever could read it may have a copy.
        raise StoreFileError(f"others can read or write {path}; run: chmod 600 {path}")
    with closing(_connect(path)) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreFileError(f"{path} is a database, but not a store of Trustweft")
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    revision = str(rows[0][0]) if rows else None
    if revision is not None and revision not in REVISIONS:
        raise StoreFileError(
            f"{path} was written by a newer version of Trustweft (schema {revision}; this one knows {HEAD})"
        )
    return revision


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path.absolute().as_uri() + "?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None
    )


@contextmanager
def _one_process_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock that any system has: a transaction on an empty database beside the file."""
    beside = path.with_name(path.name + ".migrating")
    _create(beside)
    with closing(_connect(beside)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


def _create(path: Path) -> None:
    """Make the file before SQLite does, so that it is never readable by others, not even for an instant.

    One that is there is not opened: closing it again would drop the locks that this process holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))


def _upgrade(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import Connection, create_engine, event
    from sqlalchemy.pool import NullPool

    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # By hand, because the driver would leave changes of the schema outside of the transaction.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with closing(_connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    engine.dispose()
