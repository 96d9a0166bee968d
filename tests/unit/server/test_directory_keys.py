"""The keys of directories: followed where they are published, within bounds; a removed key vouches for nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.authority import make_authority
from support.client_hosts import jwk_of
from support.registration_stories import DIRECTORY_JWKS
from support.software import DIRECTORY, Directory, Software, registered, registration_request
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.server.directory_keys import PublishedDirectoryKeys
from trustweft.server.registrations import Registrations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority

pytestmark = pytest.mark.anyio


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server whose directory publishes its keys."""
    made = await make_authority(tmp_path / "keys")
    made.hosts.publish(DIRECTORY_JWKS, made.directory.signer)
    keys = PublishedDirectoryKeys(
        DIRECTORY_JWKS, fetch=made.hosts.fetch, clock=made.clock, observer=made.hearing
    )
    made.offer(Registrations({DIRECTORY: keys}, made.directory.registrations().rules))
    yield made
    made.close()


async def reason_for(authority: Authority, directory: Directory, software_id: str) -> str | None:
    """Try to register a software that the directory vouches for."""
    software = Software(software_id)
    statement = directory.statement(software, now=authority.clock.now())
    return (await authority.send(registration_request(authority, software, statement=statement))).reason


async def test_published_keys_are_fetched_once(authority: Authority) -> None:
    """However many register, and whatever keys statements of others name."""
    for number in range(3):
        await registered(authority, Software(f"planner-{number}"))
    stranger = Directory()
    for _ in range(3):
        assert await reason_for(authority, stranger, "x") == "software-statement.bad-signature"
    assert authority.hosts.asked == [DIRECTORY_JWKS]


async def test_a_directory_changes_its_key(authority: Authority) -> None:
    """The new one is found when a statement names it; the removed one is good for five minutes at most."""
    await registered(authority, Software())
    key = LocalSigner("ES256", generate_private_key("ES256"), "directory-key-2")
    old, new = authority.directory, Directory(key, issued=100)
    authority.hosts.publish(DIRECTORY_JWKS, jwk_of(new.signer))
    authority.clock.advance(30)
    assert await reason_for(authority, new, "planner-2") is None
    assert await reason_for(authority, old, "planner-3") == "software-statement.no-key"


async def test_a_directory_that_is_away_is_believed_for_an_hour(authority: Authority) -> None:
    """Then nobody registers, and is told when to ask again."""
    await registered(authority, Software())
    authority.hosts.away[DIRECTORY_JWKS] = OSError("no route")
    authority.clock.advance(3_599)
    assert await reason_for(authority, authority.directory, "planner-2") is None
    authority.clock.advance(6)
    answer = await authority.send(registration_request(authority, Software("planner-3")))
    assert (answer.status, answer.reason) == (503, "directory-keys.unavailable")
    assert int(answer.header("retry-after")) >= 1
