"""What is done to a server's signing keys: the next one published, one retired, secrets that are spent erased.

Each step is one file, or two in an order in which a crash between them leaves a ring that works: a successor is there
before its predecessor goes. Whoever does it, a running server or a command beside it, has the lock of the directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from trustweft.crypto import key_states
from trustweft.crypto.algorithms import canonical_algorithm
from trustweft.crypto.key_files import KEY_ID_LENGTH, KeyDirectory
from trustweft.crypto.key_states import KeyRecord, KeyState, KeyStatus, states_at
from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk, thumbprint
from trustweft.runtime.enforces import enforces
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "HANDOVER",
    "MINIMUM_NOTICE",
    "KeyStateError",
    "Retirement",
    "erase_spent",
    "make_missing",
    "retire",
    "rotate",
]

# Our choice: a server looks at the directory twice a second. Where a key has to go at once, all of its processes
# publish the new one before any of them signs with it.
HANDOVER: Final = 2.0
# Our choice: too late to give a key up that begins to sign in a moment, because one process may see the clock first.
MINIMUM_NOTICE: Final = 10.0


class KeyStateError(ValueError):
    """The step is not possible now.

    Attributes:
        reason: a stable id.
        key_id: which key stands in the way, where one does.
    """

    def __init__(self, reason: str, message: str, *, key_id: str = "") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.key_id = key_id


class Retirement(Struct, frozen=True, kw_only=True):
    """What was retired, what it was, and what signs in its place where it was the one that signed."""

    retired: KeyRecord
    was: KeyState
    successor: KeyRecord | None = None


def make_missing(directory: KeyDirectory, *, algorithms: Sequence[str], now: float) -> None:
    """Make a key for each algorithm that has none.

    The keys of a new directory sign at once, because nobody can hold an older key set. An algorithm that comes later
    waits like every other key.

    Raises:
        KeyStateError: an algorithm may not sign.
        KeyFileError: the directory or a file cannot be used, or no key signs.
    """
    with directory.writing():
        statuses = states_at(directory.read(), now)
        if statuses and not any(status.state is KeyState.ACTIVE for status in statuses):
            # Lost keys are told, not replaced: what they signed would silently cease to verify.
            raise KeyFileError(f"{directory.path} has keys, but none of them signs")
        present = {status.record.algorithm for status in statuses if _lives(status)}
        wait = key_states.PUBLISHED_BEFORE_USE if statuses else 0.0
        for algorithm in algorithms:
            if algorithm not in present:
                directory.save(_new_record(algorithm, now=now, wait=wait))


@enforces("FAPI2-SP-6.8-1")
def rotate(directory: KeyDirectory, *, algorithm: str, now: float) -> KeyRecord:
    """Publish the next key of an algorithm; once everybody can know it, it signs and its predecessor begins to retire.

    Raises:
        KeyStateError: ``keys.algorithm``, or ``keys.pending``: one is published already.
        KeyFileError: the directory or a file cannot be used.
    """
    record = _new_record(algorithm, now=now, wait=key_states.PUBLISHED_BEFORE_USE)
    with directory.writing():
        statuses = states_at(directory.read(), now)
        pending = _of_state(statuses, algorithm, KeyState.PENDING)
        if pending:
            key_id = pending[0].record.key_id
            raise KeyStateError(
                "keys.pending", f"{key_id} is published already as the next {algorithm} key", key_id=key_id
            )
        directory.save(record)
        _erase(directory, statuses)
    return record


def retire(
    directory: KeyDirectory, key_id: str, *, compromised: bool = False, at_once: bool = False, now: float
) -> Retirement:
    """Take a key out of publication; where it is the one that signs, a new key takes its place.

    The key that signs stays unless it is compromised or has to go at once.

    Args:
        directory: where the keys are.
        key_id: which key.
        compromised: somebody else may know the secret.
        at_once: nobody believes it any more, and one process alone signs: another key signs from now on, and a command
            that is writing is not waited for.
        now: seconds since the epoch.

    Raises:
        KeyStateError: ``keys.unknown``, ``keys.retired``, ``keys.signs``, or ``keys.about-to-sign``.
        KeyFileError: the directory or a file cannot be used.
        BlockingIOError: somebody else is writing, and is not waited for.
    """
    with directory.writing(wait=not at_once):
        statuses = states_at(directory.read(), now)
        status = next((each for each in statuses if each.record.key_id == key_id), None)
        if status is None:
            raise KeyStateError("keys.unknown", f"there is no key {key_id}")
        _check_may_retire(status, although_it_signs=compromised or at_once, now=now)
        successor, retired_at = None, now
        if status.state is KeyState.ACTIVE:
            wait = 0.0 if at_once else HANDOVER
            successor = _new_record(status.record.algorithm, now=now, wait=wait)
            retired_at = successor.active_from
            directory.save(successor)
        retired = replace(status.record, retired_at=retired_at, compromised=compromised)
        if successor is None:
            retired = _without_secret(retired)
        directory.save(retired)
    return Retirement(retired=retired, was=status.state, successor=successor)


def erase_spent(directory: KeyDirectory, *, now: float) -> None:
    """Erase the secrets of the keys that sign no more; a running server calls this, so it waits for nobody.

    Raises:
        BlockingIOError: somebody else is writing.
        KeyFileError: the directory or a file cannot be used.
        OSError: it cannot be written.
    """
    with directory.writing(wait=False):
        _erase(directory, states_at(directory.read(), now))


def _check_may_retire(status: KeyStatus, *, although_it_signs: bool, now: float) -> None:
    record, key_id = status.record, status.record.key_id
    if status.state is KeyState.RETIRED or record.retired_at is not None:
        raise KeyStateError("keys.retired", f"{key_id} is retired already", key_id=key_id)
    if status.state is KeyState.ACTIVE and not although_it_signs:
        raise KeyStateError("keys.signs", f"{key_id} is the key that signs", key_id=key_id)
    if status.state is KeyState.PENDING and record.active_from - now < MINIMUM_NOTICE:
        raise KeyStateError("keys.about-to-sign", f"{key_id} begins to sign in a moment", key_id=key_id)


def _erase(directory: KeyDirectory, statuses: Iterable[KeyStatus]) -> None:
    for status in statuses:
        if status.record.has_secret and status.state in {KeyState.RETIRING, KeyState.RETIRED}:
            directory.save(_without_secret(status.record))


def _without_secret(record: KeyRecord) -> KeyRecord:
    return replace(record, jwk=public_jwk(record.public_key))


def _of_state(statuses: Iterable[KeyStatus], algorithm: str, state: KeyState) -> list[KeyStatus]:
    return [each for each in statuses if each.state is state and each.record.algorithm == algorithm]


def _lives(status: KeyStatus) -> bool:
    return status.state in {KeyState.PENDING, KeyState.ACTIVE}


def _new_record(algorithm: str, *, now: float, wait: float) -> KeyRecord:
    if canonical_algorithm(algorithm) != algorithm:
        raise KeyStateError("keys.algorithm", f"{algorithm} is not an algorithm that may sign")
    key = generate_private_key(algorithm)
    key_id = thumbprint(key.public_key())[:KEY_ID_LENGTH]
    if key_id.startswith("-"):  # on a command line it would look like an option
        return _new_record(algorithm, now=now, wait=wait)
    return KeyRecord(
        key_id=key_id,
        algorithm=algorithm,
        published_at=now,
        active_from=now + wait,
        jwk=private_jwk(key),
    )
