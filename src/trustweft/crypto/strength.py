"""Whether a public key out of a certificate is of a kind and size that is used here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from trustweft.crypto.keys import public_jwk, read_public_jwk
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from trustweft.crypto.algorithms import PublicKey

__all__ = ["strong_key"]

WEAK = reason(
    "certificate.weak-key",
    error="invalid_request",
    public="The key of the certificate is not EC P-256, Ed25519 or RSA of 2048 to 4096 bits.",
)


def strong_key(key: object) -> PublicKey:
    """Return the key as one that may be used.

    Raises:
        Reject: ``certificate.weak-key``.
    """
    on_curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not (on_curve or isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey)):
        raise WEAK.reject(type(key).__name__)
    try:
        # The rules for keys are those for JSON Web Keys, in one place.
        return read_public_jwk(public_jwk(key))  # type: ignore[arg-type]  # one of the three, by the line above
    except Reject as cause:
        raise WEAK.reject(cause.detail) from cause
