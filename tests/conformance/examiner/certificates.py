"""Certificates of the examiner's clients: issued by an authority of its own, or vouching for themselves (RFC 8705)."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CertificateAuthority", "ClientCertificate"]

_DAYS: Final = 30
_EARLIER: Final = dt.timedelta(hours=1)
_USES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class ClientCertificate:
    """One client's certificate and key, as a TLS library loads them."""

    certificate: x509.Certificate
    pem: bytes

    @property
    def x5c(self) -> list[str]:
        """The certificate as a JWK holds it (RFC 7517 section 4.7)."""
        return [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]


class CertificateAuthority:
    """Issues certificates of clients."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _named("The examiner's authority")
        builder = _builder(name, name, self._key.public_key(), authority=True)
        self.certificate = builder.sign(self._key, hashes.SHA256())

    def issue(self, name: str) -> ClientCertificate:
        """Return a certificate that is known by its subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), self.certificate.subject, key.public_key())
        signer = self._key.public_key()
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False
        )
        return _with_key(builder.sign(self._key, hashes.SHA256()), key)

    @staticmethod
    def self_signed(name: str) -> ClientCertificate:
        """Return a certificate that nobody vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), _named(name), key.public_key())
        return _with_key(builder.sign(key, hashes.SHA256()), key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool = False
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    used = {"key_cert_sign", "crl_sign"} if authority else {"digital_signature"}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{use: use in used for use in _USES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    if authority:
        return builder
    return builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)


def _with_key(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ClientCertificate:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ClientCertificate(certificate, private + certificate.public_bytes(Encoding.PEM))
