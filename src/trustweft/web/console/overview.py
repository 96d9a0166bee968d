"""The first page: how many there are in which state, what waits for somebody, what runs out, what was ordered."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.web.console.evidence import open_log
from trustweft.web.console.expiries import expiries_of
from trustweft.web.console.rights import sees, visible_records
from trustweft.web.console.words import actor_words, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.directory.orders import Order
    from trustweft.evidence.reader import LogReader
    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit

__all__ = ["EFFECTS", "OrderLine", "order_lines", "show_overview"]

# In the order in which pages name them.
EFFECTS: Final = ("active", "waiting", "suspended", "ended")
_SOON: Final = 30 * 86_400.0
_SHOWN: Final = 8


class OrderLine(Struct, frozen=True, kw_only=True):
    """An order and how far it is.

    Attributes:
        due_at: when the last of its times is over.
        receipts: how many participants said in the evidence log that they carried it out; None where there is no log.
    """

    order: Order
    by: str
    due_at: float
    is_open: bool
    receipts: int | None


async def show_overview(visit: Visit) -> HttpResponse:
    """The page."""
    snapshot, person = visit.snapshot, visit.person
    counts: Counter[tuple[str, str]] = Counter()
    for record in visible_records(person, snapshot):
        counts[record.species, snapshot.effective(record.subject).effect or "waiting"] += 1
    species = [name for name in LIFECYCLES if any(counts[name, effect] for effect in EFFECTS)]
    rows = [
        (name, LIFECYCLES[name].title, [(effect, counts[name, effect]) for effect in EFFECTS])
        for name in species
    ]
    proposals = [
        (line_of(each), each.action, each.subject)
        for each in snapshot.proposals.values()
        if sees(person, snapshot, each.subject)
    ]
    events = (
        line_of(event)
        for event in reversed(visit.register.events[: snapshot.sequence])
        if sees(person, snapshot, event.subject)
    )
    return visit.page(
        "overview",
        place="overview",
        rows=rows,
        effects=EFFECTS,
        proposals=proposals,
        expiries=list(expiries_of(person, snapshot, by=visit.time + _SOON)),
        orders=list(islice(order_lines(visit), _SHOWN)),
        events=list(islice(events, _SHOWN)),
        time=visit.time,
    )


def order_lines(visit: Visit, subject: str | None = None) -> Iterator[OrderLine]:
    """Yield the orders that the person may see, or those about one subject, the newest first."""
    snapshot = visit.snapshot
    with open_log(visit.parts.settings.evidence) as log:
        for order in reversed(snapshot.orders.values()):
            if subject not in (None, order.subject) or not sees(visit.person, snapshot, order.subject):
                continue
            due_at = order.effective_at + max(order.deadlines.values(), default=0)
            yield OrderLine(
                order=order,
                by=actor_words(order.ordered_by),
                due_at=due_at,
                is_open=visit.time < due_at,
                receipts=None if log is None else _receipts(visit, log, order),
            )


def _receipts(visit: Visit, log: LogReader, order: Order) -> int:
    """Return from how many participants there are receipts for an order."""
    found = log.list(type="receipt", subject=order.subject)
    return len(
        {
            str(each.entry.body.get("participant"))
            for each in found
            if each.entry.body.get("order") == order.id and visit.saw(each.entry.at)
        }
    )
