"""Which client is asking (RFC 6749 section 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.runtime.errors import reason
from trustweft.server import clients

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

UNKNOWN = reason(
    "client.unknown", error="invalid_client", public="The client is not registered here.", status=401
)
BEYOND_PROFILE = reason(
    "client.beyond-profile",
    error="invalid_client",
    public="The client is registered for a way to authenticate, to bind tokens or to sign that is not allowed here.",
    status=401,
)
OTHER_CLIENT = reason(
    "client.mismatch",
    error="invalid_client",
    public="The client_id is not that of the authenticated client.",
    status=401,
)


async def find_client(exchange: Exchange) -> None:
    """Find the client that the request claims to be; whether it is true is the next checks' question.

    One whose ways the profile does not allow is as good as none.
    """
    claimed = exchange.client_id
    client = await clients.find_client(exchange.deployment.store, claimed, now=exchange.now)
    if client is None:
        raise UNKNOWN.reject(f"client_id={claimed[:80]!r}")
    beyond = clients.ways_beyond(exchange.deployment.profile.limits, client.metadata)
    if beyond:  # registered under another profile
        raise BEYOND_PROFILE.reject(f"client_id={client.client_id} {' '.join(beyond)}")
    exchange.client = client


def check_client_id(exchange: Exchange) -> None:
    """A ``client_id`` parameter, where there is one, names the client that authenticated (RFC 7521 section 4.2)."""
    named = exchange.form.get("client_id")
    if named is not None and named != exchange.client_id:
        raise OTHER_CLIENT.reject(f"authenticated={exchange.client_id} named={named[:80]!r}")
