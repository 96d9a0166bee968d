"""Randomness is passed in, so that a test can count or repeat it."""

from __future__ import annotations

import secrets
from typing import Protocol

from trustweft.runtime.enforces import enforces

__all__ = ["Entropy", "SystemEntropy"]


class Entropy(Protocol):
    """A source of unguessable values."""

    def token(self) -> str:
        """Return 43 URL-safe characters that carry 256 bits."""
        ...

    def octets(self, count: int) -> bytes:
        """Return ``count`` random octets."""
        ...


class SystemEntropy:
    """The operating system's random source."""

    __slots__ = ()

    @enforces("FAPI2-SP-5.4.1-4")
    def token(self) -> str:
        """Return 43 URL-safe characters that carry 256 bits."""
        return secrets.token_urlsafe(32)

    def octets(self, count: int) -> bytes:
        """Return ``count`` random octets."""
        return secrets.token_bytes(count)
