"""Of the keys that an authorization server publishes those that may still be believed, as the directory says.

Whoever has a stolen key writes tokens with it for as long as others take its signatures, and the server may not know yet,
or publish it still. So a key that the directory has ended is left out of the server's set at once, wherever it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.crypto.keys import KeySet
    from trustweft.net.status_reader import StatusReader
    from trustweft.protocol.known_status import KnownStatus

__all__ = ["BelievedKeys"]

_PREFIX: Final = "key:"


class _Answer(NamedTuple):
    """What was asked last, and what was answered: kept as one, so that threads do not mix two of them."""

    keys: KeySet
    known: KnownStatus
    believed: KeySet


class BelievedKeys:
    """Leaves keys out that have ended. A key whose owner alone is stopped stays: what is refused then is the owner.

    Args:
        reader: knows what the directory says.
    """

    def __init__(self, reader: StatusReader) -> None:
        self._reader = reader
        self._last: _Answer | None = None

    def ended(self) -> Mapping[str, bool]:
        """Return the thumbprints of all keys that have ended, each with whether others may have it."""
        known = self._reader.known
        names = [name for name in known.refused if name.startswith(_PREFIX)]
        statuses = {name: known.subjects[name] for name in names if name in known.subjects}
        return {
            name.removeprefix(_PREFIX): status.cause == "compromised"
            for name, status in statuses.items()
            if status.effect == "ended"
        }

    def among(self, keys: KeySet) -> KeySet:
        """Return the keys that are believed; the same object for as long as ``keys`` is the same and none of it ends."""
        known, last = self._reader.known, self._last
        if not known.refused:  # nearly always: then this costs nothing
            return keys
        if last is not None and last.keys is keys and last.known is known:
            return last.believed
        believed = keys.without(self.ended())
        if last is not None and last.keys is keys and last.believed.keys == believed.keys:
            believed = last.believed
        self._last = _Answer(keys, known, believed)
        return believed
