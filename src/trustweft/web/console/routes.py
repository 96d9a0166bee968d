"""The console on one screen: each address, the right that it takes, and what answers.

Where no right stands, nobody needs to be signed in. `application.py` checks the right, and the token of every form,
before anything of a page runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from trustweft.web.console import (
    actions,
    amending,
    entering,
    expiries,
    graph,
    journal,
    overview,
    participants,
    people,
    sign_in,
)
from trustweft.web.console.parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trustweft.protocol.http import HttpResponse
    from trustweft.web.console.parts import Visit
    from trustweft.web.console.rights import Right

__all__ = ["ROUTES", "Found", "Route", "find_routes"]


class Route(NamedTuple):
    """An address with names in braces, and who may open it.

    Attributes:
        dated: whether it can be looked at as it was at an earlier time.
    """

    method: str
    address: str
    right: Right | None
    answer: Callable[[Visit], Awaitable[HttpResponse]]
    dated: bool = False


class Found(NamedTuple):
    """The route of an address, and what stands there by name."""

    route: Route
    named: dict[str, str]


_SUBJECT: Final = f"{ROOT}/participants/{{subject}}"
_PROPOSAL: Final = f"{ROOT}/proposals/{{proposal}}"
ROUTES: Final = (
    Route("GET", f"{ROOT}/sign-in", None, sign_in.show_sign_in),
    Route("POST", f"{ROOT}/sign-in/options", None, sign_in.ask_for_assertion),
    Route("POST", f"{ROOT}/sign-in", None, sign_in.sign_in),
    Route("GET", f"{ROOT}/invitation/{{secret}}", None, sign_in.show_invitation),
    Route("POST", f"{ROOT}/invitation/{{secret}}/options", None, sign_in.ask_for_passkey),
    Route("POST", f"{ROOT}/invitation/{{secret}}", None, sign_in.enrol),
    Route("POST", f"{ROOT}/sign-out", "read", sign_in.sign_out),
    Route("GET", ROOT, "read", overview.show_overview, dated=True),
    Route("GET", f"{ROOT}/participants", "read", participants.show_participants, dated=True),
    Route("GET", _SUBJECT, "read", participants.show_participant, dated=True),
    Route("GET", f"{_SUBJECT}/lifecycle.svg", "read", participants.draw_lifecycle, dated=True),
    Route("GET", f"{_SUBJECT}/do/{{action}}", "change", actions.confirm_action),
    Route("POST", f"{_SUBJECT}/do/{{action}}", "change", actions.take_action),
    Route("GET", f"{_SUBJECT}/amend", "change", amending.show_amend_form),
    Route("POST", f"{_SUBJECT}/amend", "change", amending.amend),
    Route("GET", f"{ROOT}/enter/{{species}}", "change", entering.show_entry_form),
    Route("POST", f"{ROOT}/enter/{{species}}", "change", entering.enter),
    Route("GET", _PROPOSAL, "read", actions.show_proposal),
    Route("POST", f"{_PROPOSAL}/approve", "change", actions.approve),
    Route("POST", f"{_PROPOSAL}/decline", "change", actions.decline),
    Route("GET", f"{ROOT}/calendar", "read", expiries.show_calendar, dated=True),
    Route("GET", f"{ROOT}/calendar.ics", "read", expiries.download_calendar),
    Route("GET", f"{ROOT}/graph", "read", graph.show_graph, dated=True),
    Route("GET", f"{ROOT}/log", "read", journal.show_log, dated=True),
    Route("GET", f"{ROOT}/log/entries/{{number}}", "read", journal.show_entry, dated=True),
    Route("GET", f"{ROOT}/log/events/{{number}}", "read", journal.show_event, dated=True),
    Route("GET", f"{ROOT}/people", "see-people", people.show_people),
    Route("POST", f"{ROOT}/people", "manage-people", people.invite_person),
    Route("POST", f"{ROOT}/people/{{name}}/remove", "manage-people", people.remove_person),
)


def _compiled(address: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(address)))


_PATTERNS: Final = tuple((_compiled(route.address), route) for route in ROUTES)


def find_routes(path: str) -> list[Found]:
    """Return the routes of a path, by whatever method; percent-encoding is taken out of what it names."""
    return [
        Found(route, {name: unquote(value) for name, value in match.groupdict().items()})
        for pattern, route in _PATTERNS
        if (match := pattern.fullmatch(path))
    ]
