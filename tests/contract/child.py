"""Another process at the same file: ``child.py MODE FILE``. Says "ready", waits for a line, then does as told."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.deciding import DECIDING
from contract.samples import LATER, digest, grant, pushed_request, refresh_token
from trustweft.server.records import Freshness
from trustweft.store.sqlite import SqliteStore

CALLERS = 8
ROUNDS = 50


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def wait_for_start() -> None:
    say("ready")
    sys.stdin.readline()


async def race(store: SqliteStore) -> None:
    """Say how often each operation was won here."""
    won = {}
    for name, deciding in DECIDING.items():
        outcomes = await asyncio.gather(*(deciding.call(store, number) for number in range(CALLERS)))
        won[name] = outcomes.count(deciding.won)
    fresh = []
    for number in range(ROUNDS):
        pending = [
            store.remember_jti(space="r", key=b"%d" % number, expires_at=LATER) for _ in range(CALLERS)
        ]
        fresh.append((await asyncio.gather(*pending)).count(Freshness.FRESH))
    say({"won": won, "fresh": fresh})


async def load(store: SqliteStore) -> None:
    """Write without end; say after each acknowledgement which number it was."""

    async def writer(first: int) -> None:
        for number in range(first, sys.maxsize, CALLERS):
            name = str(number)
            operations = (
                store.save_grant(grant(name)),
                store.save_refresh_token(digest(name), refresh_token(grant_id=name)),
                store.save_pushed_request(digest(name), pushed_request()),
            )
            await asyncio.gather(*operations)
            say(number)

    await asyncio.gather(*(writer(first) for first in range(CALLERS)))


async def reap(store: SqliteStore) -> None:
    """Reap until nothing is left; say how many rows that were."""
    removed = 0
    while await store.backlog(now=LATER):
        removed += await store.reap(now=LATER, limit=CALLERS)
    say(removed)


async def register(store: SqliteStore) -> None:
    """Do what the command line does beside a running server."""
    say(await store.add_client("moneyview", b"{}"))


async def main() -> None:
    mode, path = sys.argv[1:]
    if mode == "open":
        wait_for_start()
    async with SqliteStore.open(Path(path)) as store:
        if mode != "open":
            wait_for_start()
            await {"race": race, "load": load, "reap": reap, "register": register}[mode](store)


asyncio.run(main())
