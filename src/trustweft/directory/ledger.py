"""What becomes evidence: every event of the register, every order as it was signed, every receipt and probe.

The running directory alone writes the log, each thing once, also after a crash: what is there already, the log itself
says. An order that cannot be logged now is in force all the same; it is logged as soon as that is possible.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.directory.events import Moved, encode_event
from trustweft.evidence.entries import Entry
from trustweft.evidence.files import EvidenceFileError
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterable

    from trustweft.directory.events import Event
    from trustweft.directory.orders import Order
    from trustweft.directory.register import Register
    from trustweft.evidence.log import Appended, EvidenceLog

__all__ = ["Ledger"]

_CHUNK: Final = 256
_RETRY_AFTER: Final = (("retry-after", "5"),)

UNAVAILABLE = reason(
    "evidence.unavailable",
    error="temporarily_unavailable",
    public="Evidence cannot be kept at this time.",
    status=503,
)


class Ledger:
    """Writes the evidence log of a directory.

    Args:
        log: what it writes to; closed with it.
        sign: signs an order.
        verifies: says whether a signed order still verifies with what the directory publishes.
    """

    def __init__(
        self, log: EvidenceLog, *, sign: Callable[[Order], str], verifies: Callable[[str], bool]
    ) -> None:
        self._log = log
        self._sign = sign
        self._verifies = verifies
        self._tokens: dict[str, str] = {}  # every order that is known here, logged or not
        self._said: dict[
            tuple[str, ...], Future[Appended] | None
        ] = {}  # receipts and probes; None: logged long ago
        self._read_log()
        for logged in log.list(type="receipt"):
            self._said["receipt", logged.entry.body["order"], logged.entry.body["participant"]] = None
        for logged in log.list(type="probe"):
            self._said["probe", logged.entry.body["token"]] = None

    def _read_log(self) -> None:
        """Find out from the log where it stands."""
        events = {logged.entry.body["sequence"] for logged in self._log.list(type="event")}
        self._until = 0  # every event up to this one is in the log
        while self._until + 1 in events:
            self._until += 1
        self._beyond = {each for each in events if each > self._until}
        self._orders: set[str] = set()  # those that are in the log
        for logged in self._log.list(type="order"):
            name, token = logged.entry.body["order"], logged.entry.body["token"]
            self._orders.add(name)
            self._tokens[name] = token
        self._looked_for_orders = False

    def order_token(self, order: Order) -> str:
        """Return an order as it was signed first; anew only where its key is published no longer.

        A participant that was away while a key was taken out could not verify it otherwise. The first is the evidence.
        """
        token = self._tokens.get(order.id)
        if token is None or not self._verifies(token):
            token = self._tokens[order.id] = self._sign(order)
        return token

    async def keep_up(self, register: Register) -> int:
        """Log what happened since the last time; return how many events that were.

        Raises:
            EvidenceFileError: something could not be written; the next call makes up for it.
        """
        before = self._until
        try:
            await self._append_lost_orders(register)
            while self._until < register.now.sequence:
                events = register.events_after(self._until, limit=_CHUNK)
                await self._append_events(events, register)
                self._until = events[-1].sequence
        except Exception:
            self._read_log()
            raise
        return self._until - before

    async def _append_lost_orders(self, register: Register) -> None:
        """Log orders whose event was the last thing that could be written."""
        if self._looked_for_orders:
            return
        await self._wait_for(
            self._order_entry(order)
            for order in register.now.orders.values()
            if order.sequence <= self._until and order.id not in self._orders
        )
        self._looked_for_orders = True

    async def _append_events(self, events: Iterable[Event], register: Register) -> None:
        entries = []
        for event in events:
            if event.sequence not in self._beyond:
                body: dict[str, Any] = msgspec.json.decode(encode_event(event))
                entries.append(Entry(type="event", at=event.at, subject=event.subject, body=body))
            name = event.order if isinstance(event, Moved) else None
            if name in register.now.orders and name not in self._orders:
                entries.append(self._order_entry(register.now.orders[name]))
        await self._wait_for(entries)
        self._orders.update(entry.body["order"] for entry in entries if entry.type == "order")

    def _order_entry(self, order: Order) -> Entry:
        body = {"order": order.id, "token": self.order_token(order)}
        return Entry(type="order", at=order.ordered_at, subject=order.subject, body=body)

    async def _wait_for(self, entries: Iterable[Entry]) -> None:
        # All are queued before the first is waited for: they share a commit.
        for written in [self._log.append(entry) for entry in entries]:
            await written

    def has_receipt(self, order: str, participant: str) -> bool:
        """Say whether a participant's receipt for an order is kept."""
        return ("receipt", order, participant) in self._said

    async def keep_receipt(self, order: Order, *, participant: str, token: str, received_at: float) -> bool:
        """Log a verified receipt, durably, before this returns; say whether it is the first one.

        A participant that did not hear our answer sends another: what it said first stands.

        Raises:
            Reject: ``evidence.unavailable``: it is not in the log.
        """
        body = {
            "order": order.id,
            "participant": participant,
            "received_at": received_at,
            "token": token,
        }
        entry = Entry(type="receipt", at=received_at, subject=order.subject, body=body)
        return await self._keep_once(("receipt", order.id, participant), entry)

    async def keep_probe(self, order: Order, *, token: str, received_at: float) -> bool:
        """Log a verified report of a probe, durably, before this returns; the same one again changes nothing.

        Raises:
            Reject: ``evidence.unavailable``: it is not in the log.
        """
        body = {"order": order.id, "received_at": received_at, "token": token}
        entry = Entry(type="probe", at=received_at, subject=order.subject, body=body)
        return await self._keep_once(("probe", token), entry)

    async def _keep_once(self, name: tuple[str, ...], entry: Entry) -> bool:
        first = name not in self._said
        if first:
            try:
                self._said[name] = written = self._log.append(entry)
            except EvidenceFileError as cause:  # the directory is about to end
                raise UNAVAILABLE.reject(str(cause), headers=_RETRY_AFTER) from cause
            written.add_done_callback(lambda done: self._forget_failed(name, done))
        writing = self._said[name]
        if writing is not None:
            # Shielded: who goes away leaves the entry to be written, and others who wait for it.
            try:
                await asyncio.shield(writing)
            except EvidenceFileError as cause:
                raise UNAVAILABLE.reject(str(cause), headers=_RETRY_AFTER) from cause
        return first

    def _forget_failed(self, name: tuple[str, ...], done: Future[Appended]) -> None:
        if done.cancelled() or done.exception() is not None:
            del self._said[name]
        else:
            self._said[name] = None

    async def close(self) -> None:
        """Write what was begun, and let the log go."""
        await self._log.close()
