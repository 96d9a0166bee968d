"""Whether who sends an access token holds what it is bound to (RFC 9449 section 7.1, RFC 8705 section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.protocol import dpop, mtls
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from trustweft.protocol.access_token import Confirmation
    from trustweft.protocol.dpop import Proof

__all__ = ["verify_sender"]


@enforces("FAPI2-SP-5.3.4-5", "FAPI2-SP-5.3.4-5.2", "RFC9449-4.3-12.2", "RFC9449-6-p2")
def verify_sender(bound_to: Confirmation, *, proof: Proof | None, client_certificate: bytes | None) -> None:
    """Verify that the sender holds every key that a token names: that of the proof, that of the certificate.

    Args:
        bound_to: from the verified token; it names at least one.
        proof: verified for this request and this token; None where none was needed.
        client_certificate: of this connection, in DER.

    Raises:
        Reject: ``dpop.missing``, ``dpop.key-mismatch``, ``mtls.binding-*``.
    """
    if bound_to.jkt is not None:
        if proof is None:
            raise dpop.MISSING.reject()
        dpop.verify_key_binding(proof, expected_jkt=bound_to.jkt)
    if bound_to.certificate_thumbprint is not None:
        mtls.verify_certificate_binding(client_certificate, expected=bound_to.certificate_thumbprint)
