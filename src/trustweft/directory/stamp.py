"""What the next event has of its time and maker."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trustweft.directory.events import Actor

__all__ = ["Stamp"]


class Stamp(NamedTuple):
    """The sequence of the last event, the time of the next one, and who makes it."""

    sequence: int
    at: float
    by: Actor
