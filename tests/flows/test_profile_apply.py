"""`trustweft profile apply` on real participants, several processes each: no request fails, and everybody follows."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from ecosystem import free_base_port, run_trustweft, running_ecosystem
from soak.connections import Connection, Request
from soak.flows import Fate, Flow, Walk
from soak.site import prepare_site
from support.profile_files import changed_profile
from trustweft.runtime.encoding import decode_base64url, digest_of
from trustweft.runtime.presence import present
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from soak.connections import Answer
    from soak.site import Running, Site

pytestmark = pytest.mark.anyio

WORKERS: Final = 2
SECONDS: Final = 20.0
STRICTER: Final[dict[str, object]] = {"authorization_code_lifetime": 30, "access_token_lifetime": 120}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A data directory with customers; nobody runs yet."""
    return await prepare_site(tmp_path_factory.mktemp("apply") / "data", base_port=free_base_port())


class Traffic:
    """One client that refreshes and calls the bank, again and again, each time over new connections."""

    def __init__(self, site: Site, flow: Flow) -> None:
        self.site, self.flow = site, flow
        self.answers: Counter[tuple[str, int, str]] = Counter()
        self.stopped = False

    async def run(self) -> None:
        """Go on until told to stop."""
        while not self.stopped:
            token = (await self.refresh()).json.get("access_token", "")
            await self._ask(self.site.directory.ports.resource, token)

    async def refresh(self) -> Answer:
        """Get another access token."""
        answer = await Walk(self.site, self.flow).refresh()
        self.answers["server", answer.status, answer.reason] += 1
        return answer

    async def _ask(self, port: int, token: str) -> None:
        client = self.site.client
        async with await Connection.open(port, self.site.trust) as connection:
            answer = await connection.send(client.accounts(token))
            client.learn_nonce(client.bank, answer)
            if answer.reason.startswith("dpop.nonce"):
                answer = await connection.send(client.accounts(token))
        self.answers["resource", answer.status, answer.reason] += 1


async def granted(site: Site, fate: Fate, number: int = 0) -> Flow:
    """Return a flow that has come so far."""
    flow = Flow(number, fate)
    await Walk(site, flow).go()
    return flow


async def apply(site: Site, profile: Path) -> tuple[int, str, str]:
    """Run the command, and let everything else go on meanwhile."""
    done = await asyncio.to_thread(
        run_trustweft, "profile", "apply", str(profile), "--data", str(site.directory.path), "--json"
    )
    return done.returncode, done.stdout, done.stderr


def lifetime(token: str) -> int:
    """Return for how many seconds a token is good, as it says itself."""
    claims: dict[str, Any] = json.loads(decode_base64url(token.split(".")[1]))
    return int(claims["exp"] - claims["iat"])


async def lifetimes_by_worker(site: Site, server: Running, flow: Flow) -> dict[int, set[int]]:
    """Return how long the tokens of each worker are good: each connection belongs to one, and a refusal tells which."""
    found: dict[int, set[int]] = {}
    client = site.client
    while len(found) < WORKERS:
        since = server.logged
        async with await Connection.open(site.directory.ports.server, site.trust) as connection:
            assert (await connection.send(Request("GET", "/nothing"))).status == 404
            (worker,) = server.refused_by(since)
            answer = await connection.send(client.refresh(flow.refresh_token))
        found.setdefault(worker, set()).add(lifetime(answer.json["access_token"]))
    return found


async def code_lifetime(site: Site) -> float:
    """Return for how many seconds a new code is good, as the store keeps it, and a few more."""
    before = time.time()
    flow = await granted(site, Fate.AGREED, 4)
    async with SqliteStore.open(site.directory.database) as store:
        code = await store.find_code(digest_of(flow.code))
    assert code is not None
    return code.expires_at - before


def wait_for_failures(running: Running) -> list[dict[str, Any]]:
    """Return what failed, once something has."""
    deadline = time.monotonic() + SECONDS
    while not (failed := [line for line in running.lines() if line["event"] == "failed"]):
        assert time.monotonic() < deadline, running.lines()[-5:]
        time.sleep(0.01)  # bounded polling: a log tells nobody that it grew
    return failed


async def test_a_stricter_profile_comes_into_force_under_traffic(site: Site, tmp_path: Path) -> None:
    """Not one request fails; after the command every worker issues by the new limits, and the logs say so."""
    stricter = changed_profile(tmp_path / "ours.toml", **STRICTER)
    digest = hashlib.sha256(stricter.read_bytes()).hexdigest()
    with (
        site.serving("server", workers=WORKERS) as server,
        site.serving("resource", workers=WORKERS) as resource,
    ):
        flow = await granted(site, Fate.REDEEMED)
        traffic = Traffic(site, flow)
        assert lifetime(flow.access_token) == 300
        running = [asyncio.create_task(traffic.run()) for _ in range(3)]
        status, printed, problem = await apply(site, stricter)
        await asyncio.gather(*[traffic.refresh() for _ in range(10)])
        traffic.stopped = True
        await asyncio.gather(*running)
        assert set(traffic.answers) == {("server", 200, ""), ("resource", 200, "")}, traffic.answers

        assert status == 0, problem
        told = json.loads(printed)
        assert {change["name"]: change["after"] for change in told["changes"]} == STRICTER
        assert told["in_force"] is True
        assert (
            sorted(each["participant"] for each in told["participants"]) == ["resource"] * 2 + ["server"] * 2
        )
        assert await lifetimes_by_worker(site, server, flow) == {1: {120}, 2: {120}}
        assert 30 <= await code_lifetime(site) < 60
        for participant in (server, resource):
            logged = [line for line in participant.lines() if line["event"] == "profile changed"]
            assert {line["worker"] for line in logged} == {1, 2}
            assert {(line["after"], line["at_once"]) for line in logged} == {
                (
                    digest[:32],
                    "authorization_code_lifetime from 60 to 30; access_token_lifetime from 300 to 120",
                )
            }


async def test_a_later_start_finds_the_applied_profile_again(site: Site) -> None:
    """Also as `trustweft up`, whose participants are in one process."""
    with site.serving("server", workers=WORKERS) as server:
        flow = await granted(site, Fate.REDEEMED, 1)
        assert await lifetimes_by_worker(site, server, flow) == {1: {120}, 2: {120}}
    path = site.directory.path
    with running_ecosystem(path, base_port=site.directory.ports.base):
        said = present(path / "profile-in-force")
        assert [each["participant"] for each in said] == ["directory", "resource", "server"]
        in_force = hashlib.sha256(site.directory.applied_profile.read_bytes()).hexdigest()
        assert {each["digest"] for each in said} == {in_force}
    assert present(path / "profile-in-force") == []


async def test_a_profile_that_is_too_weak_changes_nothing(site: Site, tmp_path: Path) -> None:
    """It is refused with the limit, the clause and the file; who applied what is remembered of good ones alone."""
    weaker = changed_profile(tmp_path / "weaker.toml", authorization_code_lifetime=90)
    before = site.directory.applied_profile.read_bytes()
    with site.serving("server", workers=1):
        status, _, problem = await apply(site, weaker)
        assert status == 1
        assert "weaker.toml" in problem
        assert "authorization_code_lifetime must be at most 60, but is 90 (FAPI2-SP-5.3.2.1-11:" in problem
        assert "Nothing has changed." in problem
        assert lifetime((await granted(site, Fate.REDEEMED, 2)).access_token) == 120
    assert site.directory.applied_profile.read_bytes() == before
    history = (site.directory.path / "profile-history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["digest"] for line in history] == [hashlib.sha256(before).hexdigest()]


async def test_a_bad_file_never_takes_the_place_of_a_good_one(site: Site) -> None:
    """Whoever writes past the command is not followed: it is logged once, and what was in force stays."""
    path = site.directory.applied_profile
    good = path.read_bytes()
    with site.serving("server", workers=1) as server:
        path.write_bytes(good.replace(b"authorization_code_lifetime = { value = 30", b"x = { value = 30"))
        failed = await asyncio.to_thread(wait_for_failures, server)
        assert {line["support"] for line in failed} == {"profile"}
        assert lifetime((await granted(site, Fate.REDEEMED, 3)).access_token) == 120
        path.write_bytes(good)
