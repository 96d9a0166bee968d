"""The DPoP nonces that servers hand out, one per origin (RFC 9449 section 8)."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from trustweft.client.wire import header_values, origin_of
from trustweft.protocol.dpop_nonces import NONCE_HEADER, read_nonce_header
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpResponse

__all__ = ["NonceCache"]

MAXIMUM_ORIGINS: Final = 100


class NonceCache:
    """The latest nonce of each origin; every response is looked at, refusals and successes alike."""

    __slots__ = ("_nonces",)

    def __init__(self) -> None:
        self._nonces: OrderedDict[str, str] = OrderedDict()

    @enforces("FAPI2-SP-5.3.3.1-8", "RFC9449-8.2-p3")
    def current(self, url: str) -> str | None:
        """Return the nonce for the next proof to this URL's origin."""
        return self._nonces.get(origin_of(url))

    def learn(self, url: str, response: HttpResponse) -> None:
        """Keep the nonce of a response, if it brought one.

        Raises:
            Reject: ``dpop.bad-nonce-header``.
        """
        nonce = read_nonce_header(header_values(response, NONCE_HEADER))
        if nonce is not None:
            origin = origin_of(url)
            self._nonces[origin] = nonce
            self._nonces.move_to_end(origin)
            if len(self._nonces) > MAXIMUM_ORIGINS:
                self._nonces.popitem(last=False)
