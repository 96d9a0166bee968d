"""Brings a store's file to the present schema.

A file that is up to date is recognised with the standard library alone; SQLAlchemy and Alembic are loaded only where
there is something to do.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trustweft.store.errors import StoreFileError
from trustweft.store.files import (
    check_owner_only,
    connect_patiently,
    create_owner_only,
    make_directory,
    one_process_at_a_time,
)
from trustweft.store.migrations import HEAD, REVISIONS

__all__ = ["migrate"]


def migrate(path: Path) -> None:
    """Create the file (mode 0600) with the present schema, or bring an older one up to date.

    Safe to call in several processes at once.

    Raises:
        StoreFileError: the file is not a store, comes from a newer version, is open to others, or cannot be used.
    """
    try:
        if _revision(path) == HEAD:
            return
        make_directory(path)
        with one_process_at_a_time(path):
            if _revision(path) != HEAD:
                create_owner_only(path)
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
    check_owner_only(path)  # digests and password hashes stand in it
    with closing(connect_patiently(path)) as connection:
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


def _upgrade(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import Connection, create_engine, event
    from sqlalchemy.pool import NullPool

    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("sqlite://", creator=lambda: connect_patiently(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # By hand, because the driver would leave changes of the schema outside of the transaction.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with closing(connect_patiently(path)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    engine.dispose()
