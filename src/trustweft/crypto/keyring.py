"""A server's signing keys as one process has them in use: who signs now, and what is published.

Several processes of a server and the commands beside it share one directory of keys. Each process reads it again when
a file in it changed, and lets the clock move what it read (`key_states`). A request never waits for either.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.key_rotation import erase_spent, make_missing
from trustweft.crypto.key_states import PUBLISHED, KeyState, states_at
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, public_jwk, read_private_jwk
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trustweft.crypto.key_files import Fingerprint
    from trustweft.crypto.key_states import KeyRecord, KeyStatus
    from trustweft.crypto.keys import Signer

__all__ = ["KeyChange", "KeyRing"]

_SPENT: Final = frozenset({KeyState.RETIRING, KeyState.RETIRED})


class KeyChange(Struct, frozen=True, kw_only=True):
    """One key that became something else; ``before`` is None for a key that was not known."""

    key_id: str
    algorithm: str
    before: KeyState | None
    after: KeyState


class KeyRing:
    """The keys of one server; ``signer`` signs with the active key of an algorithm.

    Args:
        directory: where the keys are.
        algorithms: in the order of preference; the first one that has an active key is the default.
    """

    def __init__(self, directory: KeyDirectory, *, algorithms: Sequence[str]) -> None:
        self.directory = directory
        self.statuses: tuple[KeyStatus, ...] = ()
        self.algorithms: tuple[str, ...] = ()
        self._preferred = tuple(algorithms)
        self._records: tuple[KeyRecord, ...] = ()
        self._fingerprint: Fingerprint | None = None
        self._as_of, self._until = math.inf, -math.inf
        self._signers: dict[str, Signer] = {}
        self._signer: Signer
        self._key_set = KeySet(())
        self._public: dict[str, object] = {"keys": []}

    @classmethod
    def load_or_create(
        cls, directory: Path, *, algorithms: Sequence[str] = ("ES256",), now: float
    ) -> KeyRing:
        """Read the keys of ``directory``, and make one for each of ``algorithms`` that has none.

        Raises:
            KeyFileError: a file is readable by others, is not a key of ours, or no key can sign.
            KeyStateError: an algorithm may not sign.
        """
        ring = cls(KeyDirectory(directory), algorithms=algorithms)
        make_missing(ring.directory, algorithms=algorithms, now=now)
        ring.reload(now)
        ring.erase_spent(now)
        return ring

    @property
    def changes_at(self) -> float:
        """When the clock alone will change something; infinite where it will not."""
        return self._until

    def signer(self, algorithm: str | None = None) -> Signer:
        """Return the signer of the active key: of the default algorithm unless one is named.

        Raises:
            KeyError: there is no active key of that algorithm; `algorithms` tells which have one.
        """
        return self._signer if algorithm is None else self._signers[algorithm]

    def key_set(self) -> KeySet:
        """Return the published public keys, for verifying what we signed ourselves; the same object until a change."""
        return self._key_set

    def public_jwks(self) -> dict[str, object]:
        """Return the key set that others read (RFC 7517 section 5); the same object until a change."""
        return self._public

    def reload(self, now: float) -> tuple[KeyChange, ...]:
        """Come up to date with the files and the clock; return what changed.

        Raises:
            KeyFileError: a file cannot be used, or no key can sign; nothing changed then.
            OSError: the directory is out of reach; nothing changed then.
        """
        self.read_again()
        return self.turn_to(now)

    def read_again(self) -> None:
        """Read the files, if any of them changed. What they say counts with the next `turn_to`.

        Raises:
            KeyFileError: a file cannot be used; what was read before still counts.
            OSError: the directory is out of reach; what was read before still counts.
        """
        fingerprint = self.directory.fingerprint()
        if fingerprint != self._fingerprint:
            self._records = self.directory.read()
            self._fingerprint = fingerprint
            self._until = -math.inf

    def turn_to(self, now: float) -> tuple[KeyChange, ...]:
        """Let the clock be at ``now``; return what changed. Where nothing can have changed this costs nothing.

        Raises:
            KeyFileError: no key can sign; nothing changed then.
        """
        if self._as_of <= now < self._until:
            return ()
        statuses = states_at(self._records, now)
        self._use(statuses)
        before = {status.record.key_id: status.state for status in self.statuses}
        changes = tuple(
            KeyChange(
                key_id=status.record.key_id,
                algorithm=status.record.algorithm,
                before=before.get(status.record.key_id),
                after=status.state,
            )
            for status in statuses
            if before.get(status.record.key_id) is not status.state
        )
        self.statuses, self._as_of = statuses, now
        self._until = min((status.until for status in statuses if status.until is not None), default=math.inf)
        return changes

    def erase_spent(self, now: float) -> None:
        """Erase the secrets of keys that sign no more, where any is left; while somebody else writes, leave it for later.

        Raises:
            KeyFileError: the directory or a file cannot be used.
            OSError: it cannot be written.
        """
        if not any(each.record.has_secret and each.state in _SPENT for each in self.statuses):
            return
        with contextlib.suppress(BlockingIOError):
            erase_spent(self.directory, now=now)
            self.reload(now)

    def _use(self, statuses: Sequence[KeyStatus]) -> None:
        """Build what requests ask for, once per change: the signers and the published set."""
        signers = {
            status.record.algorithm: self._signer_of(status.record)
            for status in statuses
            if status.state is KeyState.ACTIVE and status.record.has_secret
        }
        if not signers:
            raise KeyFileError(f"{self.directory.path} has no key that signs")
        order = [each for each in self._preferred if each in signers]
        algorithms = (*order, *sorted(signers.keys() - set(order)))
        published = [status.record for status in statuses if status.state in PUBLISHED]
        if [record.key_id for record in published] != [key.key_id for key in self._key_set.keys]:
            self._publish(published)
        self._signers, self._signer = signers, signers[algorithms[0]]
        if algorithms != self.algorithms:
            self.algorithms = algorithms

    def _signer_of(self, record: KeyRecord) -> Signer:
        known = self._signers.get(record.algorithm)
        if known is not None and known.key_id == record.key_id:
            return known
        return LocalSigner(record.algorithm, read_private_jwk(record.jwk), record.key_id)

    def _publish(self, records: Sequence[KeyRecord]) -> None:
        keys = [VerificationKey(record.public_key, record.algorithm, record.key_id) for record in records]
        self._key_set = KeySet(keys)
        self._public = {
            "keys": [
                {**public_jwk(key.key), "kid": key.key_id, "alg": key.algorithm, "use": "sig"} for key in keys
            ]
        }
