"""Where the directory's events arrive (RFC 8935); there is no such address where no directory is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

NOT_OFFERED = reason(
    "ecosystem-events.not-offered",
    error="invalid_request",
    public="This server takes part in no ecosystem that has a directory.",
    status=404,
)


async def receive_event(exchange: Exchange) -> None:
    """Believe what the directory says, and say that it arrived."""
    participation = exchange.deployment.participation
    if participation is None:
        raise NOT_OFFERED.reject()
    exchange.response = await participation.receiver.respond(exchange.request)
