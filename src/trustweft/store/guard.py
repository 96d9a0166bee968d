"""What the guard of a resource server asks, answered by the store of the authorization server in the same box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.server.records import Freshness, TokenStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.protocol.access_token import AccessToken
    from trustweft.runtime.clock import Clock
    from trustweft.server.storage import ServerStore

__all__ = ["StoreReplayMemory", "StoreRevocations"]


class StoreReplayMemory:
    """Satisfies ``ReplayMemory``: all workers that share the store and the space share the memory.

    Args:
        space: names the resource server, so that a proof used elsewhere says nothing here.
    """

    def __init__(self, store: ServerStore, *, space: str) -> None:
        self._store = store
        self._space = space

    def first_use(self, *, key: bytes, expires_at: float) -> Awaitable[bool]:
        """Remember ``key`` now, when called; True for exactly one of N concurrent callers."""
        return _is_fresh(self._store.remember_jti(space=self._space, key=key, expires_at=expires_at))


async def _is_fresh(submitted: Awaitable[Freshness]) -> bool:
    return await submitted is Freshness.FRESH


class StoreRevocations:
    """Satisfies ``RevocationSource``: token, grant and client are looked up as they are now."""

    def __init__(self, store: ServerStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def is_active(self, token: AccessToken, *, presented: str) -> bool:  # noqa: ARG002  # known by its jti
        """Say whether the verified ``token`` is still good.

        Raises:
            Reject: ``store.unavailable``: the guard fails closed.
        """
        status = await self._store.access_token_status(
            jti=token.jti, grant_id=token.grant_id, client_id=token.client_id, now=self._clock.now()
        )
        return status is TokenStatus.ACTIVE
