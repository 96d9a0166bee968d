"""A server's keys follow the files and the clock, and what is published follows the keys."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.authority import BANK, make_authority
from support.requests import access_token, code_request, introspection_request, userinfo_request
from trustweft.crypto import jws
from trustweft.crypto.key_rotation import HANDOVER, MINIMUM_NOTICE, make_missing, retire, rotate
from trustweft.crypto.key_states import PUBLISHED_AFTER_USE, PUBLISHED_BEFORE_USE
from trustweft.crypto.key_watch import INTERVAL, KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import thumbprint
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from trustweft.protocol.http import HttpResponse

pytestmark = pytest.mark.anyio


class Hearing(SilentObserver):
    """Keeps what it is told of keys."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, str]] = []
        self.failures: list[str] = []

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Keep a change."""
        assert (participant, event) == ("server", "signing key changed")
        self.changes.append((str(facts["key_id"]), str(facts["before"]), str(facts["after"])))

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Keep a failure."""
        self.failures.append(str(cause))


class Watched:
    """A ring, its watch, and a clock that is turned by hand."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock()
        self.hearing = Hearing()
        self.ring = KeyRing.load_or_create(directory, now=self.clock.now())
        self.pauses: asyncio.Queue[float] = asyncio.Queue()
        self.watch = KeyWatch(self.ring, clock=self.clock, observer=self.hearing, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        await self.pauses.put(seconds)
        await self.pauses.join()  # until the test says that the time has passed


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A ring that is watched."""
    return Watched(tmp_path / "keys")


async def test_each_step_of_a_key_is_told_once(watched: Watched) -> None:
    """To whoever keeps the log: published, signing, retiring, retired."""
    first = str(watched.ring.signer().key_id)
    second = rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now()).key_id
    for seconds in (0, 0, PUBLISHED_BEFORE_USE, 1, PUBLISHED_AFTER_USE):
        watched.clock.advance(seconds)
        watched.watch.look()
    assert sorted(watched.hearing.changes) == sorted(
        [
            (second, "unknown", "pending"),
            (second, "pending", "active"),
            (first, "active", "retiring"),
            (first, "retiring", "retired"),
        ]
    )
    assert watched.hearing.failures == []


async def test_spent_secrets_are_erased_by_the_watch(watched: Watched) -> None:
    """As soon as the key signs no more."""
    path = watched.ring.directory.path / f"{watched.ring.signer().key_id}.json"
    rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now())
    watched.watch.look()
    assert "d" in json.loads(path.read_bytes())["jwk"]
    watched.clock.advance(PUBLISHED_BEFORE_USE)
    watched.watch.look()
    assert "d" not in json.loads(path.read_bytes())["jwk"]


async def test_a_file_that_cannot_be_used_is_told_once_and_the_clock_goes_on(watched: Watched) -> None:
    """Not twice a second; and again when it breaks again."""
    second = rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now()).key_id
    watched.watch.look()
    path = watched.ring.directory.path / f"{second}.json"
    for _ in range(2):
        path.chmod(0o644)
        for _ in range(3):
            watched.watch.look()
        path.chmod(0o600)
        watched.watch.look()
    assert len(watched.hearing.failures) == 2
    path.chmod(0o644)
    watched.clock.advance(PUBLISHED_BEFORE_USE)
    watched.watch.look()
    assert watched.ring.signer().key_id == second


async def test_it_looks_twice_a_second_and_at_the_moment_of_a_change(watched: Watched) -> None:
    """All processes begin to use a key at the same moment."""
    task = asyncio.ensure_future(watched.watch.run())
    assert await watched.pauses.get() == INTERVAL
    rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now())
    watched.clock.advance(PUBLISHED_BEFORE_USE - 0.1)
    watched.pauses.task_done()
    assert await watched.pauses.get() == pytest.approx(0.1)
    task.cancel()
    assert INTERVAL * 2 <= HANDOVER


async def test_an_old_key_gets_a_successor_by_itself(watched: Watched) -> None:
    """One, not before its time, and it takes over as after a command; of two processes one makes it."""
    first = watched.ring.signer().key_id
    other = KeyRing.load_or_create(watched.ring.directory.path, now=watched.clock.now())
    watches = [
        KeyWatch(ring, clock=watched.clock, observer=watched.hearing, rotate_after=86_400.0)
        for ring in (watched.ring, other)
    ]
    watched.clock.advance(86_399.0)
    for watch in watches:
        watch.look()
        await watch._rotate_old()
    assert len(watched.ring.directory.read()) == 1
    watched.clock.advance(1.0)
    for watch in watches:
        watch.look()
    # Both have seen that it is time before either acts.
    await asyncio.gather(*(watch._rotate_old() for watch in watches))
    assert len(watched.ring.directory.read()) == 2
    for _ in range(2):
        watched.clock.advance(PUBLISHED_BEFORE_USE)
        for watch in watches:
            watch.look()
            await watch._rotate_old()
    assert watched.ring.signer().key_id == other.signer().key_id != first
    assert len(watched.ring.directory.read()) == 2
    assert watched.hearing.failures == []


async def test_a_rotation_that_cannot_be_written_is_told_once(watched: Watched) -> None:
    """The old key goes on, and the next look tries again."""
    watch = KeyWatch(watched.ring, clock=watched.clock, observer=watched.hearing, rotate_after=1.0)
    watched.clock.advance(1.0)
    watched.ring.directory.path.chmod(0o755)  # others could read the new key
    for _ in range(3):
        await watch._rotate_old()
    assert len(watched.hearing.failures) == 1
    watched.ring.directory.path.chmod(0o700)
    await watch._rotate_old()
    assert len(watched.ring.directory.read()) == 2


async def test_a_key_that_nobody_believes_is_given_up_and_another_signs_at_once(watched: Watched) -> None:
    """Also one that has not signed yet; what is not ours, and what was given up before, changes nothing."""
    first, ended = watched.ring.signer(), dict[str, bool]()
    second = rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now())
    watch = KeyWatch(watched.ring, clock=watched.clock, observer=watched.hearing, ended=lambda: ended)
    watch.look()
    watched.clock.advance(1.0)
    ended |= {"k" * 43: True, thumbprint(first.public_key): True, thumbprint(second.public_key): False}
    for _ in range(3):
        await watch.give_up_ended()
    (signing,) = watched.ring.key_set().keys
    assert signing.key_id == watched.ring.signer().key_id not in {first.key_id, second.key_id}
    retired = {each.key_id: each.compromised for each in watched.ring.directory.read() if each.retired_at}
    assert retired == {first.key_id: True, second.key_id: False}
    assert watched.hearing.failures == []


async def test_a_key_that_begins_to_sign_in_a_moment_is_given_up_once_it_signs(watched: Watched) -> None:
    """Between the two nobody can tell which of them signs."""
    second = rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now())
    ended = {thumbprint(second.public_key): True}
    watched.clock.advance(PUBLISHED_BEFORE_USE - MINIMUM_NOTICE / 2)
    watched.watch.look()
    watch = KeyWatch(watched.ring, clock=watched.clock, observer=watched.hearing, ended=lambda: ended)
    with pytest.raises(BlockingIOError):
        await watch.have_given_up(ended)
    assert second.key_id in {each.key_id for each in watched.ring.key_set().keys}
    watched.clock.advance(MINIMUM_NOTICE)
    watch.look()
    await watch.give_up_ended()
    assert watched.ring.signer().key_id != second.key_id
    assert second.key_id not in {each.key_id for each in watched.ring.key_set().keys}


async def test_a_key_that_cannot_be_given_up_is_told_once_and_tried_again(watched: Watched) -> None:
    """Others can reach the folder, or a command holds it: nothing waits for that, and nothing else breaks."""
    ended = {thumbprint(watched.ring.signer().public_key): True}
    watch = KeyWatch(watched.ring, clock=watched.clock, observer=watched.hearing, ended=lambda: ended)
    watched.ring.directory.path.chmod(0o755)
    for _ in range(3):
        await watch.give_up_ended()
    assert len(watched.hearing.failures) == 1
    watched.ring.directory.path.chmod(0o700)
    with watched.ring.directory.writing():
        await watch.give_up_ended()
        with pytest.raises(BlockingIOError):
            await watch.have_given_up(ended)
        await watch.have_given_up({"k" * 43})  # another's
    assert len(watched.hearing.failures) == 1
    before = watched.ring.signer().key_id
    await asyncio.gather(watch.have_given_up(ended), watch.give_up_ended())
    assert watched.ring.signer().key_id != before
    assert len(watched.ring.directory.read()) == 2


async def test_a_key_that_was_replaced_long_ago_is_given_up_already(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is published no more: nothing is written twice a second for ever because the directory ends it too."""
    first = watched.ring.signer()
    rotate(watched.ring.directory, algorithm="ES256", now=watched.clock.now())
    watched.clock.advance(PUBLISHED_BEFORE_USE + PUBLISHED_AFTER_USE)
    ended = {thumbprint(first.public_key): False}
    watch = KeyWatch(watched.ring, clock=watched.clock, observer=watched.hearing, ended=lambda: ended)
    watch.look()
    monkeypatch.setattr("trustweft.crypto.key_watch.retire", None)
    await watch.have_given_up(ended)


async def test_a_directory_without_keys_is_not_looked_at_without_pause(watched: Watched) -> None:
    """The last keys go on to sign, and the process has time for requests."""
    for path in watched.ring.directory.path.glob("*.json"):
        path.unlink()
    task = asyncio.ensure_future(watched.watch.run())
    for _ in range(3):
        assert await watched.pauses.get() == INTERVAL
        watched.pauses.task_done()
    task.cancel()
    assert len(watched.hearing.failures) == 1
    assert watched.ring.signer().key_id is not None


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server in memory."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


async def document(authority: Authority, path: str) -> dict[str, object]:
    """Read what the server publishes."""
    found: HttpResponse | None = authority.server.documents.find(path)
    assert found is not None
    assert authority.server.documents.find(path) is found
    content: dict[str, object] = json.loads(found.body)
    return content


async def test_the_documents_follow_the_keys(authority: Authority) -> None:
    """Key set and algorithms, without a restart; each is the same answer until it changes."""
    keys, metadata = "/jwks", "/.well-known/openid-configuration"
    ring, now = authority.deployment.keys, authority.clock.now()
    assert (await document(authority, metadata))["id_token_signing_alg_values_supported"] == ["ES256"]
    assert await document(authority, keys) == ring.public_jwks()
    make_missing(ring.directory, algorithms=("ES256", "PS256"), now=now)
    ring.reload(now)
    published = (await document(authority, keys))["keys"]
    assert isinstance(published, list)
    assert [key["alg"] for key in published] == ["ES256", "PS256"]
    assert (await document(authority, metadata))["id_token_signing_alg_values_supported"] == ["ES256"]
    ring.turn_to(now + PUBLISHED_BEFORE_USE)
    algorithms = (await document(authority, metadata))["id_token_signing_alg_values_supported"]
    assert algorithms == ["ES256", "PS256"]


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
async def test_an_id_token_is_signed_as_the_client_registered(authority: Authority, algorithm: str) -> None:
    """With the active key of that algorithm; the access token beside it with the default (Core section 2)."""
    ring, now = authority.deployment.keys, authority.clock.now()
    make_missing(ring.directory, algorithms=("ES256", "PS256", "EdDSA"), now=now - PUBLISHED_BEFORE_USE)
    ring.reload(now)
    party = await authority.register(
        replace(authority.moneyview, client_id="particular"), id_token_signed_response_alg=algorithm
    )
    answer = await authority.send(code_request(authority, await authority.issue_code(party)))
    headers = [jws.parse(answer.json[name]).header for name in ("id_token", "access_token")]
    assert [(header["alg"], header["kid"]) for header in headers] == [
        (algorithm, ring.signer(algorithm).key_id),
        ("ES256", ring.signer().key_id),
    ]


async def test_a_compromised_key_is_refused_by_the_server_itself(authority: Authority) -> None:
    """At userinfo and introspection, as soon as its successor signs."""
    ring, now = authority.deployment.keys, authority.clock.now()
    own, foreign = access_token(authority), access_token(authority, audience=(BANK,), scope=("accounts",))
    assert (await authority.send(userinfo_request(authority, own))).status == 200
    assert (await authority.send(introspection_request(authority, foreign))).json["active"] is True
    stale = [userinfo_request(authority, own), introspection_request(authority, foreign)]
    retire(ring.directory, str(ring.signer().key_id), compromised=True, now=now)
    ring.reload(now + HANDOVER)
    answers = [await authority.send(draft) for draft in stale]
    assert (answers[0].status, answers[0].reason) == (401, "access-token.unknown-key")
    assert answers[1].json == {"active": False}
    assert (await authority.send(userinfo_request(authority))).status == 200
