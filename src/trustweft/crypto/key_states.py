"""Where each signing key is in its life: what its record and the clock say, and nothing else.

Nobody moves a key from state to state. A record holds times that were fixed when the key was published, and one more
once an operator retires it; all processes that read the same records at the same time come to the same answer, without
talking to each other. A key begins to retire when the next key of its algorithm begins to sign.
"""

from __future__ import annotations

from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto.keys import read_public_jwk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from trustweft.crypto.algorithms import PublicKey

__all__ = [
    "PUBLISHED",
    "PUBLISHED_AFTER_USE",
    "PUBLISHED_BEFORE_USE",
    "TRANSITIONS",
    "KeyRecord",
    "KeyState",
    "KeyStatus",
    "states_at",
]


class KeyState(Enum):
    """Where a signing key is in its life."""

    PENDING = "pending"  # published, not yet used
    ACTIVE = "active"  # signs
    RETIRING = "retiring"  # signs no more, still published: what it signed is still around
    RETIRED = "retired"  # neither signs nor is published


TRANSITIONS: Final[dict[tuple[KeyState, KeyState], str]] = {
    (KeyState.PENDING, KeyState.ACTIVE): "time",
    (KeyState.PENDING, KeyState.RETIRED): "retire",
    (KeyState.ACTIVE, KeyState.RETIRING): "time",  # when its successor begins to sign
    (KeyState.ACTIVE, KeyState.RETIRED): "retire",  # only as compromised or at once, with a successor
    (KeyState.RETIRING, KeyState.RETIRED): "time",  # or retire, sooner
}
PUBLISHED: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING})
# Our choice: others keep our key set for five minutes; a key that signs sooner would meet verifiers who cannot know it.
PUBLISHED_BEFORE_USE: Final = 600.0
# Our choice: what a key signed is believed for minutes, and kept by nobody for longer than an hour.
PUBLISHED_AFTER_USE: Final = 3_600.0
_PUBLIC_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "n", "e"})


class KeyRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key as its file holds it; a key that signs no more is public only, its secret is gone.

    Attributes:
        published_at: since when others can read it.
        active_from: from when on it signs.
        retired_at: from when on it is published no longer, because an operator said so.
        compromised: whether somebody else may know the secret.
    """

    key_id: str
    algorithm: str
    published_at: float
    active_from: float
    retired_at: float | None = None
    compromised: bool = False
    jwk: dict[str, str]

    def __repr__(self) -> str:
        return f"KeyRecord(key_id={self.key_id!r}, algorithm={self.algorithm!r})"

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return read_public_jwk({name: value for name, value in self.jwk.items() if name in _PUBLIC_MEMBERS})

    @property
    def has_secret(self) -> bool:
        """Whether it can sign."""
        return "d" in self.jwk  # of every kind of key

    @property
    def ever_signs(self) -> bool:
        """Whether it signed, or will: it was not given up while it was pending."""
        return self.retired_at is None or self.retired_at > self.active_from


class KeyStatus(Struct, frozen=True, kw_only=True):
    """What a key is at one time.

    Attributes:
        since: when it became that.
        until: when the clock alone will make it something else; None where it will not.
    """

    record: KeyRecord
    state: KeyState
    since: float
    until: float | None = None


def states_at(records: Iterable[KeyRecord], now: float) -> tuple[KeyStatus, ...]:
    """Return what each key is at ``now``, in the order in which they were published.

    For each algorithm at most one key is active.
    """
    by_algorithm = sorted(records, key=lambda record: record.algorithm)
    found = [
        status
        for _, group in groupby(by_algorithm, key=lambda record: record.algorithm)
        for status in _states_of_algorithm(tuple(group), now)
    ]
    return tuple(sorted(found, key=_order_of_publication))


def _order_of_publication(status: KeyStatus) -> tuple[float, str, str]:
    return status.record.published_at, status.record.algorithm, status.record.key_id


def _states_of_algorithm(records: Sequence[KeyRecord], now: float) -> Iterator[KeyStatus]:
    """Follow the chain of keys that sign one after the other; what was given up before it signed is not in it."""
    for record in records:
        if not record.ever_signs:
            yield _given_up(record, now)
    chain = sorted(
        (record for record in records if record.ever_signs),
        key=lambda record: (record.active_from, record.published_at, record.key_id),
    )
    current = _current(chain, now)
    for index, record in enumerate(chain):
        successor = chain[index + 1].active_from if index + 1 < len(chain) else None
        if index > current:
            status = KeyStatus(
                record=record,
                state=KeyState.PENDING,
                since=record.published_at,
                until=record.active_from,
            )
        elif index == current:
            status = KeyStatus(
                record=record, state=KeyState.ACTIVE, since=record.active_from, until=successor
            )
        else:
            status = _after_use(record, successor or record.active_from, now)
        yield _as_retired(status, now)


def _current(chain: Sequence[KeyRecord], now: float) -> int:
    """Return which key of the chain signs; -1 where none has begun to.

    The very first key never waited, so it signs even where the clock was set back to before it was made. A secret that
    is gone proves that the successor had begun to sign, whatever the clock says now.
    """
    begun = [index for index, record in enumerate(chain) if record.active_from <= now]
    if not begun and chain and chain[0].active_from == chain[0].published_at:
        begun = [0]
    current = begun[-1] if begun else -1
    while 0 <= current < len(chain) - 1 and not chain[current].has_secret:
        current += 1
    return current


def _given_up(record: KeyRecord, now: float) -> KeyStatus:
    retired_at = record.retired_at or 0.0
    if now < retired_at and record.has_secret:
        return KeyStatus(record=record, state=KeyState.PENDING, since=record.published_at, until=retired_at)
    return KeyStatus(record=record, state=KeyState.RETIRED, since=retired_at)


def _after_use(record: KeyRecord, superseded_at: float, now: float) -> KeyStatus:
    forgotten_at = superseded_at + PUBLISHED_AFTER_USE
    if now < forgotten_at:
        return KeyStatus(record=record, state=KeyState.RETIRING, since=superseded_at, until=forgotten_at)
    return KeyStatus(record=record, state=KeyState.RETIRED, since=forgotten_at)


def _as_retired(status: KeyStatus, now: float) -> KeyStatus:
    """Return the status as it is where an operator retired the key, or said when it will be.

    A secret that is gone proves that it had been retired, whatever the clock says now: it may be somebody else's.
    """
    retired_at = status.record.retired_at
    if retired_at is None or status.state is KeyState.RETIRED:
        return status
    if now >= retired_at or not status.record.has_secret:
        return KeyStatus(record=status.record, state=KeyState.RETIRED, since=retired_at)
    until = retired_at if status.until is None else min(status.until, retired_at)
    return KeyStatus(record=status.record, state=status.state, since=status.since, until=until)
