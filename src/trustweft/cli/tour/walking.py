"""Walks the itinerary; the first step that fails ends the tour, because the later ones stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.cli.tour.recording import Step, StepFailedError
from trustweft.cli.tour.steps import ITINERARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.cli.tour.context import Tour

__all__ = ["walk"]


def walk(tour: Tour, *, on_step: Callable[[Step], None] = lambda _: None) -> list[Step]:
    """Return the steps that were walked; all are in order unless the last one says otherwise.

    Args:
        tour: the ecosystem and its visitors.
        on_step: is told each step as it ends.
    """
    walked: list[Step] = []
    for stop in ITINERARY:
        if stop.waits and tour.wait is None:
            continue
        step = Step(
            name=stop.name,
            title=stop.title,
            sender=stop.sender,
            receiver=stop.receiver,
            clauses=stop.clauses,
            wire=tour.wire,
        )
        try:
            stop.walk(tour, step)
        except StepFailedError as failure:
            step.problem = str(failure)
        walked.append(step)
        on_step(step)
        if not step.ok:
            break
    return walked
