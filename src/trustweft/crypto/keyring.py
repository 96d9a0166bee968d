"""A server's signing keys and the states that each goes through: published before use, kept after it.

Each key is one file in a directory that only its owner can read. What may happen to a key is the table
``TRANSITIONS``; a refused step changes nothing. The process that publishes the keys is the one that rotates them: a
file that another process adds is not published before the next start.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.crypto.keys import (
    KeySet,
    LocalSigner,
    VerificationKey,
    generate_private_key,
    private_jwk,
    public_jwk,
    read_private_jwk,
    read_public_jwk,
    thumbprint,
)
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from trustweft.crypto.algorithms import PublicKey
    from trustweft.crypto.keys import Signer

__all__ = ["TRANSITIONS", "KeyRecord", "KeyRing", "KeyState", "KeyStateError"]


class KeyState(Enum):
    """Where a signing key is in its life."""

    PENDING = "pending"  # published, not yet used
    ACTIVE = "active"  # signs
    RETIRING = "retiring"  # signs no more, still published: what it signed is still around
    RETIRED = "retired"  # neither signs nor is published


TRANSITIONS: Final[dict[tuple[KeyState, KeyState], str]] = {
    (KeyState.PENDING, KeyState.ACTIVE): "activate",
    (KeyState.PENDING, KeyState.RETIRED): "withdraw",
    (KeyState.ACTIVE, KeyState.RETIRING): "activate",  # that of the successor
    (KeyState.RETIRING, KeyState.RETIRED): "forget",
}
_PUBLISHED: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING})
_SIGNING: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE})
# Our choice: others keep our key set for five minutes; a key that signs sooner would meet verifiers who cannot know it.
PUBLISHED_BEFORE_USE: Final = 600.0
# Our choice: what a key signed is believed for minutes, and kept by nobody for longer than an hour.
PUBLISHED_AFTER_USE: Final = 3_600.0
_PUBLIC_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "n", "e"})
KEY_ID_LENGTH: Final = 16  # of the thumbprint: 96 bits


class KeyStateError(ValueError):
    """The step is not in the table, or comes too early."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key as its file holds it; a key that signs no more is public only, its secret is gone."""

    key_id: str
    algorithm: str
    state: KeyState
    created_at: float
    changed_at: float
    jwk: dict[str, str]

    def __repr__(self) -> str:
        return f"KeyRecord(key_id={self.key_id!r}, algorithm={self.algorithm!r}, state={self.state.value!r})"

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return read_public_jwk({name: value for name, value in self.jwk.items() if name in _PUBLIC_MEMBERS})


class KeyRing:
    """The keys of one server; ``signer`` signs with the active one."""

    def __init__(self, directory: Path, records: Iterable[KeyRecord]) -> None:
        self._directory = directory
        self._records = {record.key_id: record for record in records}
        self._prepare()

    @classmethod
    def load_or_create(cls, directory: Path, *, algorithm: str = "ES256", now: float) -> KeyRing:
        """Read the keys of ``directory``; where there are none, make the first, which is active at once.

        Args:
            directory: mode 0700, one file for each key.
            algorithm: of the first key.
            now: seconds since the epoch.

        Raises:
            KeyFileError: a file is readable by others, or is not a key of ours.
        """
        make_private_directory(directory)
        records = [_read(path) for path in sorted(directory.glob("*.json"))]
        active = sorted(
            (record for record in records if record.state is KeyState.ACTIVE),
            key=lambda record: record.changed_at,
        )
        if records and not active:
            raise KeyFileError(f"{directory} has keys, but none of them is active")
        # Nobody has seen the very first key's predecessor, so nobody can hold an old key set.
        ring = cls(directory, records or [_save(directory, _new_record(algorithm, KeyState.ACTIVE, now=now))])
        for record in active[:-1]:  # a crash came between a successor's first step and its predecessor's last
            ring._move(record.key_id, KeyState.RETIRING, now=now)
        return ring

    @property
    def records(self) -> tuple[KeyRecord, ...]:
        """Return every key, oldest first."""
        return tuple(sorted(self._records.values(), key=lambda record: (record.created_at, record.key_id)))

    def signer(self) -> Signer:
        """Return the signer of the active key."""
        return self._signer

    def key_set(self) -> KeySet:
        """Return the published public keys, for verifying what we signed ourselves; the same object until a change."""
        return self._key_set

    def public_jwks(self) -> dict[str, object]:
        """Return the key set that others read (RFC 7517 section 5)."""
        return self._public

    def add_pending(self, *, algorithm: str, now: float) -> KeyRecord:
        """Make the next key and publish it; others learn of it before it signs.

        Raises:
            KeyStateError: the algorithm may not sign.
        """
        return self._write(_new_record(algorithm, KeyState.PENDING, now=now))

    def activate(self, key_id: str, *, now: float) -> None:
        """Let a pending key sign from now on; the one that signed so far begins to retire, its secret is erased.

        Raises:
            KeyStateError: the key is not pending, or was published too lately.
        """
        self._check(key_id, KeyState.ACTIVE)
        waiting = PUBLISHED_BEFORE_USE - (now - self._records[key_id].changed_at)
        if waiting > 0:
            raise KeyStateError(f"{key_id} must be published for {waiting:.0f} more seconds before it signs")
        before = [record.key_id for record in self.records if record.state is KeyState.ACTIVE]
        self._move(key_id, KeyState.ACTIVE, now=now)
        for other in before:
            self._move(other, KeyState.RETIRING, now=now)

    def withdraw(self, key_id: str, *, now: float) -> None:
        """Give a pending key up: it never signs.

        Raises:
            KeyStateError: the key is not pending.
        """
        self._check(key_id, KeyState.RETIRED, origin=KeyState.PENDING)
        self._move(key_id, KeyState.RETIRED, now=now)

    def forget(self, key_id: str, *, now: float) -> None:
        """Publish a retiring key no longer: what it signed is refused from now on.

        Raises:
            KeyStateError: the key is not retiring, or signed until too lately.
        """
        self._check(key_id, KeyState.RETIRED, origin=KeyState.RETIRING)
        waiting = PUBLISHED_AFTER_USE - (now - self._records[key_id].changed_at)
        if waiting > 0:
            raise KeyStateError(f"what {key_id} signed is around for {waiting:.0f} more seconds")
        self._move(key_id, KeyState.RETIRED, now=now)

    def _check(self, key_id: str, state: KeyState, *, origin: KeyState | None = None) -> None:
        record = self._records.get(key_id)
        if record is None:
            raise KeyStateError(f"there is no key {key_id}")
        if (record.state, state) not in TRANSITIONS or origin not in (None, record.state):
            raise KeyStateError(f"a key that is {record.state.value} cannot become {state.value} so")

    def _move(self, key_id: str, state: KeyState, *, now: float) -> None:
        self._check(key_id, state)
        record = self._records[key_id]
        jwk = record.jwk if state in _SIGNING else public_jwk(record.public_key)
        self._write(msgspec.structs.replace(record, state=state, changed_at=now, jwk=jwk))

    def _write(self, record: KeyRecord) -> KeyRecord:
        _save(self._directory, record)
        self._records[record.key_id] = record
        self._prepare()
        return record

    def _prepare(self) -> None:
        """Build what requests ask for, once per change: the signer and the published set."""
        published = [record for record in self.records if record.state in _PUBLISHED]
        keys = [
            VerificationKey(record.public_key, _canonical(record.algorithm), record.key_id)
            for record in published
        ]
        self._key_set = KeySet(keys)
        self._public: dict[str, object] = {
            "keys": [
                {
                    **public_jwk(key.key),
                    "kid": record.key_id,
                    "alg": record.algorithm,
                    "use": "sig",
                }
                for record, key in zip(published, keys, strict=True)
            ]
        }
        # Two are active for the moment between a successor's first step and its predecessor's last.
        newest = max(
            (record for record in published if record.state is KeyState.ACTIVE),
            key=lambda record: record.changed_at,
        )
        self._signer = LocalSigner(newest.algorithm, read_private_jwk(newest.jwk), newest.key_id)


def _new_record(algorithm: str, state: KeyState, *, now: float) -> KeyRecord:
    _canonical(algorithm)
    key = generate_private_key(algorithm)
    return KeyRecord(
        key_id=thumbprint(key.public_key())[:KEY_ID_LENGTH],
        algorithm=algorithm,
        state=state,
        created_at=now,
        changed_at=now,
        jwk=private_jwk(key),
    )


def _canonical(algorithm: str) -> str:
    canonical = canonical_algorithm(algorithm)
    if canonical is None:
        raise KeyStateError(f"{algorithm} is not an algorithm that may sign")
    return canonical


def _save(directory: Path, record: KeyRecord) -> KeyRecord:
    write_private_file(directory / f"{record.key_id}.json", msgspec.json.encode(record))
    return record


def _read(path: Path) -> KeyRecord:
    """Read one key, and see that it is what its name and its own words say."""
    try:
        record = msgspec.json.decode(read_private_file(path), type=KeyRecord)
        read_public_jwk({**public_jwk(record.public_key), "alg": record.algorithm})
        halves_fit = (
            record.state not in _SIGNING or read_private_jwk(record.jwk).public_key() == record.public_key
        )
    except (msgspec.MsgspecError, Reject) as cause:
        raise KeyFileError(f"{path} is not a key file: {cause}") from cause
    if (
        not halves_fit
        or path.stem != record.key_id
        or record.key_id != thumbprint(record.public_key)[:KEY_ID_LENGTH]
    ):
        raise KeyFileError(f"{path} holds another key than its name says")
    return record
