"""Automatic registration: a client that its Trust Chain registers (OpenID Federation 1.0 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.federation_jwt import is_entity_identifier
from trustweft.server import clients
from trustweft.server.federation import register_client

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

# Where a client begins (section 12.1.1.2): nobody needs to be looked for who asks for anything else first.
_BEGINS: Final = "pushed_authorization_request"


async def register_federated_client(exchange: Exchange) -> None:
    """Have a client of the federation registered, for the first time or anew where its registration has ended.

    That it is the client, the next checks see: with the keys that its chain resolved to.
    """
    federation, client_id = exchange.deployment.federation, exchange.client_id
    if federation is None or not is_entity_identifier(client_id):
        return
    store = exchange.deployment.store
    if await clients.find_client(store, client_id, now=exchange.now) is not None:
        return
    if exchange.endpoint == _BEGINS or await store.find_client(client_id) is not None:
        chain = await federation.resolver.resolve(client_id)
        await register_client(chain, how="automatic", store=store, now=exchange.now)
