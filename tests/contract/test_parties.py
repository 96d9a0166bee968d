"""The contract for clients and people, and for what is left of them once they are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from contract.samples import LATER, MUCH_LATER, NOW, grant, passkey, user

if TYPE_CHECKING:
    from trustweft.server.records import User
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio


async def test_clients_are_added_found_and_listed(store: ServerStore) -> None:
    """The metadata comes back octet by octet, the list in the order of identifiers."""
    assert await store.add_client("zebra", b'{"z": 1}') is True
    assert await store.add_client("moneyview", b'{"m":  2}') is True
    assert await store.find_client("moneyview") == b'{"m":  2}'
    assert await store.find_client("MONEYVIEW") is None
    assert await store.list_clients() == [("moneyview", b'{"m":  2}'), ("zebra", b'{"z": 1}')]


async def test_a_client_is_never_overwritten(store: ServerStore) -> None:
    """A second registration under a taken identifier fails and changes nothing."""
    await store.add_client("moneyview", b"{}")
    assert await store.add_client("moneyview", b'{"attacker": true}') is False
    assert await store.find_client("moneyview") == b"{}"


async def test_a_client_is_replaced_by_whoever_has_seen_what_is_there(store: ServerStore) -> None:
    """Compared octet for octet, so that nobody undoes what somebody else decided meanwhile; grants stay."""
    await store.add_client("moneyview", b'{"v": 1}')
    await store.add_client("other", b'{"v": 1}')
    await store.save_grant(grant())
    assert await store.replace_client("moneyview", old=b'{"v":1}', new=b"{}") is False
    assert await store.replace_client("moneyview", old=b'{"v": 1}', new=b'{"v": 2}') is True
    assert await store.replace_client("moneyview", old=b'{"v": 1}', new=b'{"v": 3}') is False
    assert await store.list_clients() == [("moneyview", b'{"v": 2}'), ("other", b'{"v": 1}')]
    assert await store.find_grant("grant") == grant()


async def test_a_client_that_is_not_there_is_not_replaced(store: ServerStore) -> None:
    """Neither one that never was, nor one that was removed: it does not come back this way."""
    await store.add_client("moneyview", b"{}")
    await store.remove_client("moneyview", now=NOW)
    for client_id in ("moneyview", "unknown"):
        assert await store.replace_client(client_id, old=b"{}", new=b'{"v": 2}') is False
    assert await store.list_clients() == []


async def test_a_removed_client_leaves_its_identifier_taken(store: ServerStore) -> None:
    """Nobody can become a client that others still remember."""
    await store.add_client("moneyview", b"{}")
    assert await store.remove_client("moneyview", now=NOW) is True
    assert await store.remove_client("moneyview", now=LATER) is False
    assert await store.remove_client("unknown", now=LATER) is False
    assert await store.find_client("moneyview") is None
    assert await store.list_clients() == []
    assert await store.add_client("moneyview", b"{}") is False


async def test_a_removed_client_loses_its_grants_and_only_these(store: ServerStore) -> None:
    """Its grants are revoked at the time of removal; earlier revocations keep their time."""
    await store.add_client("moneyview", b"{}")
    await store.save_grant(grant("earlier"))
    await store.save_grant(grant("now"))
    await store.save_grant(grant("other", client_id="other"))
    await store.revoke_grant("earlier", now=NOW)
    await store.remove_client("moneyview", now=LATER)
    assert await store.find_grant("earlier") == replace(grant("earlier"), revoked_at=NOW)
    assert await store.find_grant("now") == replace(grant("now"), revoked_at=LATER)
    assert await store.find_grant("other") == grant("other", client_id="other")


async def test_a_grant_that_arrives_after_the_removal_is_born_revoked(store: ServerStore) -> None:
    """A consent under way while the client or the person is removed gives nothing."""
    await store.add_client("moneyview", b"{}")
    await store.add_user(user("bob", subject="bob-subject"))
    await store.remove_client("moneyview", now=NOW)
    await store.remove_user("bob", now=LATER)
    of_client = grant("client", client_id="moneyview", subject="alice-subject")
    of_person = grant("person", client_id="other", subject="bob-subject")
    await store.save_grant(of_client)
    await store.save_grant(of_person)
    assert await store.find_grant("client") == replace(of_client, revoked_at=NOW)
    assert await store.find_grant("person") == replace(of_person, revoked_at=LATER)


async def test_users_are_found_by_name_and_by_subject(store: ServerStore) -> None:
    """Every field survives; neither identifier works in the place of the other."""
    assert await store.add_user(user()) is True
    assert await store.find_user("alice") == user()
    assert await store.find_subject("alice-subject") == user()
    assert await store.find_user("alice-subject") is None
    assert await store.find_subject("alice") is None
    assert await store.find_user("") is None


async def test_users_are_listed_by_name(store: ServerStore) -> None:
    """The order does not depend on when they were added."""
    bob = user("bob", subject="1")
    await store.add_user(bob)
    await store.add_user(user())
    assert await store.list_users() == [user(), bob]


@pytest.mark.parametrize(
    "second",
    [user("alice", subject="another"), user("another", subject="alice-subject"), user()],
    ids=["same name", "same subject", "same both"],
)
async def test_neither_name_nor_subject_is_given_twice(store: ServerStore, second: User) -> None:
    """A user whose name or subject is taken is not added, and the first one stays as it was."""
    await store.add_user(user())
    assert await store.add_user(second) is False
    assert await store.list_users() == [user()]


async def test_a_removed_user_leaves_name_and_subject_taken(store: ServerStore) -> None:
    """Nobody can become somebody whom a resource server still remembers."""
    await store.add_user(user())
    await store.add_passkey(passkey())
    assert await store.remove_user("alice", now=NOW) is True
    assert await store.remove_user("alice", now=LATER) is False
    assert await store.remove_user("unknown", now=LATER) is False
    assert await store.find_user("alice") is None
    assert await store.find_subject("alice-subject") is None
    assert await store.list_users() == []
    assert await store.find_passkey(b"credential") is None
    assert await store.add_user(user("alice", subject="another")) is False
    assert await store.add_user(user("another", subject="alice-subject")) is False


async def test_a_removed_user_loses_grants_and_passkeys_and_nobody_else_does(store: ServerStore) -> None:
    """What hangs off one person is revoked at the time of removal."""
    await store.add_user(user())
    await store.add_user(user("bob", subject="bob-subject"))
    await store.add_passkey(passkey(b"a"))
    await store.add_passkey(passkey(b"b", subject="bob-subject"))
    await store.save_grant(grant("a"))
    await store.save_grant(grant("b", subject="bob-subject"))
    await store.remove_user("alice", now=LATER)
    assert await store.find_grant("a") == replace(grant("a"), revoked_at=LATER)
    assert await store.find_grant("b") == grant("b", subject="bob-subject")
    assert await store.passkeys_of("alice-subject") == []
    assert await store.passkeys_of("bob-subject") == [passkey(b"b", subject="bob-subject")]


async def test_a_password_hash_is_replaced_only_if_nobody_was_first(store: ServerStore) -> None:
    """Compare and set: the hash that was verified must still be the stored one."""
    await store.add_user(user(password_hash="one"))
    assert await store.replace_password_hash("alice-subject", old="wrong", new="two") is False
    assert await store.replace_password_hash("nobody", old="one", new="two") is False
    assert await store.find_user("alice") == user(password_hash="one")
    assert await store.replace_password_hash("alice-subject", old="one", new="two") is True
    assert await store.replace_password_hash("alice-subject", old="one", new="three") is False
    assert await store.find_subject("alice-subject") == user(password_hash="two")
    assert await store.list_users() == [user(password_hash="two")]


async def test_the_password_hash_of_a_removed_user_cannot_be_set(store: ServerStore) -> None:
    """A tombstone is no account."""
    await store.add_user(user(password_hash="one"))
    await store.remove_user("alice", now=NOW)
    assert await store.replace_password_hash("alice-subject", old="one", new="two") is False


async def test_passkeys_are_found_and_listed_oldest_first(store: ServerStore) -> None:
    """Every field survives."""
    await store.add_user(user())
    younger = passkey(b"\x00younger", created_at=MUCH_LATER)
    assert await store.add_passkey(younger) is True
    assert await store.add_passkey(passkey()) is True
    assert await store.find_passkey(b"\x00younger") == younger
    assert await store.find_passkey(b"unknown") is None
    assert await store.passkeys_of("alice-subject") == [passkey(), younger]


async def test_a_passkey_is_added_once_and_only_to_a_user(store: ServerStore) -> None:
    """A known credential cannot be moved to another account; a removed or unknown user gets none."""
    await store.add_user(user())
    await store.add_user(user("mallory", subject="mallory"))
    await store.add_user(user("gone", subject="gone"))
    await store.remove_user("gone", now=NOW)
    await store.add_passkey(passkey())
    assert await store.add_passkey(passkey(subject="mallory")) is False
    assert await store.add_passkey(passkey(b"2", subject="gone")) is False
    assert await store.add_passkey(passkey(b"2", subject="nobody")) is False
    assert await store.find_passkey(b"credential") == passkey()
    assert await store.find_passkey(b"2") is None


async def test_a_signature_counter_advances_only_from_what_was_seen(store: ServerStore) -> None:
    """Compare and set: two uses of one counter value cannot both succeed."""
    await store.add_user(user())
    await store.add_passkey(passkey())
    assert await store.advance_passkey(b"credential", seen=6, sign_count=8) is False
    assert await store.advance_passkey(b"credential", seen=7, sign_count=8) is True
    assert await store.advance_passkey(b"credential", seen=7, sign_count=9) is False
    assert await store.advance_passkey(b"unknown", seen=7, sign_count=9) is False
    assert await store.find_passkey(b"credential") == replace(passkey(), sign_count=8)
    assert await store.passkeys_of("alice-subject") == [replace(passkey(), sign_count=8)]
