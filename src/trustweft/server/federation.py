"""This server as a member of a federation: its own statement, and the clients that Trust Chains register.

A client that a chain registers is stored like every other, with the chain's end in its registration. When that has
come, the chain is looked at anew; a client whose superior no longer knows it is a client no more (OpenID Federation
1.0 section 12.3). One that was removed here stays removed, whatever its chain says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.protocol.federation_registration import register_from_chain
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.crypto.keyring import KeyRing
    from trustweft.net.federation import ChainResolver
    from trustweft.protocol.federation_chain import TrustChain
    from trustweft.protocol.federation_registration import FederatedClient
    from trustweft.server.storage import ServerStore

__all__ = ["REGISTRATION_LIFETIME", "STATEMENT_LIFETIME", "Federation", "register_client"]

# Our choice, both in seconds: for the one, others may not see a key that was replaced; after the other a superior is
# asked again, though it may have signed for months.
STATEMENT_LIFETIME: Final = 3_600.0
REGISTRATION_LIFETIME: Final = 3_600.0

METADATA = reason(
    "federated-client.metadata",
    error="invalid_metadata",  # section 8.9
    public="The metadata that the client's Trust Chain resolves to cannot be registered here.",
)
REMOVED = reason(
    "federated-client.removed",
    error="invalid_client",
    public="The client was removed here.",
    status=401,
)


@dataclass(frozen=True, slots=True)
class Federation:
    """What the server needs to be a member of a federation.

    Attributes:
        resolver: knows the Trust Anchors, and finds chains.
        keys: the server's Federation Entity Keys, which sign nothing else.
        authority_hints: its superiors.
        organization_name: who runs it.
        statement_lifetime: seconds that its Entity Configuration is good for.
        requests_without_push: whether clients that are registered automatically may bring signed requests to the
            authorization endpoint (section 12.1.1.1), where FAPI 2.0 has every request pushed.
    """

    resolver: ChainResolver
    keys: KeyRing
    authority_hints: tuple[str, ...]
    organization_name: str
    statement_lifetime: float = STATEMENT_LIFETIME
    requests_without_push: bool = False


async def register_client(
    chain: TrustChain, *, how: str, store: ServerStore, now: float, since: float | None = None
) -> FederatedClient:
    """Register the client of a chain, or register it anew; its grants stay as they are.

    Args:
        chain: of the client, verified.
        how: ``automatic`` or ``explicit``.
        store: where clients are.
        now: the time.
        since: when the chain was put together; now where we did it ourselves.

    Raises:
        Reject: ``federation.*``, ``federated-client.*``.
    """
    client = register_from_chain(
        chain, how=how, latest=(now if since is None else since) + REGISTRATION_LIFETIME
    )
    try:
        read_client_metadata(client.document, federated=True)
    except Reject as cause:
        raise METADATA.reject(f"{client.client_id[:200]}: {cause.reason.id} {cause.detail}") from cause
    new, old = msgspec.json.encode(client.document), await store.find_client(client.client_id)
    if old is not None:
        # Of two at once either may win: both had a chain that holds.
        await store.replace_client(client.client_id, old=old, new=new)
    elif (
        not await store.add_client(client.client_id, new)
        and await store.find_client(client.client_id) is None
    ):
        raise REMOVED.reject(client.client_id[:200])
    return client
