"""The way in, as `directory/onboarding.py` describes it: each step with where the person can take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.directory.onboarding import steps_of
from trustweft.web.console.entering import FORMS, entry_path
from trustweft.web.console.parts import ROOT
from trustweft.web.console.rights import has_right, may_take_here
from trustweft.web.console.words import path_of

if TYPE_CHECKING:
    from trustweft.directory.onboarding import Action, Step
    from trustweft.directory.snapshot import Record
    from trustweft.web.console.parts import Visit

__all__ = ["GuidedStep", "way_in"]

_LED_IN: Final = frozenset(("organisation", "brand", "software"))


class GuidedStep(Struct, frozen=True, kw_only=True):
    """A step as the page shows it.

    Attributes:
        links: where the person can take it, by what is written on it.
        elsewhere: whether it is taken by `trustweft onboard`, which checks the proof that it rests on.
    """

    step: Step
    who: str
    links: tuple[tuple[str, str], ...]
    elsewhere: bool


def way_in(visit: Visit, record: Record) -> list[GuidedStep]:
    """Return the steps that lead a participant in; none for what belongs to one, or has ended."""
    if record.species not in _LED_IN or record.standing.effect == "ended":
        return []
    steps = steps_of(visit.snapshot, record.subject, visit.parts.terms(), at=visit.time)
    return [_guided(visit, step) for step in steps]


def _guided(visit: Visit, step: Step) -> GuidedStep:
    links: list[tuple[str, str]] = []
    may = visit.at is None and has_right(visit.person, "change")
    if step.state == "waiting" and step.proposal is not None and visit.at is None:
        links = [("See the proposal", f"{ROOT}/proposals/{step.proposal}")]
    elif step.state == "open" and may and visit.person.part in step.who:
        links = [link for action in step.actions if (link := _link(visit, step, action)) is not None]
    return GuidedStep(
        step=step,
        who=", ".join(step.who),
        links=tuple(links),
        elsewhere=step.state == "open" and may and visit.person.part in step.who and not links,
    )


def _link(visit: Visit, step: Step, action: Action) -> tuple[str, str] | None:
    """Return where an action is taken here; None where it is taken elsewhere."""
    if action.action != "add":
        here = may_take_here(visit.person, action.species, action.action)
        return (action.action, f"{path_of(action.subject)}/do/{action.action}") if here else None
    return (
        (f"Enter: {action.species}", entry_path(action.species, step.subject))
        if action.species in FORMS
        else None
    )
