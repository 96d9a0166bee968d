"""A local certificate authority for one machine, and the certificates of the participants on it (RFC 5280).

The authority can speak for ``localhost`` and the loopback addresses only: its name constraints say so, and whoever
trusts it trusts nothing else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustweft.runtime.encoding import encode_base64url
from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "Authority",
    "ServerCertificate",
    "certificate_thumbprint",
    "load_or_create_authority",
    "load_or_create_server_certificate",
]

CERTIFICATE_FILE: Final = "certificate.pem"
PRIVATE_KEY_FILE: Final = "private-key.pem"
AUTHORITY_DAYS: Final = 730
SERVER_DAYS: Final = 90
RENEW_DAYS_BEFORE: Final = 30
_EARLIER: Final = dt.timedelta(minutes=5)  # a clock that is a little late must not refuse a new certificate
_ADDRESSES: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_NETWORKS: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Authority:
    """The local authority; ``certificate_file`` is what people import."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey
    certificate_file: Path

    def __repr__(self) -> str:
        return f"Authority({self.certificate_file})"


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """The files that a TLS listener loads."""

    certificate_file: Path
    private_key_file: Path


def load_or_create_authority(directory: Path, *, now: float) -> Authority:
    """Return the authority of ``directory``, made the first time.

    Raises:
        KeyFileError: others can read its key, the files do not fit, or it has expired.
    """
    make_private_directory(directory)
    certificate_file, key_file = directory / CERTIFICATE_FILE, directory / PRIVATE_KEY_FILE
    if not certificate_file.exists():
        # The certificate is written last: where it is, its key is.
        key = ec.generate_private_key(ec.SECP256R1())
        write_private_file(key_file, _pem_of(key))
        write_private_file(certificate_file, _create_authority(key, _time(now)).public_bytes(Encoding.PEM))
    certificate, key = _read_pair(certificate_file, key_file)
    if certificate.not_valid_after_utc <= _time(now):
        raise KeyFileError(f"{certificate_file} has expired; remove {directory} and trust the new authority")
    return Authority(certificate, key, certificate_file)


def load_or_create_server_certificate(
    directory: Path, *, authority: Authority, now: float
) -> ServerCertificate:
    """Return a certificate for this machine's names, renewed when it is near its end or the authority is another.

    Raises:
        KeyFileError: others can read its key, or the files do not fit.
    """
    make_private_directory(directory)
    files = ServerCertificate(directory / CERTIFICATE_FILE, directory / PRIVATE_KEY_FILE)
    if files.certificate_file.exists():
        certificate, _ = _read_pair(files.certificate_file, files.private_key_file)
        if _is_good(certificate, authority, now=now):
            return files
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _create_server(key, authority, _time(now))
    files.certificate_file.unlink(missing_ok=True)
    write_private_file(files.private_key_file, _pem_of(key))
    write_private_file(files.certificate_file, certificate.public_bytes(Encoding.PEM))
    return files


def certificate_thumbprint(der: bytes) -> str:
    """Return ``x5t#S256`` of a certificate (RFC 8705 section 3.1), 43 characters."""
    return encode_base64url(hashlib.sha256(der).digest())


def _is_good(certificate: x509.Certificate, authority: Authority, *, now: float) -> bool:
    """Tell whether the authority issued it and it lasts a while."""
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001  # whatever does not fit is made anew
        return False
    return certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS_BEFORE) > _time(now)


def _create_authority(key: ec.EllipticCurvePrivateKey, now: dt.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Trustweft local authority, {now:%Y-%m-%d}")])
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("localhost"), *map(x509.IPAddress, _NETWORKS)],
        excluded_subtrees=None,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(signs_certificates=True), True),
        (constraints, True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    builder = _builder(subject=name, issuer=name, key=key, now=now, days=AUTHORITY_DAYS)
    return _extend(builder, extensions).sign(key, SHA256())


def _create_server(
    key: ec.EllipticCurvePrivateKey, authority: Authority, now: dt.datetime
) -> x509.Certificate:
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *map(x509.IPAddress, _ADDRESSES)])
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (names, False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key()), False),
    ]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = _builder(
        subject=subject, issuer=authority.certificate.subject, key=key, now=now, days=SERVER_DAYS
    )
    return _extend(builder, extensions).sign(authority.private_key, SHA256())


def _builder(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _EARLIER,
        not_valid_after=now + dt.timedelta(days=days),
    )


def _extend(
    builder: x509.CertificateBuilder, extensions: Iterable[tuple[x509.ExtensionType, bool]]
) -> x509.CertificateBuilder:
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_pair(certificate_file: Path, key_file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = load_pem_private_key(read_private_file(key_file), password=None)
    except KeyFileError:
        raise
    except (ValueError, OSError) as cause:
        raise KeyFileError(f"{certificate_file} or {key_file} cannot be used: {cause}") from cause
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise KeyFileError(f"{key_file} is not the key of {certificate_file}")
    return certificate, key


def _time(now: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(now), tz=dt.UTC)
