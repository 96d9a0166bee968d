"""Of the keys that an authorization server publishes those that may still be believed, as the directory says.

Whoever has a stolen key writes tokens with it for as long as others take its signatures, and the server may not know yet,
or publish it still. So a key that the directory has ended is left out of the server's set at once, wherever it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustweft.crypto.keys import KeySet
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.known_status import KnownStatus

__all__ = ["BelievedKeys"]

_PREFIX: Final = "key:"


class BelievedKeys:
    """Leaves keys out that have ended. A key whose owner alone is stopped stays: what is refused then is the owner.

    Args:
        reader: knows what the directory says.
    """

    def __init__(self, reader: StatusReader) -> None:
        self._reader = reader
        self._known: KnownStatus | None = None
        self._keys: KeySet | None = None
        self._believed: KeySet | None = None

    def among(self, keys: KeySet) -> KeySet:
        """Return the keys that are believed; the same object for as long as ``keys`` is the same and none of it ends."""
        known = self._reader.known
        if not known.refused:  # nearly always: then this costs nothing
            return keys
        if self._believed is None or keys is not self._keys:
            self._believed = keys.without(_ended(known))
        elif known is not self._known:
            believed = keys.without(_ended(known))
            if believed.keys != self._believed.keys:
                self._believed = believed
        self._keys, self._known = keys, known
        return self._believed


def _ended(known: KnownStatus) -> frozenset[str]:
    """Return the thumbprints of the keys that ended by themselves, and not with their owner."""
    return frozenset(
        name.removeprefix(_PREFIX)
        for name, refusal in known.refused.items()
        if name.startswith(_PREFIX) and refusal.effect == "ended" and refusal.source == name
    )
