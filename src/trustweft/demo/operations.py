"""The operators' address: metrics, for the loopback interface only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.net.asgi import application
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpRequest, HttpResponse
    from trustweft.runtime.observability import Observer

__all__ = ["create_operations"]

NOT_FOUND = reason(
    "operations.not-found", error="invalid_request", public="There is nothing at this address.", status=404
)


def create_operations(render_metrics: Callable[[], HttpResponse], *, observer: Observer) -> Application:
    """Return the application that answers at ``/metrics``."""

    async def respond(request: HttpRequest) -> HttpResponse:
        if request.path != "/metrics":
            raise NOT_FOUND.reject(repr(request.path)[:200])
        return render_metrics()

    return application(respond, participant="operations", observer=observer, body_limit=0)
