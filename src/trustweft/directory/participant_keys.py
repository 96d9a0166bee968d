"""The keys that participants publish, and that they sign receipts with: fetched by the rules of ``net.remote_keys``.

A key of theirs that the directory knows to have ended verifies nothing, also while they still publish it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from trustweft.crypto.keys import NO_KEY, KeySet, thumbprint
from trustweft.net.remote_keys import KeyRefresh, RefreshedKeys, body_of
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.crypto.jws import Unverified
    from trustweft.directory.snapshot import Snapshot
    from trustweft.net.remote_keys import Fetch
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["ParticipantKeys"]

# As a server reads the keys of its clients.
REFRESH: Final = KeyRefresh(time_to_live=300.0, stale_cap=3_600.0, cool_down=10.0, retry_after=5.0)

UNAVAILABLE = reason(
    "participant-keys.unavailable",
    error="temporarily_unavailable",
    public="The keys of the participant cannot be had at this time.",
    status=503,
)
FETCH_FAILED = reason(
    "participant-keys.fetch-failed",
    error="server_error",
    public="The jwks_uri of a participant gave no answer that can be used.",
    status=502,
)
NONE_PUBLISHED = reason(
    "participant-keys.no-address",
    error="invalid_key",
    public="The directory does not know where this participant publishes its keys.",
)


class ParticipantKeys:
    """Knows the keys of those whose addresses the register names; nobody else makes it fetch anything.

    Args:
        fetch: gets documents.
        snapshot: gives what is so now.
        clock: tells the time.
        observer: hears why a fetch failed.
    """

    def __init__(
        self, *, fetch: Fetch, snapshot: Callable[[], Snapshot], clock: Clock, observer: Observer
    ) -> None:
        self._fetch = fetch
        self._snapshot = snapshot
        self._clock = clock
        self._observer = observer
        self._known: dict[str, RefreshedKeys[KeySet, Unverified]] = {}

    async def find(self, jwks_uri: str, token: Unverified) -> KeySet:
        """Return the keys of a participant as they are for this token, without those that have ended.

        Args:
            jwks_uri: of the participant, from the register.
            token: what is to be verified.

        Raises:
            Reject: ``participant-keys.no-address``; ``participant-keys.unavailable``, with when to ask again.
        """
        if not jwks_uri:
            raise NONE_PUBLISHED.reject()
        keys = self._known.get(jwks_uri)
        if keys is None:
            keys = self._known[jwks_uri] = self._new(jwks_uri)
        published, snapshot = await keys.get(token), self._snapshot()
        return KeySet([key for key in published.keys if not _has_ended(snapshot, thumbprint(key.key))])

    def _new(self, jwks_uri: str) -> RefreshedKeys[KeySet, Unverified]:
        return RefreshedKeys(
            load=partial(self._load, jwks_uri),
            read=KeySet.read,
            serves=_has_key,
            clock=self._clock,
            rules=REFRESH,
            unavailable=lambda headers: UNAVAILABLE.reject(jwks_uri[:200], headers=headers),
            failed=FETCH_FAILED,
            tell=lambda refusal: self._observer.refused("directory", "participant-keys", refusal),
        )

    async def _load(self, jwks_uri: str) -> bytes:
        return body_of(await self._fetch(jwks_uri), failed=FETCH_FAILED)


def _has_ended(snapshot: Snapshot, key: str) -> bool:
    record = snapshot.get(f"key:{key}")
    return record is not None and record.standing.effect in {"ended", "suspended"}


def _has_key(keys: KeySet, token: Unverified) -> bool:
    try:
        keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject as refused:
        return refused.reason is not NO_KEY
    return True
