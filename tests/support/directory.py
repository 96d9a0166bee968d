"""A small directory for tests: it says what it is told to say, and signs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, public_jwk
from trustweft.protocol import ecosystem_status, offboarding, security_event
from trustweft.protocol.ecosystem_status import SubjectStatus

if TYPE_CHECKING:
    from trustweft.protocol.ecosystem_status import Cause, Effect

__all__ = ["DIRECTORY", "NOW", "TestDirectory", "new_signer"]

DIRECTORY: Final = "https://directory.example"
NOW: Final = 1_800_000_000.0


def new_signer(key_id: str) -> LocalSigner:
    """Return a signer with a new key."""
    return LocalSigner("ES256", generate_private_key("ES256"), key_id)


@dataclass
class TestDirectory:
    """What a directory knows, and how it tells it."""

    __test__ = False

    issuer: str = DIRECTORY
    signer: LocalSigner = field(default_factory=lambda: new_signer("d1"))
    revision: int = 0
    subjects: dict[str, SubjectStatus] = field(default_factory=dict)
    events: int = 0

    def keys(self) -> KeySet:
        """Return the published keys."""
        return KeySet([VerificationKey(self.signer.public_key, "ES256", self.signer.key_id)])

    def jwks(self) -> dict[str, Any]:
        """Return the published keys as a document."""
        return {"keys": [{**public_jwk(self.signer.public_key), "kid": self.signer.key_id, "alg": "ES256"}]}

    def say(
        self,
        subject: str,
        effect: Effect,
        *,
        cause: Cause | None = None,
        parents: tuple[str, ...] = (),
        as_of: float = NOW,
    ) -> SubjectStatus:
        """Let a subject count as this from now on."""
        self.revision += 1
        status = SubjectStatus(
            effect=effect, as_of=as_of, revision=self.revision, cause=cause, parents=parents
        )
        self.subjects[subject] = status
        return status

    def feed(self, *, now: float = NOW, since: int | None = None, lifetime: float = 300) -> str:
        """Return the list as it is now."""
        told = {
            name: status for name, status in self.subjects.items() if since is None or status.revision > since
        }
        return ecosystem_status.create_status_list(
            self.signer,
            issuer=self.issuer,
            now=now,
            lifetime=lifetime,
            revision=self.revision,
            subjects=told,
            since=since,
        )

    def event(
        self, audience: str, subject: str, *, order: offboarding.Order | None = None, now: float = NOW
    ) -> str:
        """Return the event token about a subject as it is now, with the order that it is."""
        self.events += 1
        change = security_event.StatusChange(
            subject=subject,
            status=self.subjects[subject],
            order=None if order is None else order.jti,
            order_token=None if order is None else offboarding.create_order(self.signer, order),
        )
        return security_event.create_status_change(
            self.signer, change, issuer=self.issuer, audience=audience, jti=f"e{self.events}", now=now
        )

    def order(
        self,
        subject: str,
        action: offboarding.Action,
        *,
        now: float = NOW,
        receipt_endpoint: str = f"{DIRECTORY}/receipts",
        subjects: tuple[str, ...] = (),
    ) -> offboarding.Order:
        """Return an order about a subject."""
        return offboarding.Order(
            iss=self.issuer,
            jti=f"order-{self.revision}",
            iat=now,
            effective_at=now,
            kind=subject.partition(":")[0],
            subject=subject,
            action=action,
            reason="in a test",
            receipt_endpoint=receipt_endpoint,
            subjects=subjects,
            deadlines={"refuse": 5, "clean_up": 300},
        )
