"""Trust marks (OpenID Federation 1.0 section 7): what the directory's certifications are to everybody else.

A mark is of one certification, and says which: a later one does not make an older mark good again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from trustweft.crypto.keys import KeySet, VerificationKey
from trustweft.directory.objects import Certification
from trustweft.protocol.federation_jwt import EXPIRED, optional_expiry, verify_federation_jwt
from trustweft.protocol.federation_requests import UNKNOWN_TRUST_MARK
from trustweft.protocol.federation_trust_mark import (
    NewTrustMark,
    TrustMarkStatus,
    create_trust_mark,
    create_trust_mark_status,
    parse_trust_mark,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.crypto.keyring import KeyRing
    from trustweft.directory.members import Entity
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.runtime.clock import Clock

__all__ = ["TrustMarks"]

# Our choice, in seconds: whoever does not ask for the status of a mark is behind by a day at most.
LIFETIME: Final = 86_400.0
CLAIM: Final = "certification"


class TrustMarks:
    """Hands out trust marks, and says what they are worth today.

    Args:
        issuer: the directory.
        snapshot: gives what is so now.
        keys: the directory's.
        clock: tells the time.
    """

    def __init__(self, *, issuer: str, snapshot: Callable[[], Snapshot], keys: KeyRing, clock: Clock) -> None:
        self._issuer = issuer
        self._snapshot = snapshot
        self._keys = keys
        self._clock = clock

    def type_of(self, facts: Certification) -> str:
        """Return the type of the marks of a certification: by the profile that was tested, or else by the method."""
        return f"{self._issuer}/trust-marks/{quote(facts.profile or facts.method, safe='')}"

    def known_types(self) -> tuple[str, ...]:
        """Return the type of every certification that there ever was."""
        records = self._snapshot().records("certification")
        found = {self.type_of(each.facts) for each in records if isinstance(each.facts, Certification)}
        return tuple(sorted(found))

    def of(self, entity: Entity) -> dict[str, Record]:
        """Return the certifications of a member that are good now, by type; of several the one that is good longest."""
        snapshot, now = self._snapshot(), self._clock.now()
        found: dict[str, Record] = {}
        for child in snapshot.children(entity.record.subject):
            record = snapshot.find(child)
            facts = record.facts
            if not isinstance(facts, Certification) or not self._is_good(record, facts, now):
                continue
            before = found.get(self.type_of(facts))
            if before is None or _end_of(before) < facts.valid_until:
                found[self.type_of(facts)] = record
        return found

    def _is_good(self, record: Record, facts: Certification, now: float) -> bool:
        return facts.valid_until > now and self._snapshot().effective(record.subject).active

    def issue(self, entity: Entity, mark_type: str) -> str:
        """Return the mark of a type that a member has.

        Raises:
            Reject: ``federation.unknown-trust-mark``.
        """
        record = self.of(entity).get(mark_type)
        if record is None:
            raise UNKNOWN_TRUST_MARK.reject(f"{mark_type[:200]} of {entity.entity[:200]}")
        now = self._clock.now()
        new = NewTrustMark(
            issuer=self._issuer,
            subject=entity.entity,
            trust_mark_type=mark_type,
            lifetime=min(LIFETIME, _end_of(record) - now),
            claims={CLAIM: str(record.subject)},
        )
        return create_trust_mark(new, signer=self._keys.signer(), now=now)

    def tell_status(self, text: str) -> str:
        """Return our signed word on a mark of our own.

        Raises:
            Reject: ``federation.unknown-trust-mark`` for one that is somebody else's; ``federation.*`` for what is none.
        """
        mark = parse_trust_mark(text)
        if mark.issuer != self._issuer:
            raise UNKNOWN_TRUST_MARK.reject(mark.issuer[:200])
        try:
            claims = verify_federation_jwt(mark.token, keys=self._trusted_keys())
            optional_expiry(claims, now=self._clock.now(), future_tolerance=0)
        except Reject as refused:
            return self._sign("expired" if refused.reason is EXPIRED else "invalid", text)
        record = self._snapshot().get(str(claims.get(CLAIM)))
        good = (
            record is not None
            and isinstance(record.facts, Certification)
            and self._is_good(record, record.facts, self._clock.now())
        )
        return self._sign("active" if good else "revoked", text)

    def _sign(self, status: TrustMarkStatus, text: str) -> str:
        return create_trust_mark_status(
            status,
            trust_mark=text,
            issuer=self._issuer,
            signer=self._keys.signer(),
            now=self._clock.now(),
        )

    def _trusted_keys(self) -> KeySet:
        """Return every key that we ever signed with, but those that others may have."""
        records = [each.record for each in self._keys.statuses if not each.record.compromised]
        return KeySet([VerificationKey(each.public_key, each.algorithm, each.key_id) for each in records])


def _end_of(record: Record) -> float:
    facts = record.facts
    return facts.valid_until if isinstance(facts, Certification) else 0.0
