"""The file itself: who may read it, how it is made, and how it gets to the present schema."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import trustweft.store.migrations
from contract.samples import NOW, registration
from trustweft.server.records import RegistrationOutcome
from trustweft.store.errors import StoreFileError
from trustweft.store.migrate import migrate
from trustweft.store.migrations import HEAD, REVISIONS
from trustweft.store.schema import metadata
from trustweft.store.sqlite import SqliteStore
from trustweft.store.sqlite.connection import connect_reader, connect_writer
from trustweft.store.sqlite.housekeeping import EXPIRING, REAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


@pytest.mark.usefixtures("_open_umask")
async def test_only_the_owner_can_read_the_file_and_what_lies_beside_it(path: Path) -> None:
    """Modes 0600 and 0700 from the first instant, whatever the process's mask allows."""
    async with SqliteStore.open(path) as store:
        await store.add_client("moneyview", b"{}")
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert {"store.db", "store.db-wal", "store.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o666])
def test_a_file_that_is_open_to_others_is_refused(path: Path, mode: int) -> None:
    """Somebody may have a copy of the password hashes: the operator is told, nothing is hidden."""
    migrate(path)
    path.chmod(mode)
    with pytest.raises(StoreFileError, match=r"chmod 600"):
        migrate(path)
    assert path.stat().st_mode & 0o777 == mode


def test_migrations_lead_to_the_schema(path: Path) -> None:
    """A migrated file is what the schema says, to the letter of every statement."""
    migrate(path)
    fresh = create_engine("sqlite://")
    with fresh.begin() as connection, closing(sqlite3.connect(path)) as migrated:
        metadata.create_all(connection)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert schema_of(migrated) == schema_of(driver)
    fresh.dispose()


def test_the_revisions_are_those_of_the_migrations() -> None:
    """What is known without Alembic agrees with what Alembic finds, in the same order."""
    config = Config()
    config.set_main_option("script_location", trustweft.store.migrations.__path__[0])
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS
    assert scripts.get_heads() == [HEAD]


def test_a_file_that_is_up_to_date_opens_without_sqlalchemy(path: Path) -> None:
    """The second start is fast: neither SQLAlchemy nor Alembic is loaded."""
    migrate(path)
    program = (
        "import pathlib, sys\n"
        "from trustweft.store.sqlite import SqliteStore\n"
        "SqliteStore.open(pathlib.Path(sys.argv[1]))\n"
        "print({'sqlalchemy', 'alembic'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "q?mode=memory.db", "h#.db", "ü.db"])
async def test_any_name_of_a_file_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URI or a configuration mean nothing here."""
    async with SqliteStore.open(tmp_path / name) as store:
        assert await store.add_client("moneyview", b"{}") is True
    async with SqliteStore.open(tmp_path / name) as store:
        assert await store.add_client("moneyview", b"{}") is False


def test_a_file_that_was_only_just_made_is_completed(path: Path) -> None:
    """A first start that was interrupted before the schema was there is taken up again."""
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    migrate(path)
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


async def test_a_file_from_before_registrations_is_brought_up_to_date(path: Path) -> None:
    """Its clients stay, and software can register itself beside them."""
    async with SqliteStore.open(path) as store:
        await store.add_client("moneyview", b"{}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE registrations")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    async with SqliteStore.open(path) as store:
        assert await store.find_client("moneyview") == b"{}"
        registered = await store.register_software(registration(), b"{}", quota=1, now=NOW)
        assert registered is RegistrationOutcome.REGISTERED
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    """An older program leaves alone what it does not understand."""
    migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFileError, match="newer version"):
        SqliteStore.open(path)


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    """No table is added to a file that is not a store."""
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (thing)")
    with pytest.raises(StoreFileError, match="not a store"):
        SqliteStore.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert schema_of(connection) == {"other": "CREATE TABLE other (thing)"}


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 1000])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    """The message names the file, and the file stays as it was."""
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(StoreFileError, match=r"store\.db cannot be used"):
        SqliteStore.open(path)
    assert path.read_bytes() == content


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A path through a file is no place for a store."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreFileError, match="cannot be used"):
        SqliteStore.open(tmp_path / "file" / "store.db")


@pytest.mark.parametrize("connect", [connect_reader, connect_writer])
def test_opening_never_makes_a_file(path: Path, connect: Callable[..., sqlite3.Connection]) -> None:
    """A file that went away meanwhile is told, not replaced by an empty one with other modes."""
    path.parent.mkdir(mode=0o700)
    with pytest.raises(StoreFileError, match="cannot be opened"):
        connect(path, busy_timeout=1)
    assert not path.exists()


@pytest.mark.parametrize(("statement", "table"), [*zip(REAP, (row[0] for row in EXPIRING), strict=True)])
def test_what_has_expired_is_found_by_an_index(path: Path, statement: str, table: str) -> None:
    """Reaping never reads a whole table."""
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", (0, 1))]
    assert [step for step in plan if step.startswith(f"SCAN {table}")] == []
    assert any(f"ix_{table}_" in step for step in plan)


def test_every_table_with_an_expiry_is_reaped() -> None:
    """A table that gets a column for its end is in the list of the reaper."""
    endings = {"expires_at", "kept_until", "window_ends"}
    expiring = {name for name, table in metadata.tables.items() if endings & set(table.columns.keys())}
    # A registration takes its client along, and is reaped by a statement of its own: see test_registrations.py.
    assert expiring == {"registrations", *(table for table, _, _ in EXPIRING)}
