"""Who takes part: the list with its filters, and one subject with everything that is known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.protocol.http import HttpResponse
from trustweft.report.states import State, Step, draw_states
from trustweft.web.console.actions import open_actions
from trustweft.web.console.amending import amending_path
from trustweft.web.console.entering import entry_forms, entry_path
from trustweft.web.console.overview import EFFECTS, order_lines
from trustweft.web.console.rights import find_visible, visible_records
from trustweft.web.console.way_in import way_in
from trustweft.web.console.words import fact_rows, line_of, named, title_of

if TYPE_CHECKING:
    from trustweft.directory.snapshot import Record
    from trustweft.web.console.parts import Visit
    from trustweft.web.console.words import Named

__all__ = ["draw_lifecycle", "show_participant", "show_participants"]

# What is meant by "participants" as long as nobody asks for another kind.
_PARTICIPANTS: Final = frozenset(("organisation", "brand", "api", "software"))
_PAGE: Final = 100
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")


async def show_participants(visit: Visit) -> HttpResponse:
    """The list."""
    kind = visit.query.get("kind") or ""
    effect = visit.query.get("effect") or ""
    words = (visit.query.get("q") or "").casefold().split()
    found = [
        shown
        for record in visible_records(visit.person, visit.snapshot)
        if record.species == kind or (not kind and record.species in _PARTICIPANTS)
        for shown in (named(visit.snapshot, record),)
        if effect in ("", shown.effect)
        and all(word in f"{shown.title} {shown.subject}".casefold() for word in words)
    ]
    number = _page_number(visit.query.get("page"))
    first = (number - 1) * _PAGE
    return visit.page(
        "participants",
        place="participants",
        found=found[first : first + _PAGE],
        total=len(found),
        number=number,
        further=first + _PAGE < len(found),
        kinds=[(name, lifecycle.title) for name, lifecycle in LIFECYCLES.items()],
        effects=EFFECTS,
        kind=kind,
        effect=effect,
        words=visit.query.get("q") or "",
        enter=entry_path("organisation") if visit.person.part == "operator" else "",
    )


async def show_participant(visit: Visit) -> HttpResponse:
    """One subject: facts, state, what belongs to it, what happened, and what can be done now."""
    snapshot = visit.snapshot
    record = find_visible(visit.person, snapshot, visit.named["subject"])
    subject = str(record.subject)
    children: dict[str, list[Named]] = {}
    for child in map(snapshot.find, snapshot.children(subject)):
        children.setdefault(LIFECYCLES[child.species].title, []).append(named(snapshot, child))
    events = [line_of(each) for each in visit.register.events[: snapshot.sequence] if each.subject == subject]
    proposals = [
        (line_of(each), each.action) for each in snapshot.proposals.values() if each.subject == subject
    ]
    return visit.page(
        "participant",
        place="participants",
        shown=named(snapshot, record),
        title=title_of(record),
        above=_above(visit, record),
        facts=list(fact_rows(record)),
        due_at=record.due_at,
        children=sorted(children.items()),
        registrations=snapshot.registrations(subject),
        events=list(reversed(events)),
        proposals=proposals,
        orders=list(order_lines(visit, subject)),
        actions=[] if visit.at is not None else list(open_actions(visit, record)),
        steps=way_in(visit, record),
        entries=entry_forms(visit.person, record) if visit.frame("").may("change") else [],
        amending=amending_path(visit.person, record) if visit.frame("").may("change") else "",
    )


async def draw_lifecycle(visit: Visit) -> HttpResponse:
    """The picture of a subject's lifecycle, with the state that it is in: a file of its own, as it has its own style."""
    record = find_visible(visit.person, visit.snapshot, visit.named["subject"])
    lifecycle = LIFECYCLES[record.species]
    states = [State(name, meaning.effect or "waiting") for name, meaning in lifecycle.states.items()]
    joined: dict[tuple[str, str], list[str]] = {}
    for arrow in lifecycle.arrows:
        joined.setdefault((arrow.action, arrow.target), []).append(arrow.source)
    two = visit.parts.terms().two_people
    steps = [
        Step(tuple(sources), target, action, marked=f"{record.species}.{action}" in two)
        for (action, target), sources in joined.items()
    ]
    body = draw_states(lifecycle.title, states, steps, current=record.state).encode()
    headers = (
        ("content-type", "image/svg+xml"),
        # It has a style sheet within and nothing that runs; opened on its own it is a document.
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    )
    return HttpResponse(200, headers, body)


def _above(visit: Visit, record: Record) -> list[Named]:
    """Return what a subject depends on, the farthest first, as far as the person may see it."""
    found: dict[str, Named] = {}
    waiting = list(record.parents)
    while waiting:
        parent = visit.snapshot.find(waiting.pop(0))
        found.pop(str(parent.subject), None)
        found[str(parent.subject)] = named(visit.snapshot, parent)
        waiting += parent.parents
    return list(reversed(found.values()))


def _page_number(text: str | None) -> int:
    """Return the number of a page; whatever is none is the first."""
    return int(text) if text and _NUMBER.fullmatch(text) else 1
