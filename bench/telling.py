"""What it costs the directory to say what changed: a list for its readers, and an event for every participant.

Everything is signed as in the product; what is sent is accepted at once, so that no network and no receiver is measured.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.directory.delivery import Deliveries, DeliveryRules
from trustweft.directory.feed import Feed
from trustweft.directory.progress import MemoryProgress
from trustweft.directory.signing_orders import sign_order
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trustweft.directory.orders import Order
    from trustweft.directory.register import Register

__all__ = ["Telling", "measure_telling"]

ISSUER: Final = "https://directory.example"
LISTS: Final = 20
EVENTS: Final = 5
_LIFETIME: Final = 300.0  # seconds, as in the packaged profiles
_MICRO: Final = 1_000_000


class Telling(NamedTuple):
    """Microseconds, and octets as they are sent.

    Attributes:
        list: what changed last, signed for all readers.
        events: one change, signed for every participant, until the last one was handed its event.
        list_octets: of the signed list.
    """

    list: float
    events: float
    list_octets: int


async def measure_telling(register: Register, change: Callable[[], object], *, participants: int) -> Telling:
    """Measure one round.

    Args:
        register: what is told of; everybody in it has been told of everything before.
        change: makes one status change.
        participants: how many of them listen.
    """
    signer = LocalSigner("ES256", generate_private_key("ES256"), "directory")
    clock = ManualClock(register.now.at)
    feed = Feed(
        snapshot=lambda: register.now,
        issuer=ISSUER,
        signer=lambda: signer,
        lifetime=lambda: _LIFETIME,
        clock=clock,
    )
    begun = time.perf_counter()
    for _ in range(LISTS):
        change()
        told = feed.current(register.now.revision - 1)
    listed = (time.perf_counter() - begun) / LISTS
    post = _Post()
    events = await _told(register, change, post, signer, clock, participants=participants)
    return Telling(listed * _MICRO, events * _MICRO, len(told.token))


async def _told(
    register: Register,
    change: Callable[[], object],
    post: _Post,
    signer: LocalSigner,
    clock: ManualClock,
    *,
    participants: int,
) -> float:
    def signed(order: Order, _participant: str) -> str:
        token = orders.get(order.id)
        if token is None:
            token = orders[order.id] = sign_order(
                order, signer=signer, issuer=ISSUER, receipt_endpoint=f"{ISSUER}/receipts"
            )
        return token

    orders: dict[str, str] = {}
    deliveries = Deliveries(
        snapshot=lambda: register.now,
        issuer=ISSUER,
        signer=lambda: signer,
        order_token=signed,
        send=post,
        keeper=MemoryProgress(),
        clock=clock,
        entropy=SystemEntropy(),
        observer=SilentObserver(),
        rules=DeliveryRules(verify_every=0),
    )
    running = asyncio.create_task(deliveries.run())
    try:
        await _tell(deliveries, post, participants)  # of the change that was made last
        spent = 0.0
        for _ in range(EVENTS):
            change()
            spent += await _tell(deliveries, post, participants)
        return spent / EVENTS
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _tell(deliveries: Deliveries, post: _Post, participants: int) -> float:
    post.expect(participants)
    begun = time.perf_counter()
    deliveries.look()
    await post.everybody.wait()
    return time.perf_counter() - begun


class _Post:
    """Takes what is sent, and says when so many were accepted."""

    def __init__(self) -> None:
        self._missing = 0
        self.everybody = asyncio.Event()

    def expect(self, count: int) -> None:
        self._missing = count
        self.everybody.clear()

    async def __call__(
        self, method: str, url: str, /, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpResponse:
        if not (method == "POST" and url.endswith("/events") and dict(headers) and body):
            raise ValueError(url)
        self._missing -= 1
        if self._missing == 0:
            self.everybody.set()
        return HttpResponse(202)
