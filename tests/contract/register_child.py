"""Another process at the directory's file: ``register_child.py MODE FILE``. Says "ready", waits for a line, then does as told."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract.register_samples import added
from trustweft.directory.storage import Append
from trustweft.store.register import SqliteRegisterStore

ROUNDS = 50


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def race(store: SqliteRegisterStore, name: str) -> None:
    """Try for every place up to the last one; say which were won here."""
    won, place = [], 0
    while place < ROUNDS:
        if await store.append([added(place + 1, name)], expected=place) is Append.DONE:
            won.append(place + 1)
        place = len(await store.since(0, limit=ROUNDS))
    say(won)


async def load(store: SqliteRegisterStore, name: str) -> None:
    """Write without end; say after each acknowledgement which number it was."""
    for place in range(sys.maxsize):
        if await store.append([added(place + 1, name)], expected=place) is Append.DONE:
            say(place + 1)


async def main() -> None:
    mode, path, name = sys.argv[1:]
    if mode == "open":
        say("ready")
        sys.stdin.readline()
    async with SqliteRegisterStore.open(Path(path)) as store:
        if mode != "open":
            say("ready")
            sys.stdin.readline()
            await {"race": race, "load": load}[mode](store, name)


asyncio.run(main())
