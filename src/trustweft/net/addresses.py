"""Which addresses an outbound request may go to: public ones, by the IANA special-purpose registries (RFC 6890).

Whoever lets others name a URL lets them aim at the machine itself, its neighbours and the cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
from typing import Final

__all__ = ["is_public"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What the standard library calls global, or calls so in some versions, and is not the public Internet.
_NOT_PUBLIC: Final[tuple[_Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # IETF protocol assignments; one cloud keeps its metadata service here
        "192.88.99.0/24",  # 6to4 relays
        "64:ff9b:1::/48",  # NAT64 for local use
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: an IPv4 address inside, of any kind
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_LAST_32_BITS: Final = 0xFFFF_FFFF


def is_public(text: str) -> bool:
    """Tell whether the address is one that anybody on the Internet can be reached at."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return False  # a resolver gives the IPv4 address itself; this spelling only hides it
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & _LAST_32_BITS)))
    if any(address.version == network.version and address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
