"""The keys of the directories whose software statements this server accepts: from a file, or where they are published.

A directory's address comes from configuration, and keys are fetched by the rules of ``trustweft.net.remote_keys``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.crypto.keys import NO_KEY, KeySet
from trustweft.net.remote_keys import KeyRefresh, RefreshedKeys, body_of
from trustweft.protocol.oauth import SERVER_ERROR, TEMPORARILY_UNAVAILABLE
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.crypto.jws import Unverified
    from trustweft.net.remote_keys import Fetch
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["DirectoryKeys", "KeptDirectoryKeys", "PublishedDirectoryKeys"]

# A key that the directory takes out of its document is refused after five minutes at the latest while it can be
# reached, and after an hour in any case.
REFRESH: Final = KeyRefresh(time_to_live=300.0, stale_cap=3_600.0, cool_down=30.0, retry_after=5.0)

UNAVAILABLE = reason(
    "directory-keys.unavailable",
    error=TEMPORARILY_UNAVAILABLE,
    public="The keys of the directory cannot be had at this time.",
    status=503,
)
FETCH_FAILED = reason(
    "directory-keys.fetch-failed",
    error=SERVER_ERROR,
    public="The directory gave no answer that can be used.",
    status=502,
)


class DirectoryKeys(Protocol):
    """Knows the keys of one directory."""

    def key_set(self, token: Unverified, /) -> Awaitable[KeySet]:
        """Return the keys as they are for this token.

        Raises:
            Reject: ``directory-keys.unavailable``, with the seconds after which to ask again.
        """
        ...


class KeptDirectoryKeys:
    """Keys that an operator keeps in a file."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def key_set(self, _token: Unverified, /) -> KeySet:
        """Return the keys."""
        return self._keys


class PublishedDirectoryKeys:
    """Keys that the directory publishes at a configured address.

    Args:
        jwks_uri: https.
        fetch: gets documents.
        clock: tells the time.
        observer: hears why a fetch failed.
        refresh: how often to fetch.
    """

    def __init__(
        self,
        jwks_uri: str,
        *,
        fetch: Fetch,
        clock: Clock,
        observer: Observer,
        refresh: KeyRefresh = REFRESH,
    ) -> None:
        self._keys: RefreshedKeys[KeySet, Unverified] = RefreshedKeys(
            load=partial(_load, fetch, jwks_uri),
            read=KeySet.read,
            serves=_has_key,
            clock=clock,
            rules=refresh,
            unavailable=lambda headers: UNAVAILABLE.reject(jwks_uri[:200], headers=headers),
            failed=FETCH_FAILED,
            tell=lambda refusal: observer.refused("server", "directory-keys", refusal),
        )

    def key_set(self, token: Unverified, /) -> Awaitable[KeySet]:
        """Return the keys for this token."""
        return self._keys.get(token)


async def _load(fetch: Fetch, address: str) -> bytes:
    return body_of(await fetch(address), failed=FETCH_FAILED)


def _has_key(keys: KeySet, token: Unverified) -> bool:
    try:
        keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject as refused:
        return refused.reason is not NO_KEY
    return True
