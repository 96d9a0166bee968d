"""Which network an address belongs to, for counting."""

from __future__ import annotations

import ipaddress
from typing import Final

__all__ = ["network_of"]

_IPV6_PREFIX: Final = 64  # what one customer gets: whoever has it has all of its addresses


def network_of(peer: str | None) -> str:
    """Return the IPv4 address, or the IPv6 network of one customer; anything else counts as it stands."""
    if peer is None:
        return ""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
