"""The console's accounts: what is good once is good once, whoever asks at the same time, from however many connections."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from trustweft.directory.people import Ceremony, Invitation, Invited, PersonPasskey, Removed, Session
from trustweft.store.errors import StoreFileError
from trustweft.store.people import SqliteConsoleStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
CALLERS = 20
INVITATION = Invitation(
    digest=b"i" * 32,
    name="olga",
    part="operator",
    handle="handle-of-olga",
    vouched_by="olga",
    invited_by="command-line",
    expires_at=NOW + 3_600,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file goes."""
    return tmp_path / "directory" / "console.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteConsoleStore]:
    """An empty store."""
    async with SqliteConsoleStore.open(path, busy_timeout=10) as opened:
        yield opened


@pytest.fixture
async def other(path: Path, store: SqliteConsoleStore) -> AsyncIterator[SqliteConsoleStore]:
    """The same file, opened once more as another process would."""
    assert store is not None
    async with SqliteConsoleStore.open(path, busy_timeout=10) as opened:
        yield opened


def passkey(identifier: bytes = b"passkey-1", name: str = "") -> PersonPasskey:
    """Return a passkey."""
    return PersonPasskey(credential_id=identifier, name=name, public_key=b"key", sign_count=1, created_at=NOW)


def session(digest: bytes = b"s" * 32, name: str = "olga", **changes: Any) -> Session:
    """Return a session of eight hours that is over after half an hour without a request."""
    begun = Session(digest=digest, name=name, seen_at=NOW, expires_at=NOW + 28_800, idle=1_800)
    return replace(begun, **changes)


async def enrol(store: SqliteConsoleStore, name: str = "olga", **changes: Any) -> None:
    """Invite somebody, and let them have a passkey of that name."""
    digest = name.encode().ljust(32)
    invitation = replace(INVITATION, digest=digest, name=name, handle=f"handle-of-{name}", **changes)
    assert await store.invite(invitation) is Invited.DONE
    person = await store.enrol(digest, passkey(name.encode()), now=NOW)
    assert person is not None
    assert person.name == name


async def test_an_invitation_makes_one_account_whoever_asks_at_once(
    store: SqliteConsoleStore, other: SqliteConsoleStore
) -> None:
    """Of many who open one link at the same time, from two processes, exactly one has the account."""
    await store.invite(INVITATION)
    attempts = [
        (store, other)[number % 2].enrol(INVITATION.digest, passkey(b"passkey-%d" % number), now=NOW)
        for number in range(CALLERS)
    ]
    won = [person for person in await asyncio.gather(*attempts) if person is not None]
    assert [person.name for person in won] == ["olga"]
    kept = [await store.find_passkey(b"passkey-%d" % number) for number in range(CALLERS)]
    assert len([each for each in kept if each is not None]) == 1
    assert await store.find_invitation(INVITATION.digest, now=NOW) is None


async def test_an_invitation_ends_on_time(store: SqliteConsoleStore) -> None:
    """After an hour a link is as good as none."""
    await store.invite(INVITATION)
    assert await store.find_invitation(INVITATION.digest, now=NOW + 3_599) == INVITATION
    assert await store.find_invitation(INVITATION.digest, now=NOW + 3_600) is None
    assert await store.invitations(now=NOW + 3_600) == ()
    assert await store.enrol(INVITATION.digest, passkey(), now=NOW + 3_600) is None
    assert await store.people() == ()


async def test_a_new_invitation_ends_the_earlier_one(store: SqliteConsoleStore) -> None:
    """Only the last link for a name is good."""
    await store.invite(INVITATION)
    await store.invite(replace(INVITATION, digest=b"j" * 32))
    assert await store.enrol(INVITATION.digest, passkey(), now=NOW) is None
    assert await store.enrol(b"j" * 32, passkey(), now=NOW) is not None


async def test_a_name_is_never_given_twice(store: SqliteConsoleStore) -> None:
    """Who acts later is never taken for who acted before, also once that account is removed."""
    await enrol(store)
    await enrol(store, "otto")
    assert await store.invite(INVITATION) is Invited.TAKEN
    assert await store.remove("olga", now=NOW) is Removed.DONE
    assert await store.invite(INVITATION) is Invited.TAKEN
    assert await store.invite(replace(INVITATION, again=True)) is Invited.TAKEN


async def test_a_further_passkey_goes_to_the_same_person_in_the_same_part(store: SqliteConsoleStore) -> None:
    """Whoever lost a device is invited again; nobody becomes something else by it."""
    await enrol(store)
    assert await store.invite(replace(INVITATION, again=True, part="auditor")) is Invited.TAKEN
    assert await store.invite(replace(INVITATION, again=True, organisation="bank")) is Invited.TAKEN
    assert await store.invite(replace(INVITATION, again=True, handle="another")) is Invited.DONE
    invitation = await store.find_invitation(INVITATION.digest, now=NOW)
    assert invitation is not None
    assert invitation.handle == "handle-of-olga"
    before = await store.find_person("olga")
    assert await store.enrol(INVITATION.digest, passkey(b"second"), now=NOW + 1) == before
    second = await store.find_passkey(b"second")
    assert second is not None
    assert second.name == "olga"


async def test_nobody_takes_over_a_passkey_that_is_known(store: SqliteConsoleStore) -> None:
    """An invitation cannot be used with somebody else's credential, and is not used up by trying."""
    await enrol(store)
    await store.invite(replace(INVITATION, name="otto", handle="handle-of-otto"))
    assert await store.enrol(INVITATION.digest, passkey(b"olga"), now=NOW) is None
    assert await store.find_invitation(INVITATION.digest, now=NOW) is not None
    found = await store.find_passkey(b"olga")
    assert found is not None
    assert found.name == "olga"


async def test_a_question_is_answered_once(store: SqliteConsoleStore, other: SqliteConsoleStore) -> None:
    """Of many answers to one challenge, from two processes, exactly one gets to be verified."""
    await store.open_ceremony(Ceremony(digest=b"c" * 32, challenge="ask", expires_at=NOW + 300), now=NOW)
    answers = [(store, other)[number % 2].close_ceremony(b"c" * 32, now=NOW) for number in range(CALLERS)]
    assert sorted(each for each in await asyncio.gather(*answers) if each) == ["ask"]


async def test_an_old_question_is_not_answered_and_not_kept(store: SqliteConsoleStore, path: Path) -> None:
    """A challenge ends on time; the next one that is asked clears the old ones away."""
    await store.open_ceremony(Ceremony(digest=b"c" * 32, challenge="ask", expires_at=NOW + 300), now=NOW)
    assert await store.close_ceremony(b"c" * 32, now=NOW + 300) is None
    await store.open_ceremony(Ceremony(digest=b"c" * 32, challenge="ask", expires_at=NOW + 300), now=NOW)
    later = Ceremony(digest=b"d" * 32, challenge="ask", expires_at=NOW + 900)
    await store.open_ceremony(later, now=NOW + 600)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT digest FROM ceremony").fetchall() == [(b"d" * 32,)]


async def test_one_signature_begins_one_session(store: SqliteConsoleStore, other: SqliteConsoleStore) -> None:
    """The counter moves once for one answer: of many at the same time exactly one is signed in."""
    await enrol(store)
    attempts = [
        (store, other)[number % 2].sign_in(
            session(b"%d" % number), credential_id=b"olga", seen=1, sign_count=2
        )
        for number in range(CALLERS)
    ]
    assert sorted(await asyncio.gather(*attempts)) == [False] * (CALLERS - 1) + [True]
    people = [await store.find_session(b"%d" % number, now=NOW) for number in range(CALLERS)]
    assert len([each for each in people if each is not None]) == 1


async def test_a_session_is_for_the_owner_of_the_passkey(store: SqliteConsoleStore) -> None:
    """Nobody is signed in as somebody else by a passkey of their own."""
    await enrol(store)
    await enrol(store, "otto")
    assert not await store.sign_in(session(name="otto"), credential_id=b"olga", seen=1, sign_count=2)
    assert await store.find_session(b"s" * 32, now=NOW) is None


async def test_a_session_ends_when_it_is_idle_and_in_any_case(store: SqliteConsoleStore) -> None:
    """Use keeps a session alive, up to its end; touching one that is over does not bring it back."""
    await enrol(store)
    await store.sign_in(session(), credential_id=b"olga", seen=1, sign_count=2)
    digest = session().digest
    assert await store.find_session(digest, now=NOW + 1_799) is not None
    assert await store.find_session(digest, now=NOW + 1_800) is None
    await store.touch(digest, now=NOW + 1_800)
    assert await store.find_session(digest, now=NOW + 1_801) is None
    await store.sign_in(session(b"t" * 32), credential_id=b"olga", seen=2, sign_count=3)
    for step in range(1, 20):
        await store.touch(b"t" * 32, now=NOW + step * 1_500)
    assert await store.find_session(b"t" * 32, now=NOW + 28_799) is not None
    assert await store.find_session(b"t" * 32, now=NOW + 28_800) is None


async def test_signing_out_ends_one_session_and_removal_ends_all(store: SqliteConsoleStore) -> None:
    """Removed people are signed out everywhere, and their passkeys are known no more."""
    await enrol(store)
    await enrol(store, "otto")
    for number in range(3):
        begun = session(b"%d" % number)
        await store.sign_in(begun, credential_id=b"olga", seen=number + 1, sign_count=number + 2)
    await store.sign_out(b"0")
    found = [await store.find_session(b"%d" % number, now=NOW) for number in range(3)]
    assert [person is not None for person in found] == [False, True, True]
    assert await store.remove("olga", now=NOW + 5) is Removed.DONE
    assert [await store.find_session(b"%d" % number, now=NOW) for number in range(3)] == [None] * 3
    assert await store.find_passkey(b"olga") is None
    assert not await store.sign_in(session(), credential_id=b"olga", seen=4, sign_count=5)
    removed = await store.find_person("olga")
    assert removed is not None
    assert removed.removed_at == NOW + 5
    assert await store.remove("olga", now=NOW + 6) is Removed.UNKNOWN


async def test_an_operator_is_always_left(store: SqliteConsoleStore, other: SqliteConsoleStore) -> None:
    """Two operators who remove each other at the same time: one of them stays."""
    await enrol(store)
    await enrol(store, "otto")
    await enrol(store, "ada", part="auditor")
    outcomes = await asyncio.gather(store.remove("olga", now=NOW), other.remove("otto", now=NOW))
    assert sorted(outcome.value for outcome in outcomes) == ["done", "last"]
    assert await store.remove("ada", now=NOW) is Removed.DONE
    assert await store.remove("nobody", now=NOW) is Removed.UNKNOWN


async def test_removing_somebody_who_is_only_invited_ends_the_invitation(store: SqliteConsoleStore) -> None:
    """A link that went to the wrong person can be taken back."""
    await store.invite(INVITATION)
    assert await store.remove("olga", now=NOW) is Removed.DONE
    assert await store.enrol(INVITATION.digest, passkey(), now=NOW) is None


async def test_attempts_are_counted_once_each(store: SqliteConsoleStore, other: SqliteConsoleStore) -> None:
    """Parallel attempts all count, and a window that is over is forgotten."""
    counts = [
        (store, other)[number % 2].count_attempt(b"key", window_ends=NOW + 900, now=NOW)
        for number in range(CALLERS)
    ]
    assert sorted(await asyncio.gather(*counts)) == list(range(1, CALLERS + 1))
    assert await store.count_attempt(b"key", window_ends=NOW + 1_800, now=NOW + 900) == 1


def test_the_file_is_for_its_owner_and_for_this_alone(path: Path) -> None:
    """Others cannot read it, and a database of another kind is not taken for it."""
    asyncio.run(_opened_and_closed(path))
    assert path.stat().st_mode & 0o777 == 0o600
    strange = path.with_name("strange.sqlite")
    with closing(sqlite3.connect(strange)) as connection:
        connection.execute("CREATE TABLE t (a)")
    strange.chmod(0o600)
    with pytest.raises(StoreFileError, match="but not the accounts"):
        SqliteConsoleStore.open(strange)


async def test_no_secret_stands_in_the_file(path: Path, store: SqliteConsoleStore) -> None:
    """Links and cookies are kept as digests; there is no column for anything else."""
    await enrol(store)
    with closing(sqlite3.connect(path)) as connection:
        columns = {
            (table, column)
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        }
    assert {column for table, column in columns if table in ("session", "invitation", "ceremony")} == {
        "again", "challenge", "digest", "expires_at", "handle", "idle", "invited_by", "name", "organisation",
        "part", "seen_at", "vouched_by",
    }  # fmt: skip


async def _opened_and_closed(path: Path) -> None:
    async with SqliteConsoleStore.open(path):
        pass
