"""The authorization endpoint's last step: on to the pages of the interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.server.login.answers import go_to_page

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


def open_interaction(exchange: Exchange) -> None:
    """Send the browser to the first page, with its secret; the address shows no parameter of the request."""
    exchange.response = go_to_page(exchange)
