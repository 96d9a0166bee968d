"""Authorities with revocation lists, made for tests: each part of a list can be changed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

__all__ = ["DAY", "Issuer", "create_issuer", "key_usage", "part"]

DAY = 86_400.0


def at(seconds: float) -> dt.datetime:
    """Return a time as certificates want it."""
    return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC)


def named(text: str) -> x509.Name:
    """Return a name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_usage(*, certificates: bool, lists: bool) -> x509.KeyUsage:
    """Return what a key may sign."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=lists,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def hash_for(key: CertificateIssuerPrivateKeyTypes) -> SHA256 | None:
    """Return the hash that goes with a key."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()


def part(**changes: Any) -> x509.IssuingDistributionPoint:
    """Return what says of a list which part of the certificates it speaks for."""
    return x509.IssuingDistributionPoint(
        **{
            "full_name": None,
            "relative_name": None,
            "only_contains_user_certs": False,
            "only_contains_ca_certs": False,
            "only_some_reasons": None,
            "indirect_crl": False,
            "only_contains_attribute_certs": False,
            **changes,
        }
    )


@dataclass(frozen=True)
class Issuer:
    """An issuer of certificates and lists."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes
    now: float

    def issue(
        self,
        name: str = "client",
        *,
        key: CertificateIssuerPrivateKeyTypes | None = None,
        authority: bool = False,
        usage: x509.KeyUsage | None = None,
        points: Sequence[x509.DistributionPoint] = (),
    ) -> x509.Certificate:
        """Return a certificate, of a client or of another issuer."""
        public = (key or ec.generate_private_key(ec.SECP256R1())).public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(at(self.now - DAY))
            .not_valid_after(at(self.now + 30 * DAY))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                usage or key_usage(certificates=authority, lists=authority),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if not authority:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
            )
        if points:
            builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        return builder.sign(self.key, hash_for(self.key))

    def issue_issuer(self, name: str, *, usage: x509.KeyUsage | None = None) -> Issuer:
        """Return an issuer below this one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Issuer(self.issue(name, key=key, authority=True, usage=usage), key, self.now)

    def sign_list(
        self,
        *revoked: x509.Certificate | x509.RevokedCertificate,
        number: int | None = 1,
        age: float = 60.0,
        lifetime: float = DAY,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        issuer: x509.Name | None = None,
        encoding: Encoding = Encoding.DER,
        key: CertificateIssuerPrivateKeyTypes | None = None,
    ) -> bytes:
        """Return a list of what was revoked, made ``age`` seconds ago."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer or self.certificate.subject)
            .last_update(at(self.now - age))
            .next_update(at(self.now - age + lifetime))
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        for one in revoked:
            builder = builder.add_revoked_certificate(
                self.entry(one) if isinstance(one, x509.Certificate) else one
            )
        return builder.sign(key or self.key, hash_for(self.key)).public_bytes(encoding)

    def entry(
        self, certificate: x509.Certificate, *extensions: tuple[x509.ExtensionType, bool]
    ) -> x509.RevokedCertificate:
        """Return the entry of a certificate."""
        builder = x509.RevokedCertificateBuilder(certificate.serial_number, at(self.now - 3600))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.build()


def create_issuer(name: str, *, now: float, key: CertificateIssuerPrivateKeyTypes | None = None) -> Issuer:
    """Return a root."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(name))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(now - DAY))
        .not_valid_after(at(now + 300 * DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(certificates=True, lists=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .sign(own, hash_for(own))
    )
    return Issuer(certificate, own, now)
