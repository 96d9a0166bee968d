"""Of the keys that an authorization server publishes those that may still be believed, as the directory says.

Whoever has a stolen key writes tokens with it for as long as others take its signatures, and the server may not know yet,
or publish it still. So a key that the directory has ended is left out of the server's set at once, wherever it came from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        self._last_ended: tuple[KnownStatus, Mapping[str, bool]] | None = None

    def ended(self) -> Mapping[str, bool]:
        """Return the thumbprints of all keys that have ended, each with whether others may have it."""
        known, last = self._reader.known, self._last_ended
        if last is None or last[0] is not known:
            last = self._last_ended = (known, dict(_ended(known)))
        return last[1]

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


def _ended(known: KnownStatus) -> Iterator[tuple[str, bool]]:
    for name in known.refused:
        if name.startswith(_PREFIX) and known.subjects[name].effect == "ended":
            yield name.removeprefix(_PREFIX), known.subjects[name].cause == "compromised"
