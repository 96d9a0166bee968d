"""Certificates that participants bring along from another authority, or that vouch for themselves (RFC 8705).

What is shown here is the certificate alone: whoever brings it MUST prove the possession of its key besides, because
certificates are no secrets, and whoever accepts it MUST ask for its revocation.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from trustweft.crypto.strength import strong_key
from trustweft.crypto.x509 import (
    MAXIMUM_CERTIFICATE,
    MAXIMUM_INTERMEDIATES,
    UNREADABLE,
    UNTRUSTED,
    VerifiedCertificate,
    certificate_thumbprint,
    read_certificate,
    verify_chain,
)
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.crypto.algorithms import PublicKey

__all__ = ["read_certificate_file", "verify_brought"]

_HASHES: Final = (SHA256, SHA384, SHA512)

MALFORMED = reason(
    "certificate-file.malformed",
    error="invalid_request",
    public="The file does not hold a certificate in PEM, with at most four intermediate ones after it.",
)
SELF_SIGNED = reason(
    "certificate.self-signed-not-allowed",
    error="invalid_request",
    public="The profile allows no certificates that vouch for themselves.",
)
NO_CLIENT = reason(
    "certificate.not-for-clients",
    error="invalid_request",
    public="The certificate vouches for itself, and may not be used to authenticate a client.",
)


def read_certificate_file(pem: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the certificate of a PEM file and the intermediate ones after it, in DER; nothing is verified.

    Raises:
        Reject: ``certificate-file.malformed``.
    """
    if len(pem) > 2 * MAXIMUM_CERTIFICATE * (MAXIMUM_INTERMEDIATES + 1):
        raise MALFORMED.reject(f"{len(pem)} octets")
    try:
        first, *others = (each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(pem))
    except UNREADABLE as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause
    if len(others) > MAXIMUM_INTERMEDIATES:
        raise MALFORMED.reject(f"{len(others)} intermediate certificates")
    return first, tuple(others)


def verify_brought(
    der: bytes,
    *,
    intermediates: Sequence[bytes],
    roots: Sequence[x509.Certificate],
    self_signed: bool,
    now: float,
) -> tuple[VerifiedCertificate, PublicKey]:
    """Return a certificate that may be used, with its key.

    Args:
        der: the certificate.
        intermediates: between it and a root.
        roots: the authorities that are believed.
        self_signed: whether it may vouch for itself.
        now: the time.

    Raises:
        Reject: ``certificate.*``.
    """
    certificate = read_certificate(der)
    key = strong_key(certificate.public_key())
    if certificate.issuer != certificate.subject:
        return verify_chain(der, roots=roots, intermediates=intermediates, now=now), key
    if not self_signed:
        raise SELF_SIGNED.reject(certificate.subject.rfc4514_string()[:200])
    _check_vouches_for_itself(certificate, now=now)
    return VerifiedCertificate((certificate,), certificate_thumbprint(der)), key


def _check_vouches_for_itself(certificate: x509.Certificate, *, now: float) -> None:
    """Hold what a chain would show of it: signature, time, and that it is for clients."""
    digest = certificate.signature_hash_algorithm
    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError) as cause:
        raise UNTRUSTED.reject("its own signature does not verify") from cause
    if not (digest is None or isinstance(digest, _HASHES)):
        raise UNTRUSTED.reject(f"signed with {digest.name}")
    at = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    if not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
        raise UNTRUSTED.reject(f"good until {certificate.not_valid_after_utc}")
    for extension in certificate.extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise NO_CLIENT.reject("it is an authority")
            case x509.ExtendedKeyUsage() as usages if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
                raise NO_CLIENT.reject("extended key usage")
            case _:
                pass
