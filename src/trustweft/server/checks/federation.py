"""Automatic registration: a client that its Trust Chain registers (OpenID Federation 1.0 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.federation_chain import read_chain
from trustweft.protocol.federation_jwt import is_entity_identifier
from trustweft.runtime.errors import reason
from trustweft.server import clients
from trustweft.server.checks.request_object import BY_VALUE
from trustweft.server.federation import REGISTRATION_LIFETIME, register_client

if TYPE_CHECKING:
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.server.exchange import Exchange
    from trustweft.server.federation import Federation

OTHER_CHAIN = reason(
    "federated-client.other-chain",
    error="invalid_trust_chain",
    public="The Trust Chain in the request object is not that of the client.",
)

# Where a client begins (sections 12.1.1.1, 12.1.1.2): nobody needs to be looked for who asks for anything else first.
_BEGINS: Final = frozenset(("pushed_authorization_request", BY_VALUE))


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
    if exchange.endpoint in _BEGINS or await store.find_client(client_id) is not None:
        brought = _brought_chain(exchange, federation)
        if brought is None:
            chain, since = await federation.resolver.resolve(client_id), exchange.now
        else:
            chain, since = brought, _put_together(brought)
        await register_client(chain, how="automatic", store=store, now=exchange.now, since=since)


def _brought_chain(exchange: Exchange, federation: Federation) -> TrustChain | None:
    """Return the chain in the header of the request object (section 12.1.1.1), where it still says how things are.

    It spares us asking, and no more: superiors may sign for months, and one that they withdrew since would come back
    with what they said before. So it is as good as one that we put together when its oldest statement was signed.

    Raises:
        Reject: ``federation.*``, ``metadata-policy.*``, ``federated-client.other-chain``.
    """
    request = exchange.request_object
    if request is None or request.trust_chain is None:
        return None
    chain = federation.resolver.verify(read_chain(request.trust_chain))
    if chain.subject != exchange.client_id:
        raise OTHER_CHAIN.reject(f"{chain.subject[:200]}, not {exchange.client_id[:200]}")
    return chain if exchange.now < _put_together(chain) + REGISTRATION_LIFETIME else None


def _put_together(chain: TrustChain) -> float:
    return min(statement.issued_at for statement in chain.statements)
