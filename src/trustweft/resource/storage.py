"""What the guard asks of whoever remembers and whoever knows what is revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.protocol.access_token import AccessToken

__all__ = ["ReplayMemory", "RevocationSource"]


class ReplayMemory(Protocol):
    """Remembers which proofs were used; shared by all workers that serve one resource."""

    def first_use(self, *, key: bytes, expires_at: float) -> Awaitable[bool]:
        """Remember ``key`` until ``expires_at``; True for exactly one of N concurrent callers."""
        ...


class RevocationSource(Protocol):
    """Knows which tokens are revoked: the store inside the box, introspection elsewhere."""

    def is_active(self, token: AccessToken, *, presented: str) -> Awaitable[bool]:
        """Say whether the verified ``token``, presented as the string ``presented``, is still good.

        Raises:
            Reject: ``revocation.*`` or ``store.unavailable`` where the answer cannot be had: the guard fails closed.
        """
        ...
