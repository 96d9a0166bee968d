"""What somebody counts as, and since when: the effect of a state, and the worst of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.directory.lifecycle import SEVERITY, Cause, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Standing", "StatusEntry", "worst"]


class Standing(Struct, frozen=True, kw_only=True):
    """What a subject counts as.

    Attributes:
        effect: None where it was never active yet.
        cause: why it is not active.
        as_of: since when, in seconds since the epoch.
    """

    effect: Effect | None
    cause: Cause | None
    as_of: float

    @property
    def active(self) -> bool:
        """Whether nothing stands in the way."""
        return self.effect == "active"


class StatusEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the status feed says of one subject; a reader takes the worst of it and of its parents."""

    effect: Effect
    as_of: float
    revision: int
    cause: Cause | None = None
    parents: tuple[str, ...] = ()


def worst(standings: Iterable[Standing]) -> Standing:
    """Return the one that counts: what ended before what is suspended before what waits before what is active.

    Among equals a compromise comes first, because it is the most urgent, then what was there first; of those that are
    active the last, because only since then all of them are.
    """
    return max(standings, key=_rank)


def _rank(standing: Standing) -> tuple[float, bool, float]:
    # What waits lies between active and suspended: it refuses, and there is nothing to keep or to clean up.
    severity = 0.5 if standing.effect is None else SEVERITY[standing.effect]
    since = standing.as_of if standing.active else -standing.as_of
    return severity, standing.cause == "compromised", since
