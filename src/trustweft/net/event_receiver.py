"""Where the directory's events arrive, for every participant: verified, believed, carried out, and receipted.

An event is in force, and kept on disk, before it is answered. What an order ends is cleaned up afterwards, and its
receipt is sent until the directory has it. After a crash between the two the order is begun anew: nothing that ends
twice does harm, and the receipt says so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from trustweft.net.status_reader import FETCH_FAILED
from trustweft.net.status_state import OpenOrder
from trustweft.protocol.offboarding import (
    RECEIPT_MEDIA_TYPE,
    Order,
    Receipt,
    create_receipt,
    read_kept_order,
    verify_order,
)
from trustweft.protocol.security_event import (
    StatusChange,
    create_delivery_error,
    create_delivery_response,
    read_delivery,
    verify_security_event,
)
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.crypto.keys import Signer
    from trustweft.net.status_reader import Send, StatusReader
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["EVENTS_PATH", "CleanUp", "EventReceiver"]

EVENTS_PATH: Final = "/ecosystem/events"
RETRY: Final = 5.0  # seconds between two attempts to deliver receipts; our choice
_ACCEPTED: Final = 202

METHOD = reason(
    "security-event.method",
    error="invalid_request",
    public="Events are delivered with POST.",
    status=405,
)
OTHER_ORDER = reason(
    "security-event.other-order",
    error="invalid_request",
    public="The order beside the event is about something else than the event.",
)


class CleanUp(Protocol):
    """Ends what an order ends, in one participant. Doing it again changes nothing."""

    async def __call__(self, order: Order, /) -> dict[str, int]:
        """Return how much of what was ended, by the names in ``offboarding.COUNTED``."""
        ...


class EventReceiver:
    """Takes the events of one participant.

    Args:
        reader: what it knows.
        identifier: its own, in the directory: what events name as their audience and receipts as their issuer.
        signer: makes the key that receipts are signed with, one that this participant publishes.
        clean_up: ends what an order ends.
        send: delivers receipts.
        clock: tells the time.
        observer: hears of refusals, orders and receipts.
        participant: who this is, for the observer.
    """

    def __init__(  # each is another collaborator, by keyword
        self,
        *,
        reader: StatusReader,
        identifier: str,
        signer: Callable[[], Signer],
        clean_up: CleanUp,
        send: Send,
        clock: Clock,
        observer: Observer,
        participant: str,
    ) -> None:
        self.reader = reader
        self._identifier = identifier
        self._signer = signer
        self._clean_up = clean_up
        self._send = send
        self._clock = clock
        self._observer = observer
        self._participant = participant
        self._work = asyncio.Event()

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer one delivery (RFC 8935)."""
        try:
            if request.method != "POST":
                raise METHOD.reject(request.method[:20], headers=(("allow", "POST"),))
            await self.take(read_delivery(request))
        except Reject as refusal:
            self._observer.refused(self._participant, "ecosystem_events", refusal)
            return create_delivery_error(refusal, headers=(("trustweft-reason", refusal.reason.id),))
        return create_delivery_response()

    async def take(self, token: str) -> None:
        """Verify a delivery and believe it, durably; one that came before changes nothing.

        Raises:
            Reject: ``security-event.*``, ``order.*``, ``status.keys-unavailable``.
        """
        reader = self.reader
        keys, now = await reader.keys_for(token), reader.directory_time()
        tolerance = reader.rules.tolerance
        event = verify_security_event(
            token,
            keys=keys,
            issuer=reader.issuer,
            audience=self._identifier,
            now=now,
            tolerance=tolerance,
        )
        if event.jti in reader.state.delivered:
            return  # delivered again because our answer was lost: nothing is left to do (RFC 8935 section 2)
        change, orders = event.event, reader.state.orders
        if isinstance(change, StatusChange):
            if change.order_token is not None:
                order = verify_order(
                    change.order_token, keys=keys, issuer=reader.issuer, now=now, tolerance=tolerance
                )
                _check_same(order, change)
                opened = OpenOrder(token=change.order_token, refused_at=self._clock.now())
                orders = {order.jti: opened, **orders}
            reader.take_change(change)
        reader.remember(replace(reader.state, orders=orders, delivered=reader.state.remembering(event.jti)))
        self._work.set()

    async def run(self) -> None:
        """Carry out orders for ever."""
        while True:
            self._work.clear()
            await self.carry_out()
            try:
                async with asyncio.timeout(RETRY):
                    await self._work.wait()
            except TimeoutError:
                continue

    async def carry_out(self) -> int:
        """Carry out what is open; return how many orders are still open afterwards."""
        for name, opened in list(self.reader.state.orders.items()):
            try:
                await self._carry_out(name, opened)
            except (Reject, OSError) as cause:
                refusal = cause if isinstance(cause, Reject) else FETCH_FAILED.reject(repr(cause)[:200])
                self._observer.refused(self._participant, "offboarding", refusal)
        return len(self.reader.state.orders)

    async def _carry_out(self, name: str, opened: OpenOrder) -> None:
        order = read_kept_order(opened.token)
        if opened.cleaned_at is None:
            opened = await self._end(name, opened, order)
        receipt = Receipt(
            iss=self._identifier,
            aud=self.reader.issuer,
            order=name,
            # By the clock of who judges it: ours may be wrong, and what we say of ourselves is dated by ours.
            iat=int(self.reader.directory_time()),
            refused_at=opened.refused_at,
            cleaned_at=opened.cleaned_at if order.ends and not opened.overtaken else None,
            counts=opened.counts,
            revision=self.reader.known.revision,
            repeated=opened.repeated,
        )
        response = await self._send(
            "POST",
            order.receipt_endpoint,
            headers=(("content-type", RECEIPT_MEDIA_TYPE),),
            body=create_receipt(self._signer(), receipt).encode("ascii"),
        )
        if response.status != _ACCEPTED:
            raise FETCH_FAILED.reject(f"receipt for {name}: status {response.status}")
        self._observer.happened(self._participant, "order-carried-out", order=name)
        self._replace(name, None)

    async def _end(self, name: str, opened: OpenOrder, order: Order) -> OpenOrder:
        """Clean up, and keep what was counted: the receipt may have to be sent more than once.

        An order that arrives late, after its subject was let in again, ends nothing.
        """
        refusal = self.reader.refusal_of([order.subject])
        overtaken = order.ends and (refusal is None or refusal.effect != "ended")
        repeated = opened.begun
        self._replace(name, replace(opened, begun=True))
        counts = await self._clean_up(order) if order.ends and not overtaken else {}
        opened = replace(
            opened,
            begun=True,
            repeated=repeated,
            counts=counts,
            cleaned_at=self._clock.now(),
            overtaken=overtaken,
        )
        self._replace(name, opened)
        return opened

    def _replace(self, name: str, order: OpenOrder | None) -> None:
        orders = {other: kept for other, kept in self.reader.state.orders.items() if other != name}
        if order is not None:
            orders[name] = order
        self.reader.remember(replace(self.reader.state, orders=orders))


def _check_same(order: Order, change: StatusChange) -> None:
    """An order that is delivered with an event is the one that the event names, about the same subject."""
    if (order.jti, order.subject) != (change.order, change.subject):
        raise OTHER_ORDER.reject(f"{order.jti} {order.subject}, event {change.order} {change.subject}")
