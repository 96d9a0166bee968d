"""The authorization endpoint's last step: on to the pages of the interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.runtime.enforces import enforces
from trustweft.server.login.answers import go_to_page

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


@enforces("FAPI2-SP-5.2.3-3")
def open_interaction(exchange: Exchange) -> None:
    """Send the browser to the first page, with its secret; the address shows no parameter of the request.

    Nothing here, nor anywhere in this server, answers with a CORS header: browsers then let no script read it.
    """
    exchange.response = go_to_page(exchange)
