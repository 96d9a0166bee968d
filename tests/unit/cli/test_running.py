"""Serving, with background work beside it."""

from __future__ import annotations

import asyncio

import pytest

from trustweft.cli.assembly.parts import Assembled
from trustweft.cli.assembly.running import run

pytestmark = pytest.mark.anyio


async def test_what_breaks_beside_serving_ends_it_and_is_told() -> None:
    """Else it would look as if all were well; everything is closed first."""
    told: list[str] = []

    async def breaks() -> None:
        raise RuntimeError("nobody foresaw it")

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("cancelled")

    async def close() -> None:
        told.append("closed")

    participants = Assembled([], background=[goes_on, breaks], close=[close])
    with pytest.raises(RuntimeError, match="nobody foresaw it"):
        await asyncio.wait_for(run(participants, stop=asyncio.Event()), timeout=20)
    assert told == ["cancelled", "closed"]


async def test_work_that_is_done_ends_nothing() -> None:
    """What has nothing more to do may return."""
    stop, done = asyncio.Event(), asyncio.Event()

    async def returns() -> None:
        done.set()

    serving = asyncio.create_task(run(Assembled([], background=[returns]), stop=stop))
    await done.wait()
    await asyncio.sleep(0)
    assert not serving.done()
    stop.set()
    await serving
