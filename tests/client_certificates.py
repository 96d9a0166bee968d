"""Certificates that clients show in tests: issued by an authority, or self-signed (RFC 8705 section 2)."""

from __future__ import annotations

import datetime as dt
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from trustweft.crypto.keys import public_jwk
from trustweft.runtime.files import write_private_file

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ClientCertificate", "Issuer", "create_client_certificate"]


@dataclass(frozen=True)
class Issuer:
    """Where the certificate and the key of an authority are."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True)
class ClientCertificate:
    """A client's certificate, and the PEM file that holds it with its key."""

    certificate: x509.Certificate
    file: Path

    @property
    def subject(self) -> str:
        """Its subject as a client registers it (RFC 4514)."""
        return self.certificate.subject.rfc4514_string()

    @property
    def jwk(self) -> dict[str, object]:
        """It as a client registers it that vouches for itself (RFC 8705 section 2.2.2)."""
        key = self.certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        der = self.certificate.public_bytes(Encoding.DER)
        return {**public_jwk(key), "x5c": [b64encode(der).decode()]}


def create_client_certificate(
    directory: Path, name: str, *, issuer: Issuer | None = None
) -> ClientCertificate:
    """Make a certificate for ``CN=name``, good for a day; self-signed where no issuer is named."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, issuer_name = (key, subject) if issuer is None else _read(issuer)
    now = dt.datetime.fromtimestamp(time.time(), tz=dt.UTC)
    certificate = (
        x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=issuer_name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - dt.timedelta(minutes=5),
            not_valid_after=now + dt.timedelta(days=1),
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, SHA256())
    )
    file = directory / f"{name}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private_file(file, secret + certificate.public_bytes(Encoding.PEM))
    return ClientCertificate(certificate, file)


def _read(issuer: Issuer) -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
    key = load_pem_private_key(issuer.private_key.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key, x509.load_pem_x509_certificate(issuer.certificate.read_bytes()).subject
