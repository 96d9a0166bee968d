"""Three complete rotations under traffic over HTTPS: nobody ever meets a signature that does not verify."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

import httpx2
import pytest

from ecosystem import run_trustweft
from support.rotating import ALGORITHMS, running_town
from trustweft.crypto import key_states
from trustweft.crypto.key_rotation import HANDOVER, retire, rotate
from trustweft.crypto.key_states import KeyState

if TYPE_CHECKING:
    from pathlib import Path

    from ecosystem import Ecosystem
    from support.rotating import Held, Town

ROTATIONS: Final = 3
# When traffic runs, in seconds after a rotation began: dense while keys take turns, and where one is forgotten.
BEFORE_USE: Final = (0, 150, 299, 450, 599)
AROUND_USE: Final = (600, 601, 750, 880, 1_000)
AFTER_USE: Final = (2_500, 4_199, 4_200, 4_201)
SECONDS_OF_A_TOKEN: Final = 290
SECONDS_TO_FOLLOW: Final = 5.0


class Traffic:
    """Clients that get tokens, and use them for as long as they live."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._held: list[tuple[float, Held]] = []

    async def use(self) -> None:
        """Use every token that lives; what fails is kept among the town's problems."""
        now = self._town.clock.now()
        self._held = [(until, held) for until, held in self._held if now < until]
        await asyncio.gather(*[self._attempt(held) for _, held in self._held])

    async def authorize(self) -> None:
        """Get new tokens of each kind, and use them."""
        await asyncio.gather(*[self._authorize(algorithm) for algorithm in ALGORITHMS])

    async def _authorize(self, algorithm: str) -> None:
        town = self._town
        try:
            held = await town.authorize(algorithm)
        except Exception as problem:  # noqa: BLE001  # whatever it is, it is told
            town.problems.append(f"{algorithm}: {problem!r}")
        else:
            self._held.append((town.clock.now() + SECONDS_OF_A_TOKEN, held))
            await self._attempt(held)

    async def _attempt(self, held: Held) -> None:
        try:
            await self._town.use(held)
        except Exception as problem:  # noqa: BLE001  # whatever it is, it is told
            self._town.problems.append(repr(problem))


async def rotate_under_traffic(town: Town, traffic: Traffic) -> None:
    """Publish the next key of each algorithm, and turn the clock until the one before is forgotten.

    The workers look one after the other, with traffic between: what one has seen the other has not.
    """
    await traffic.authorize()
    town.clock.advance(10)
    began = town.clock.now()
    for algorithm in ALGORITHMS:
        rotate(town.rings[0].directory, algorithm=algorithm, now=began)
    for number, seconds in enumerate((*BEFORE_USE, *AROUND_USE, *AFTER_USE)):
        town.clock.advance(began + seconds - town.clock.now())
        first, second = number % 2, 1 - number % 2
        town.look(first)
        await traffic.use()
        await traffic.authorize()
        town.look(second)
        await traffic.use()


def states(town: Town, worker: int) -> list[KeyState]:
    """Return what the keys are to one worker."""
    return [status.state for status in town.rings[worker].statuses]


@pytest.mark.anyio
async def test_three_rotations_under_traffic_fail_no_verification(tmp_path: Path) -> None:
    """ID tokens at the client, access tokens at guard, userinfo and introspection.

    The guard keeps the key set for the five minutes that it may, and the two processes of the server never ask each
    other.
    """
    async with running_town(tmp_path) as town:
        traffic = Traffic(town)
        for _ in range(ROTATIONS):
            await rotate_under_traffic(town, traffic)
        assert town.problems == []
        assert town.hearing.failures == []
        assert town.verified > 500
        # Every key signed something, in its turn, and all but the last pair are gone.
        assert {name: len(used) for name, used in town.signed_with.items()} == dict.fromkeys(
            ALGORITHMS, ROTATIONS + 1
        )
        for worker in range(2):
            assert states(town, worker).count(KeyState.RETIRED) == ROTATIONS * len(ALGORITHMS)
            assert states(town, worker).count(KeyState.ACTIVE) == len(ALGORITHMS)
            assert len(town.rings[worker].key_set().keys) == len(ALGORITHMS)


@pytest.mark.anyio
@pytest.mark.parametrize("time_left_out", ["PUBLISHED_BEFORE_USE", "PUBLISHED_AFTER_USE"])
async def test_without_the_time_before_or_after_use_verification_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time_left_out: str
) -> None:
    """The same traffic notices a key that signs as soon as it is published, or is forgotten as soon as it signs no more."""
    monkeypatch.setattr(key_states, time_left_out, 0.0)
    async with running_town(tmp_path) as town:
        traffic = Traffic(town)
        await rotate_under_traffic(town, traffic)
        assert town.problems != []


@pytest.mark.anyio
async def test_a_compromised_key_is_believed_by_nobody_after_five_minutes(tmp_path: Path) -> None:
    """Not even a token that was verified and remembered before.

    The server, and whoever introspects there, refuses it as soon as the next key signs; the bank's own verification as
    soon as it looks at the key set again.
    """
    async with running_town(tmp_path) as town:
        await town.use(await town.authorize("ES256"))  # the bank has the key set for five minutes from here
        town.clock.advance(100)
        held = await town.authorize("ES256")
        await town.use(held)
        await _compromise(town, held)
        assert await _at_the_server(town, held) == (401, "access-token.unknown-key")
        assert await _at_the_bank(town, held) == (401, "guard.token-revoked")
        town.clock.advance(200 - HANDOVER)
        assert await _at_the_bank(town, held) == (401, "access-token.unknown-key")
        await town.use(await town.authorize("ES256"))
        assert len(town.signed_with["ES256"]) == 2


async def _compromise(town: Town, held: Held) -> None:
    """Retire the key that signs; both workers publish its successor before either signs with it."""
    directory, now = town.rings[0].directory, town.clock.now()
    retire(directory, str(town.rings[0].signer().key_id), compromised=True, now=now)
    for worker in range(2):
        town.look(worker)
        await town.use(held)
    town.clock.advance(HANDOVER)
    for worker in range(2):
        town.look(worker)


async def _at_the_server(town: Town, held: Held) -> tuple[int, str]:
    return await _refused(held, f"{town.issuer}/userinfo")


async def _at_the_bank(town: Town, held: Held) -> tuple[int, str]:
    return await _refused(held, f"{town.bank}/accounts")


async def _refused(held: Held, url: str) -> tuple[int, str]:
    held.client.store.save("stolen", held.tokens)
    answer = await held.client.call("GET", url, name="stolen")
    return answer.status, dict(answer.headers)["trustweft-reason"]


def _published(ecosystem: Ecosystem, http: httpx2.Client) -> set[str]:
    return {key["kid"] for key in http.get(f"{ecosystem.issuer}/jwks").json()["keys"]}


def _wait_until_published(ecosystem: Ecosystem, http: httpx2.Client, expected: set[str]) -> None:
    deadline = time.monotonic() + SECONDS_TO_FOLLOW
    while _published(ecosystem, http) != expected:
        assert time.monotonic() < deadline


def test_a_running_server_follows_the_command(ecosystem: Ecosystem) -> None:
    """Real processes: what `trustweft keys` does, `trustweft up` publishes within seconds, and logs; no restart."""
    data = ("--data", str(ecosystem.data))
    with httpx2.Client(verify=ecosystem.trust) as http:
        before = _published(ecosystem, http)
        rotated = run_trustweft("keys", "rotate", *data, "--json")
        assert rotated.returncode == 0, rotated.stderr
        added = json.loads(rotated.stdout)["key_id"]
        _wait_until_published(ecosystem, http, {*before, added})
        listed = json.loads(run_trustweft("keys", "list", *data, "--json").stdout)
        assert {key["key_id"]: key["state"] for key in listed} == {
            **dict.fromkeys(before, "active"),
            added: "pending",
        }
        again = run_trustweft("keys", "rotate", *data)
        assert (again.returncode, again.stderr.splitlines()) == (
            1,
            [
                f"Error: keys.pending: {added} is published already as the next ES256 key",
                f"Wait until it signs, or give it up first: trustweft keys retire {added}",
            ],
        )
        assert run_trustweft("keys", "retire", added, *data).returncode == 0
        _wait_until_published(ecosystem, http, before)
    logged = [
        (event["before"], event["after"])
        for event in map(
            json.loads, filter(lambda line: added in line, ecosystem.log.read_text().splitlines())
        )
    ]
    assert logged == [("unknown", "pending"), ("pending", "retired")]
