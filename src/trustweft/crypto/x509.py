"""Certificates of strangers (RFC 5280): read with care, and verified against the roots of one purpose and no others.

A TLS handshake authenticates no client. Whoever relies on a client's certificate calls ``verify_chain`` with the
roots of that purpose and no others, or compares ``certificate_thumbprint`` with a registered one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
)
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason
from trustweft.runtime.files import (
    KeyFileError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "VerifiedCertificate",
    "certificate_fingerprint",
    "certificate_thumbprint",
    "load_authorities",
    "read_certificate",
    "verify_chain",
]

MAXIMUM_CERTIFICATE: Final = 16_384
MAXIMUM_INTERMEDIATES: Final = 4
# What the library raises, early or late, about octets that are no certificate or list.
UNREADABLE: Final = (
    UnsupportedAlgorithm,
    TypeError,
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

MALFORMED = reason(
    "certificate.malformed",
    error="invalid_client",
    public="The client certificate cannot be read.",
    status=401,
)
UNTRUSTED = reason(
    "certificate.untrusted",
    error="invalid_client",
    public="The client certificate was not issued by an accepted authority for this use, or is out of date.",
    status=401,
)


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A client certificate whose chain was verified.

    Attributes:
        chain: from the certificate itself to the root.
        thumbprint: its ``x5t#S256``.
    """

    chain: tuple[x509.Certificate, ...]
    thumbprint: str

    @property
    def certificate(self) -> x509.Certificate:
        """The client's own."""
        return self.chain[0]


def load_authorities(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file, each that of an authority.

    Raises:
        KeyFileError: the file cannot be read, or holds something else.
    """
    try:
        certificates = tuple(x509.load_pem_x509_certificates(path.read_bytes()))
        for each in certificates:
            if not each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                raise KeyFileError(f"{path}: {each.subject.rfc4514_string()} is not an authority")
    except (OSError, x509.ExtensionNotFound, *UNREADABLE) as cause:
        raise KeyFileError(f"{path} does not hold certificates of authorities: {cause}") from cause
    return certificates


def certificate_fingerprint(pem: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate as browsers and tools print it, for people to compare."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return hashlib.sha256(der).digest().hex(":").upper()


@enforces("RFC8705-3.1-p2.1", "RFC8705-3.1-p2.2")
def certificate_thumbprint(der: bytes) -> str:
    """Return ``x5t#S256`` of a certificate (RFC 8705 section 3.1), 43 characters."""
    return encode_base64url(hashlib.sha256(der).digest())


@enforces("RFC8705-7.5-p2.1", "RFC8705-7.5-p2.2")
def verify_chain(
    der: bytes, *, roots: Sequence[x509.Certificate], now: float, intermediates: Sequence[bytes] = ()
) -> VerifiedCertificate:
    """Verify that one of ``roots`` stands behind a client's certificate (RFC 8705 section 2.1).

    The caller MUST still compare the subject with the one that is registered for the client: every other client of
    the same authority passes here too.

    Raises:
        Reject: ``certificate.malformed``, ``certificate.untrusted``.
    """
    if len(intermediates) > MAXIMUM_INTERMEDIATES:
        raise MALFORMED.reject(f"{len(intermediates)} intermediate certificates")
    leaf, *others = (read_certificate(each) for each in (der, *intermediates))
    if not roots:
        raise UNTRUSTED.reject("there are no roots")
    # A client's certificate is looked up by its subject, so it needs no alternative name, which web servers' do.
    client = ExtensionPolicy.webpki_defaults_ee().may_be_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
    verifier = (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(_time(now))
        .max_chain_depth(MAXIMUM_INTERMEDIATES)
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=client)
        .build_client_verifier()
    )
    try:
        verified = verifier.verify(leaf, others)
    except (VerificationError, ValueError, UnsupportedAlgorithm) as cause:
        raise UNTRUSTED.reject(str(cause)[:200]) from cause
    return VerifiedCertificate(tuple(verified.chain), certificate_thumbprint(der))


def read_certificate(der: bytes) -> x509.Certificate:
    """Read a certificate of a stranger; nothing about it is verified.

    Raises:
        Reject: ``certificate.malformed``.
    """
    if len(der) > MAXIMUM_CERTIFICATE:
        raise MALFORMED.reject(f"{len(der)} octets")
    try:
        certificate = x509.load_der_x509_certificate(der)
        # Parsed late otherwise, where nobody expects an error.
        _ = certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key()
    except UNREADABLE as cause:
        raise MALFORMED.reject(str(cause)[:200]) from cause
    if certificate.serial_number <= 0:  # RFC 5280 section 4.1.2.2
        raise MALFORMED.reject("the serial number is not positive")
    # The signature covers all but itself, and its count of unused bits is overlooked by the library: a second
    # spelling, and so a second thumbprint, of the same certificate (X.690 section 11.2.1).
    if der[-len(certificate.signature) - 1] != 0:
        raise MALFORMED.reject("the signature is no whole number of octets")
    return certificate


def _time(now: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(now), tz=dt.UTC)
