"""An authorization under way: what to remember of it until the browser comes back."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["PENDING_LIFETIME", "PendingAuthorization", "StartedAuthorization"]

# Our choice: request URI, log-in and consent together take ten minutes at most.
PENDING_LIFETIME: Final = 900.0


class PendingAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """What must come back unchanged. Keep it in the session of the browser that started, and take it out once.

    This is what binds the challenge to this client and this user agent (FAPI 2.0 SP section 5.3.3.2).
    """

    issuer: str
    state: str
    nonce: str | None
    code_verifier: str
    expires_at: float

    def __repr__(self) -> str:
        return f"PendingAuthorization(issuer={self.issuer!r})"


class StartedAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send the browser, and what to remember for when it comes back."""

    url: str
    pending: PendingAuthorization
