"""One wait for everything that was submitted to the replay memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.server.records import Freshness

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


async def refuse_replays(exchange: Exchange) -> None:
    """Refuse the exchange if any identifier that it submitted was seen before."""
    outcomes = [(await submitted.outcome, submitted.replayed) for submitted in exchange.submitted]
    for outcome, replayed in outcomes:
        if outcome is not Freshness.FRESH:
            raise replayed.reject(f"client_id={exchange.client_id}")
