"""A server's signing keys and the states that each goes through: published before use, kept after it.

Each key is one file in a directory that only its owner can read. What may happen to a key is the table
``TRANSITIONS``; a refused step changes nothing.
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
    thumbprint,
)
from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from pathlib import Path

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
    (KeyState.ACTIVE, KeyState.RETIRING): "retire",
    (KeyState.RETIRING, KeyState.RETIRED): "forget",
}
_PUBLISHED: Final = (KeyState.PENDING, KeyState.ACTIVE, KeyState.RETIRING)
# Others may keep our key set this long; a key that signs sooner would meet verifiers who cannot know it.
PUBLISHED_BEFORE_USE: Final = 600.0


class KeyStateError(ValueError):
    """The step is not in the table, or comes too early."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One key as its file holds it."""

    key_id: str
    algorithm: str
    state: KeyState
    created_at: float
    changed_at: float
    jwk: dict[str, str]

    def __repr__(self) -> str:
        return f"KeyRecord(key_id={self.key_id!r}, algorithm={self.algorithm!r}, state={self.state.value!r})"


class KeyRing:
    """The keys of one server; ``signer`` signs with the active one."""

    def __init__(self, directory: Path, records: list[KeyRecord]) -> None:
        self._directory = directory
        self._records = {record.key_id: record for record in records}
        self._prepare()

    @classmethod
    def load_or_create(cls, directory: Path, *, algorithm: str = "ES256", now: float) -> KeyRing:
        """Read the keys of ``directory``; where there are none, make the first, which is active at once.

        Raises:
            KeyFileError: a file is readable by others, or is not a key of ours.
        """
        make_private_directory(directory)
        ring = cls(directory, [_read(path) for path in sorted(directory.glob("*.json"))])
        if not ring._records:
            ring._add(algorithm, KeyState.ACTIVE, now=now)
        elif not any(record.state is KeyState.ACTIVE for record in ring._records.values()):
            raise KeyFileError(f"{directory} has keys, but none of them is active")
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
        """Make a key and publish it."""
        return self._add(algorithm, KeyState.PENDING, now=now)

    def move(self, key_id: str, state: KeyState, *, now: float) -> KeyRecord:
        """Move one key to another state.

        Raises:
            KeyStateError: there is no such key, the step is not in the table, or a new key was published too lately.
        """
        record = self._records.get(key_id)
        if record is None:
            raise KeyStateError(f"there is no key {key_id}")
        if (record.state, state) not in TRANSITIONS:
            raise KeyStateError(f"a key that is {record.state.value} cannot become {state.value}")
        if state is KeyState.ACTIVE and now - record.created_at < PUBLISHED_BEFORE_USE:
            waiting = PUBLISHED_BEFORE_USE - (now - record.created_at)
            raise KeyStateError(f"{key_id} must be published for {waiting:.0f} more seconds before it signs")
        moved = msgspec.structs.replace(record, state=state, changed_at=now)
        self._write(moved)
        return moved

    def activate(self, key_id: str, *, now: float) -> None:
        """Let a pending key sign from now on; the one that signed so far begins to retire.

        Raises:
            KeyStateError: as for ``move``.
        """
        before = [record.key_id for record in self._records.values() if record.state is KeyState.ACTIVE]
        self.move(key_id, KeyState.ACTIVE, now=now)
        for other in before:
            self.move(other, KeyState.RETIRING, now=now)

    def _add(self, algorithm: str, state: KeyState, *, now: float) -> KeyRecord:
        if canonical_algorithm(algorithm) is None:
            raise KeyStateError(f"{algorithm} is not an algorithm that may sign")
        key = generate_private_key(algorithm)
        record = KeyRecord(
            key_id=thumbprint(key.public_key())[:16],
            algorithm=algorithm,
            state=state,
            created_at=now,
            changed_at=now,
            jwk=private_jwk(key),
        )
        self._write(record)
        return record

    def _write(self, record: KeyRecord) -> None:
        write_private_file(self._directory / f"{record.key_id}.json", msgspec.json.encode(record))
        self._records[record.key_id] = record
        self._prepare()

    def _prepare(self) -> None:
        """Build what requests ask for, once per change: the signer and the published set."""
        published = [record for record in self.records if record.state in _PUBLISHED]
        keys = {record.key_id: read_private_jwk(record.jwk).public_key() for record in published}
        self._key_set = KeySet(
            [
                VerificationKey(keys[r.key_id], canonical_algorithm(r.algorithm) or r.algorithm, r.key_id)
                for r in published
            ]
        )
        self._public: dict[str, object] = {
            "keys": [
                {
                    **public_jwk(keys[record.key_id]),
                    "kid": record.key_id,
                    "alg": record.algorithm,
                    "use": "sig",
                }
                for record in published
            ]
        }
        active = [record for record in published if record.state is KeyState.ACTIVE]
        if active:
            newest = active[-1]  # two for the moment between activating one and retiring the other
            self._signer = LocalSigner(newest.algorithm, read_private_jwk(newest.jwk), newest.key_id)


def _read(path: Path) -> KeyRecord:
    try:
        return msgspec.json.decode(read_private_file(path), type=KeyRecord)
    except msgspec.MsgspecError as cause:
        raise KeyFileError(f"{path} is not a key file: {cause}") from cause
