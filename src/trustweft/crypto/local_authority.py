"""A certificate authority for one machine, and the certificates that it issues.

It can speak for ``localhost`` and the loopback addresses only: its name constraints say so, and whoever trusts it
trusts nothing else.
"""

from __future__ import annotations

import datetime as dt
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

from trustweft.runtime.files import (
    KeyFileError,
    make_private_directory,
    read_private_file,
    write_private_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from trustweft.crypto.algorithms import PublicKey

__all__ = [
    "Authority",
    "ServerCertificate",
    "create_self_signed",
    "issue_client_certificate",
    "load_or_create_authority",
    "load_or_create_client_certificate",
    "load_or_create_server_certificate",
]

CERTIFICATE_FILE: Final = "certificate.pem"
PRIVATE_KEY_FILE: Final = "private-key.pem"
AUTHORITY_DAYS: Final = 730
SERVER_DAYS: Final = 90
CLIENT_DAYS: Final = 90
RENEW_DAYS_BEFORE: Final = 30
_EARLIER: Final = dt.timedelta(minutes=5)  # a clock that is a little late must not refuse a new certificate
_ADDRESSES: Final = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
_NETWORKS: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_SERVER_NAMES: Final = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), *map(x509.IPAddress, _ADDRESSES)]
)


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
        write_private_file(certificate_file, _create_authority(key, now).public_bytes(Encoding.PEM))
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
    certificate = _create_server(key, authority, now)
    files.certificate_file.unlink(missing_ok=True)
    write_private_file(files.private_key_file, _pem_of(key))
    write_private_file(files.certificate_file, certificate.public_bytes(Encoding.PEM))
    return files


def load_or_create_client_certificate(
    file: Path, *, authority: Authority, common_name: str, now: float
) -> Path:
    """Return the PEM file with a client's key and certificate, renewed when it is near its end.

    Raises:
        KeyFileError: others can read it.
    """
    if file.exists() and _is_good_client(read_private_file(file), authority, now=now):
        return file
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_client_certificate(authority, key.public_key(), common_name=common_name, now=now)
    file.unlink(missing_ok=True)
    write_private_file(file, _pem_of(key) + certificate.public_bytes(Encoding.PEM))
    return file


def issue_client_certificate(
    authority: Authority, public_key: PublicKey, *, common_name: str, now: float
) -> x509.Certificate:
    """Return a certificate for a client on this machine, known by its subject (RFC 8705 section 2.1.2)."""
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        *_leaf_extensions(public_key, ExtendedKeyUsageOID.CLIENT_AUTH),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key()), False),
    ]
    builder = _builder(
        subject=_named(common_name),
        issuer=authority.certificate.subject,
        key=public_key,
        now=_time(now),
        until=min(_days_after(now, CLIENT_DAYS), authority.certificate.not_valid_after_utc),
    )
    return _extend(builder, extensions).sign(authority.private_key, SHA256())


def create_self_signed(
    key: ec.EllipticCurvePrivateKey, *, common_name: str, now: float, days: int = CLIENT_DAYS
) -> x509.Certificate:
    """Return a client's certificate that vouches for itself (RFC 8705 section 2.2); it can issue no other."""
    name = _named(common_name)
    builder = _builder(
        subject=name, issuer=name, key=key.public_key(), now=_time(now), until=_days_after(now, days)
    )
    return _extend(builder, _leaf_extensions(key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH)).sign(
        key, SHA256()
    )


def _is_good_client(pem: bytes, authority: Authority, *, now: float) -> bool:
    """Tell whether the authority issued it, and it lasts a while."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001  # whatever does not fit is made anew
        return False
    renew_at = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS_BEFORE)
    return certificate.not_valid_before_utc <= _time(now) < renew_at


def _is_good(certificate: x509.Certificate, authority: Authority, *, now: float) -> bool:
    """Tell whether the authority issued it for the names that we serve, and it lasts a while."""
    try:
        certificate.verify_directly_issued_by(authority.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001  # whatever does not fit is made anew
        return False
    renew_at = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS_BEFORE)
    return names == _SERVER_NAMES and certificate.not_valid_before_utc <= _time(now) < renew_at


def _create_authority(key: ec.EllipticCurvePrivateKey, now: float) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # The name is the key's own: trust stores find issuers by name, and mix up two authorities that share one.
    name = _named(f"Trustweft local authority {identifier.digest.hex()[:8]}")
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("localhost"), *map(x509.IPAddress, _NETWORKS)],
        excluded_subtrees=None,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(signs_certificates=True), True),
        (constraints, True),
        (identifier, False),
    ]
    until = _days_after(now, AUTHORITY_DAYS)
    builder = _builder(subject=name, issuer=name, key=key.public_key(), now=_time(now), until=until)
    return _extend(builder, extensions).sign(key, SHA256())


def _create_server(key: ec.EllipticCurvePrivateKey, authority: Authority, now: float) -> x509.Certificate:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        *_leaf_extensions(key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH),
        (_SERVER_NAMES, False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key()), False),
    ]
    builder = _builder(
        subject=_named("localhost"),
        issuer=authority.certificate.subject,
        key=key.public_key(),
        now=_time(now),
        until=min(_days_after(now, SERVER_DAYS), authority.certificate.not_valid_after_utc),
    )
    return _extend(builder, extensions).sign(authority.private_key, SHA256())


def _leaf_extensions(
    public_key: PublicKey, usage: x509.ObjectIdentifier
) -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([usage]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    ]


def _builder(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    now: dt.datetime,
    until: dt.datetime,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _EARLIER,
        not_valid_after=until,
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


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _days_after(now: float, days: int) -> dt.datetime:
    return _time(now) + dt.timedelta(days=days)


def _time(now: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(now), tz=dt.UTC)
