"""Servers that are killed in the middle of their work: nothing acknowledged is lost, nothing can be used twice.

Flows run side by side and write down what the server has answered. At a moment that a seed decides, the parent and
all workers (or one worker, whom the parent replaces) are killed with SIGKILL. Then each flow is judged by its ledger
on the same data.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from soak.flows import INTERRUPTED, Fate, Flow, Step, Walk
from soak.judgement import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from soak.site import Running, Site

__all__ = ["Crashes", "crash_again_and_again"]

SIDE_BY_SIDE: Final = 12
# Between a request that the ledger keeps and the kill: from before it is read until after it is answered.
LATEST_KILL: Final = 0.006
ONE_WORKER_IN: Final = 4  # crashes: so often only one worker dies
STEPS_OF_A_FLOW: Final = 2.5  # that the ledger keeps, on average over the fates


@dataclass
class Crashes:
    """What was done, and what was found.

    Attributes:
        flows: how many were judged.
        whole_server: how often the parent and all workers were killed.
        one_worker: how often one worker was.
        acknowledged: what the server had answered before a kill, by kind: all of it was found again.
        interrupted: what was under way at a kill, by kind.
        carried_out: how much of that turned out to be carried out.
    """

    flows: int = 0
    whole_server: int = 0
    one_worker: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    interrupted: Counter[str] = field(default_factory=Counter)
    carried_out: Counter[str] = field(default_factory=Counter)


async def crash_again_and_again(
    site: Site,
    *,
    flows: int,
    crashes: int,
    workers: int,
    seed: int,
    latest_kill: float = LATEST_KILL,
    say: Callable[[str], None] = lambda _: None,
) -> Crashes:
    """Run the flows, kill the server so many times among them, and judge every flow.

    Raises:
        AssertionError: something acknowledged was lost, or something was used twice.
    """
    chance, found = random.Random(seed), Crashes()  # noqa: S311  # moments, not secrets
    waiting = [Flow(number, chance.choice(list(Fate))) for number in range(flows)]
    judged: list[Flow] = []
    running = site.start("server", workers=workers)
    try:
        for era in range(crashes):
            share = -(-len(waiting) // (crashes - era))
            load = _Load(site, waiting[:share], running, chance, latest_kill)
            await load.run()
            if len(load.doomed) == 1:
                found.one_worker += 1
                await asyncio.to_thread(running.wait_until_replaced, load.doomed[0])
            else:
                found.whole_server += 1
                await asyncio.to_thread(running.wait_until_killed)
                running = await asyncio.to_thread(site.start, "server", workers=workers)
            begun = [flow for flow in waiting[:share] if flow.pushing is not Step.NOT_SENT]
            waiting = [flow for flow in waiting if flow.pushing is Step.NOT_SENT]
            await _judge(site, begun, found)
            judged += begun
            say(f"crash {era + 1} of {crashes}: {len(judged)} flows judged, {len(waiting)} to come")
        await _side_by_side([Walk(site, flow).go for flow in waiting])
        await _judge(site, waiting, found)
        judged += waiting
        await _side_by_side([Judgement(site, flow, found).judge_for_good for flow in judged])
        found.flows = len(judged)
    finally:
        status = running.stop()
    assert status == 0, status
    failures = [line for line in running.lines(0) if line["event"] == "failed"]
    assert failures == [], failures
    return found


class _Load:
    """Flows side by side, until somebody is killed among them.

    Args:
        site: where.
        flows: the flows; where the whole server dies, some of them are not begun.
        running: who is killed.
        chance: decides who dies, and when.
        latest_kill: seconds after a request of a flow.

    Attributes:
        doomed: the processes that are killed, in this order.
    """

    def __init__(
        self,
        site: Site,
        flows: Sequence[Flow],
        running: Running,
        chance: random.Random,
        latest_kill: float,
    ) -> None:
        self._site = site
        self._waiting = list(reversed(flows))
        workers = running.worker_processes
        doomed = [running.process.pid, *workers]
        chance.shuffle(doomed)
        self.doomed = [chance.choice(workers)] if chance.randrange(ONE_WORKER_IN) == 0 else doomed
        self._steps_left = chance.randrange(1, max(2, int(len(flows) * STEPS_OF_A_FLOW * 0.9)))
        self._delay = chance.random() * latest_kill
        self._killed = asyncio.Event()

    async def run(self) -> None:
        """Run the flows; at the end somebody has been killed."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SIDE_BY_SIDE):
                group.create_task(self._walk_one_after_the_other())
        self._kill()

    async def _walk_one_after_the_other(self) -> None:
        while self._waiting and not (self._killed.is_set() and len(self.doomed) > 1):
            with suppress(*INTERRUPTED):
                await Walk(self._site, self._waiting.pop(), on_send=self._sending).go()

    def _sending(self) -> None:
        self._steps_left -= 1
        if self._steps_left == 0:
            asyncio.get_running_loop().call_later(self._delay, self._kill)

    def _kill(self) -> None:
        if not self._killed.is_set():
            self._killed.set()
            for process_id in self.doomed:
                with suppress(ProcessLookupError):  # a worker ends by itself when its parent is gone
                    os.kill(process_id, signal.SIGKILL)


async def _judge(site: Site, flows: Sequence[Flow], found: Crashes) -> None:
    for flow in flows:
        for kind, step in (
            ("pushed request", flow.pushing),
            ("consent", flow.deciding),
            ("redemption", flow.redeeming),
            ("revocation", flow.revoking),
        ):
            found.acknowledged[kind] += step is Step.ACKNOWLEDGED
            found.interrupted[kind] += step is Step.SENT
    await _side_by_side([Judgement(site, flow, found).judge for flow in flows])


async def _side_by_side(calls: Iterable[Callable[[], Coroutine[Any, Any, object]]]) -> None:
    """Make all calls, so many at once."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(call: Callable[[], Coroutine[Any, Any, object]]) -> None:
        async with gate:
            await call()

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))
