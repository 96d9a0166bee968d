"""A second API, with an audience of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .api import Bearer
from .web import json_answer

if TYPE_CHECKING:
    from .state import State
    from .web import Answer, Request

__all__ = ["Reports"]


class Reports:
    """Tells how many orders somebody may make."""

    def __init__(self, state: State, audience: str) -> None:
        self._bearer = Bearer(state, audience)

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request."""
        subject = self._bearer.subject(request, "orders:read")
        if request.path == "/reports/last" and request.method in ("GET", "HEAD"):
            return json_answer(200, {"report": {"for": subject, "limit": 1000}})
        return json_answer(404, {"error": "not_found"})
