"""The authorization endpoint's last steps: on to the pages of the interaction, or to the request that was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol.par import create_authorization_url
from trustweft.runtime.enforces import enforces
from trustweft.server.login.answers import go_to_page, see_other

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange


@enforces("FAPI2-SP-5.2.3-3")
def open_interaction(exchange: Exchange) -> None:
    """Send the browser to the first page, with its secret; the address shows no parameter of the request.

    Nothing here, nor anywhere in this server, answers with a CORS header: browsers then let no script read it.
    """
    exchange.response = go_to_page(exchange)


async def answer_kept_request(exchange: Exchange) -> None:
    """Send the browser on as if its request had been pushed: from there on both ways are one.

    The signed request is used up with this answer, so that loading the page again needs an address of its own.
    """
    await exchange.saved
    location = create_authorization_url(
        exchange.deployment.config.endpoint("authorization"),
        client_id=exchange.client_id,
        request_uri=exchange.request_uri,
    )
    exchange.response = see_other(exchange, location)
