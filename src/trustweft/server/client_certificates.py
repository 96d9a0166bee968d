"""Whom the server believes about certificates of clients: these roots and no others (RFC 8705 section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trustweft.crypto.x509 import VerifiedCertificate, verify_chain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from cryptography.x509 import Certificate

__all__ = ["ClientCertificates", "RevocationCheck"]


class RevocationCheck(Protocol):
    """Knows which certificates were revoked."""

    def verify(self, chain: Sequence[Certificate], /) -> Awaitable[None]:
        """Hold that no certificate of a verified chain is revoked.

        Raises:
            Reject: ``certificate.revoked``, or ``certificate.revocation-unknown`` where that cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClientCertificates:
    """Judges chains of clients that authenticate by a name in their certificate.

    Attributes:
        roots: the authorities that an operator named for this purpose; with none, nobody passes.
        revocation: asked about every chain; None where the operator chose to do without.
    """

    roots: tuple[Certificate, ...] = ()
    revocation: RevocationCheck | None = None

    async def verify(
        self, der: bytes, *, intermediates: Sequence[bytes] = (), now: float
    ) -> VerifiedCertificate:
        """Verify the chain of a client's certificate, and that none of it is revoked.

        The caller MUST still compare the name: every client of the same authority passes here.

        Raises:
            Reject: ``certificate.*``.
        """
        verified = verify_chain(der, roots=self.roots, intermediates=intermediates, now=now)
        if self.revocation is not None:
            await self.revocation.verify(verified.chain)
        return verified
