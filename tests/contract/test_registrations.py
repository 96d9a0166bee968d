"""The contract for clients that registered themselves: one per software, found by a token, gone with their client."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from contract.samples import LATER, MUCH_LATER, NOW, digest, grant, registration
from trustweft.server.records import RegistrationOutcome, RegistrationUse
from trustweft.store.errors import StoreConflictError

if TYPE_CHECKING:
    from trustweft.server.records import Registration
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio

TOKEN, NEW = digest("token"), digest("new token")


async def register(
    store: ServerStore, new: Registration, *, quota: int = 10, now: float = NOW
) -> RegistrationOutcome:
    return await store.register_software(new, b'{"v": 1}', quota=quota, now=now)


async def test_a_registration_comes_with_its_client(store: ServerStore) -> None:
    """Every field survives; it is found by client and by software, until it ends."""
    assert await register(store, registration()) is RegistrationOutcome.REGISTERED
    assert await store.find_client("software-1") == b'{"v": 1}'
    assert await store.find_registration("software-1", now=NOW) == registration()
    named = {"directory": "https://directory.example", "software_id": "planner"}
    assert await store.find_registered_software(**named, now=NOW) == registration()
    assert await store.find_registration("software-1", now=MUCH_LATER) is None
    assert await store.find_registered_software(**named, now=MUCH_LATER) is None
    assert await store.find_registration("other", now=NOW) is None


async def test_a_software_is_registered_once_per_directory(store: ServerStore) -> None:
    """Two directories may have the same identifier for different software."""
    await register(store, registration())
    assert await register(store, registration("software-2")) is RegistrationOutcome.SOFTWARE_TAKEN
    assert await store.find_client("software-2") is None
    elsewhere = registration("software-3", directory="https://other.example")
    assert await register(store, elsewhere) is RegistrationOutcome.REGISTERED


async def test_of_many_at_once_one_is_registered(store: ServerStore) -> None:
    """Whoever was first; the others leave nothing behind."""
    attempts = [register(store, registration(f"software-{number}")) for number in range(20)]
    outcomes = await asyncio.gather(*attempts)
    assert outcomes.count(RegistrationOutcome.REGISTERED) == 1
    assert outcomes.count(RegistrationOutcome.SOFTWARE_TAKEN) == 19
    assert len(await store.list_clients()) == 1


async def test_an_organisation_has_no_more_than_its_quota(store: ServerStore) -> None:
    """Counted per organisation of a directory; what has expired counts no more."""
    for number in range(2):
        await register(store, registration(f"software-{number}", software_id=f"s{number}"), quota=2)
    third = registration("software-3", software_id="s3")
    assert await register(store, third, quota=2) is RegistrationOutcome.QUOTA
    assert await store.find_client("software-3") is None
    other = registration("software-4", software_id="s4", organisation_id="other")
    assert await register(store, other, quota=2) is RegistrationOutcome.REGISTERED
    later = replace(third, expires_at=math.inf)
    assert await register(store, later, quota=2, now=MUCH_LATER) is RegistrationOutcome.REGISTERED


async def test_an_identifier_that_is_taken_stays_whose_it_is(store: ServerStore) -> None:
    """Also one of a removed client: nothing is registered."""
    await store.add_client("software-1", b"{}")
    with pytest.raises(StoreConflictError):
        await register(store, registration())
    assert await store.find_client("software-1") == b"{}"
    await store.remove_client("software-1", now=NOW)
    with pytest.raises(StoreConflictError):
        await register(store, registration())
    assert await store.find_client("software-1") is None
    assert await store.find_registration("software-1", now=NOW) is None


async def test_an_expired_registration_is_in_nobodys_way(store: ServerStore) -> None:
    """Its client is removed with all that it was granted, whether or not the reaper was there."""
    await register(store, registration(expires_at=LATER))
    await store.save_grant(grant(client_id="software-1"))
    assert await register(store, registration("software-2"), now=LATER) is RegistrationOutcome.REGISTERED
    assert await store.find_client("software-1") is None
    assert await store.find_grant("grant") == replace(grant(client_id="software-1"), revoked_at=LATER)


async def test_a_registration_is_replaced_by_whoever_has_its_token_and_has_seen_it(
    store: ServerStore,
) -> None:
    """Both are compared; the new token alone is good afterwards."""
    await register(store, registration())
    for token, old in ((NEW, b'{"v": 1}'), (TOKEN, b'{"v":1}')):
        assert not await store.replace_registration(
            "software-1", token=token, new_token=NEW, old=old, new=b"{}"
        )
    assert await store.find_registration("software-1", now=NOW) == registration()
    change = {"new_token": NEW, "old": b'{"v": 1}', "new": b'{"v": 2}'}
    attempts = [store.replace_registration("software-1", token=TOKEN, **change) for _ in range(5)]
    assert sorted(await asyncio.gather(*attempts)) == [False] * 4 + [True]
    assert await store.find_client("software-1") == b'{"v": 2}'
    assert await store.find_registration("software-1", now=NOW) == registration(token=NEW)
    assert not await store.replace_registration("other", token=TOKEN, **change)


async def test_a_token_is_replaced_once(store: ServerStore) -> None:
    """Of two who recover at once one has a token that is good."""
    await register(store, registration())
    attempts = [
        store.replace_registration_token("software-1", token=TOKEN, new_token=digest(name)) for name in "abc"
    ]
    assert list(await asyncio.gather(*attempts)) == [True, False, False]
    assert await store.find_registration("software-1", now=NOW) == registration(token=digest("a"))
    assert not await store.replace_registration_token("other", token=TOKEN, new_token=NEW)


async def test_a_registration_is_removed_by_its_token_with_all_that_hangs_off_it(store: ServerStore) -> None:
    """The identifier stays taken; the software may register anew."""
    await register(store, registration())
    await store.save_grant(grant(client_id="software-1"))
    assert await store.remove_registration("software-1", token=NEW, now=LATER) is False
    assert await store.find_client("software-1") is not None
    assert await store.remove_registration("software-1", token=TOKEN, now=LATER) is True
    assert await store.remove_registration("software-1", token=TOKEN, now=LATER) is False
    assert await store.find_client("software-1") is None
    assert await store.find_grant("grant") == replace(grant(client_id="software-1"), revoked_at=LATER)
    assert await store.add_client("software-1", b"{}") is False
    assert await register(store, registration("software-2")) is RegistrationOutcome.REGISTERED


async def test_a_client_that_an_operator_removes_takes_its_registration_along(store: ServerStore) -> None:
    """Nothing is left that a token could look after."""
    await register(store, registration())
    assert await store.remove_client("software-1", now=LATER) is True
    assert await store.find_registration("software-1", now=NOW) is None
    assert not await store.replace_registration_token("software-1", token=TOKEN, new_token=NEW)


async def test_a_use_in_time_keeps_a_registration(store: ServerStore) -> None:
    """Afterwards it holds as long as it was told; too late is too late."""
    await register(store, registration(expires_at=LATER))
    await register(store, registration("software-2", software_id="late", expires_at=LATER))
    await store.add_client("by-hand", b"{}")
    use = store.use_registration
    assert await use("software-1", now=NOW, keep_until=math.inf) is RegistrationUse.USED
    assert await use("software-1", now=MUCH_LATER, keep_until=math.inf) is RegistrationUse.USED
    assert await use("software-2", now=LATER, keep_until=math.inf) is RegistrationUse.EXPIRED
    assert await use("by-hand", now=NOW, keep_until=LATER) is RegistrationUse.UNKNOWN
    assert await store.find_registration("software-1", now=MUCH_LATER) == registration(expires_at=math.inf)


async def test_dead_registrations_are_reaped_with_their_clients(store: ServerStore) -> None:
    """Oldest first, no more at once than asked for; the living stay."""
    for number, until in enumerate((NOW + 1, NOW + 2, MUCH_LATER)):
        await register(store, registration(f"software-{number}", software_id=f"s{number}", expires_at=until))
    await store.save_grant(grant(client_id="software-0", expires_at=MUCH_LATER))
    assert await store.backlog(now=LATER) == 2
    assert await store.reap(now=LATER, limit=1) == 1
    assert [client_id for client_id, _ in await store.list_clients()] == ["software-1", "software-2"]
    revoked = await store.find_grant("grant")
    assert revoked is not None
    assert revoked.revoked_at == LATER
    assert await store.reap(now=LATER, limit=10) == 1
    assert [client_id for client_id, _ in await store.list_clients()] == ["software-2"]
    assert await store.backlog(now=LATER) == 0
