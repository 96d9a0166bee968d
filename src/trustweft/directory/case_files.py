"""Finding everything about a case: the order in the register, receipts and probes in the evidence log."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from trustweft.directory.cases import Case, ReceiptSeen, expected_participants, make_case
from trustweft.directory.events import Approved, Moved
from trustweft.protocol.offboarding import read_kept_receipt
from trustweft.protocol.offboarding_probe import read_kept_probe
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.directory.orders import Order
    from trustweft.directory.register import Register
    from trustweft.evidence.reader import LogReader
    from trustweft.protocol.offboarding_probe import Probe

__all__ = ["find_order", "order_of_proposal", "read_case", "receipts_of"]

UNKNOWN_ORDER = reason(
    "case.unknown-order",
    error="not_found",
    public="The directory gave no such order.",
    status=404,
)


def find_order(register: Register, identifier: str) -> Order:
    """Return an order by its id.

    Raises:
        Reject: ``case.unknown-order``.
    """
    order = register.now.orders.get(identifier)
    if order is None:
        raise UNKNOWN_ORDER.reject(identifier[:80])
    return order


def order_of_proposal(register: Register, proposal: int) -> Order | None:
    """Return the order that a proposal became when a second person approved it; None where it is none."""
    events = register.events
    for approved, moved in itertools.pairwise(events):
        if isinstance(approved, Approved) and approved.proposal == proposal and isinstance(moved, Moved):
            return register.now.orders.get(moved.order or "")
    return None


def receipts_of(order: Order, log: LogReader | None) -> tuple[ReceiptSeen, ...]:
    """Return the receipts for an order that are in the log; none where there is no log yet."""
    entries = () if log is None else log.list(type="receipt", subject=order.subject)
    return tuple(
        ReceiptSeen(
            receipt=read_kept_receipt(logged.entry.body["token"]),
            received_at=logged.entry.body["received_at"],
        )
        for logged in entries
        if logged.entry.body["order"] == order.id
    )


def read_case(
    register: Register,
    log: LogReader | None,
    identifier: str,
    *,
    now: float,
    unsent: Sequence[Probe] = (),
) -> Case:
    """Put a case together from what is kept.

    Args:
        register: the directory's history.
        log: the evidence log; None where nothing was logged yet.
        identifier: of the order.
        now: the time.
        unsent: probes that the directory does not have yet.

    Raises:
        Reject: ``case.unknown-order``.
    """
    order = find_order(register, identifier)
    entries = () if log is None else log.list(type="probe", subject=order.subject)
    logged = [
        read_kept_probe(each.entry.body["token"]) for each in entries if each.entry.body["order"] == order.id
    ]
    return make_case(
        order,
        expected=expected_participants(register.after(order.sequence - 1), order),
        receipts=receipts_of(order, log),
        probes=(*logged, *(probe for probe in unsent if probe.order == order.id and probe not in logged)),
        now=now,
    )
