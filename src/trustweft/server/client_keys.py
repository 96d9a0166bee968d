"""The keys of clients that publish them at a URL of their own (``jwks_uri``, RFC 7591 section 2).

Whoever names a client makes us look for its keys, before anything is proven. So how often a client's host is asked
depends on time alone, never on how many ask, for what reason, or with what outcome; the rules are those of
``trustweft.net.remote_keys``. Clients that authenticate in the same way and publish their keys at one address share what was fetched from there.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from trustweft.net.remote_keys import KeyRefresh, RefreshedKeys, body_of
from trustweft.protocol.oauth import SERVER_ERROR, TEMPORARILY_UNAVAILABLE
from trustweft.runtime.errors import reason
from trustweft.server.clients import PublishedKeys, read_published_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.net.remote_keys import Fetch
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

    Serves = Callable[[PublishedKeys], bool]
    Remembered = RefreshedKeys[PublishedKeys, Serves]

__all__ = ["REFRESH", "ClientKeys"]

# A key that is taken out of the document is refused after five minutes at the latest while the host can be reached,
# and after an hour in any case. One fetch in thirty seconds, after a failure too.
REFRESH: Final = KeyRefresh(time_to_live=300.0, stale_cap=3_600.0, cool_down=30.0, retry_after=30.0)
MAXIMUM_ADDRESSES: Final = 4_096  # our choice: with a handful of keys each, some twenty megabytes
RETRY_AFTER: Final = "5"

UNAVAILABLE = reason(
    "client-keys.unavailable",
    error=TEMPORARILY_UNAVAILABLE,
    public="The keys of the client cannot be fetched from its jwks_uri at this time.",
    status=503,
)
FETCH_FAILED = reason(
    "client-keys.fetch-failed",
    error=SERVER_ERROR,
    public="The jwks_uri of the client gave no answer that can be used.",
    status=502,
)


class ClientKeys:
    """What was fetched from clients' addresses, each read as the client's method of authentication needs it.

    Args:
        fetch: gets documents.
        clock: tells the time.
        observer: hears why a fetch failed.
        refresh: how often to fetch.
        maximum: addresses that are remembered at most.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        clock: Clock,
        observer: Observer,
        refresh: KeyRefresh = REFRESH,
        maximum: int = MAXIMUM_ADDRESSES,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._refresh = refresh
        self._maximum = maximum
        self._remembered: OrderedDict[tuple[str, str], Remembered] = OrderedDict()

    async def find(self, address: str, *, method: str, serves: Serves) -> PublishedKeys:
        """Return the keys that are published at the address.

        Args:
            address: the registered ``jwks_uri``.
            method: how the client authenticates.
            serves: says whether what is wanted is among the known ones, or none could help; where it is not, they are
                fetched anew within the rules.

        Raises:
            Reject: ``client-keys.unavailable``, with the seconds after which to ask again.
        """
        key = address, method
        remembered = self._remembered.get(key)
        if remembered is None:
            self._make_room()
            remembered = self._remembered[key] = self._new(address, method)
        self._remembered.move_to_end(key)
        return await remembered.get(serves)

    def _make_room(self) -> None:
        """Forget who was not asked for longest; but nobody who may not be fetched yet: that would begin anew."""
        if len(self._remembered) < self._maximum:
            return
        for key, remembered in self._remembered.items():
            if remembered.is_idle():
                del self._remembered[key]
                return
        raise UNAVAILABLE.reject("too many at once", headers=(("retry-after", RETRY_AFTER),))

    def _new(self, address: str, method: str) -> Remembered:
        return RefreshedKeys(
            load=partial(self._load, address),
            read=partial(read_published_keys, method=method),
            serves=lambda known, serves: serves(known),
            clock=self._clock,
            rules=self._refresh,
            unavailable=lambda headers: UNAVAILABLE.reject(address[:200], headers=headers),
            failed=FETCH_FAILED,
            tell=lambda refusal: self._observer.refused("server", "client-keys", refusal),
        )

    async def _load(self, address: str) -> bytes:
        return body_of(await self._fetch(address), failed=FETCH_FAILED)
