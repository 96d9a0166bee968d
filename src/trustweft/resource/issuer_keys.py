"""Where the guard has the issuer's keys from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustweft.crypto.keys import KeySet

__all__ = ["StaticKeys"]


class StaticKeys:
    """Keys that never change while the process runs."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def key_set(self, token: str) -> KeySet:  # noqa: ARG002  # the interface's name
        """Return the keys."""
        return self._keys
