"""An order: that somebody is stopped, or may go on, as every participant is told; and the times that it has to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.directory.events import Actor, Moved  # noqa: TC001  # msgspec reads the annotations
from trustweft.directory.lifecycle import Cause, Effect, OrderAction  # noqa: TC001  # as above
from trustweft.directory.lifecycles import ORDERED

if TYPE_CHECKING:
    from trustweft.directory.terms import Terms

__all__ = ["Order", "deadlines_of", "order_of"]


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What participants carry out and send a receipt for.

    Attributes:
        id: its name among the orders of this directory.
        subject: of whom it speaks, ``kind:id``.
        effect: what the subject itself counts as from ``effective_at`` on; ``cause`` likewise.
        subjects: what depends on it and changes with it.
        deadlines: seconds after ``effective_at`` within which whoever is told has to ``refuse``, whoever asks has to
            (``refuse_by_poll``), and what is left over is gone (``clean_up``, where something ends).
        sequence: of the event that it is.
    """

    id: str
    subject: str
    action: OrderAction
    reason: str
    ordered_at: float
    effective_at: float
    ordered_by: Actor
    effect: Effect
    sequence: int
    cause: Cause | None = None
    approved_by: Actor | None = None
    subjects: tuple[str, ...] = ()
    deadlines: dict[str, int] = {}  # msgspec copies an empty default


def order_of(event: Moved, *, identifier: str, effect: Effect, cause: Cause | None) -> Order:
    """Return the order that a move is; later changes of the tables or of the profile change nothing about it."""
    return Order(
        id=identifier,
        subject=event.subject,
        action=ORDERED[event.action],
        reason=event.reason,
        ordered_at=event.at,
        effective_at=event.at,
        ordered_by=event.by,
        effect=effect,
        sequence=event.sequence,
        cause=cause,
        approved_by=event.approved_by,
        subjects=event.touched,
        deadlines=event.deadlines,
    )


def deadlines_of(*, action: str, effect: Effect | None, terms: Terms) -> dict[str, int]:
    """Return the times that participants have for an order with this action and effect."""
    if action == "compromise":
        # Whoever only asks cannot be faster than its own interval.
        refuse = {"refuse": terms.compromise, "refuse_by_poll": terms.refuse_by_poll}
    else:
        refuse = {"refuse": terms.refuse_by_push, "refuse_by_poll": terms.refuse_by_poll}
    return refuse | {"clean_up": terms.clean_up} if effect == "ended" else refuse
