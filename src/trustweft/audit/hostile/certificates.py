"""The certificates of the hostile server: a good one, and three that no client may accept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustweft.audit.hostile.scenario import Place
from trustweft.crypto.local_authority import (
    ServerCertificate,
    load_or_create_authority,
    load_or_create_server_certificate,
)
from trustweft.runtime.files import make_private_directory, write_private_file

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.crypto.local_authority import Authority

__all__ = ["Certificates", "make_certificates"]

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What each place shows.

    Attributes:
        authority: PEM file of whom the client under test has to trust.
        files: certificate and key of each place that can be served.
    """

    authority: Path
    files: dict[Place, ServerCertificate]


def make_certificates(
    folder: Path, *, authority: Path, now: float, given: tuple[Path, Path, Path] | None = None
) -> Certificates:
    """Return the certificates, those of the bad places made anew.

    Args:
        folder: where files are written.
        authority: the folder of a local authority, made where there is none.
        now: the time.
        given: PEM files of an authority, of a certificate and of its key, for hosts that the local authority cannot
            speak for; then only what needs no authority can be served beside it.

    Raises:
        KeyFileError: a file cannot be used.
    """
    make_private_directory(folder)
    if given is not None:
        trusted, certificate, key = given
        files = {Place.GOOD: ServerCertificate(certificate, key)}
        return Certificates(trusted, files | {Place.SELF_SIGNED: _issue(folder, "self-signed", now=now)})
    issuer = load_or_create_authority(authority, now=now)
    return Certificates(
        issuer.certificate_file,
        {
            Place.GOOD: load_or_create_server_certificate(folder / "good", authority=issuer, now=now),
            Place.SELF_SIGNED: _issue(folder, "self-signed", now=now),
            Place.OTHER_NAME: _issue(
                folder, "other-name", now=now, issuer=issuer, name="elsewhere.localhost"
            ),
            Place.EXPIRED: _issue(folder, "expired", now=now, issuer=issuer, days=-1),
        },
    )


def _issue(
    folder: Path,
    file: str,
    *,
    now: float,
    issuer: Authority | None = None,
    name: str = "localhost",
    days: int = 30,
) -> ServerCertificate:
    """Make a certificate for ``name`` that ends in ``days``; without an issuer it vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = dt.datetime.fromtimestamp(int(now), tz=dt.UTC)
    builder = (
        x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=subject if issuer is None else issuer.certificate.subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=today - 2 * _DAY,
            not_valid_after=today + days * _DAY,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    if issuer is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    certificate = builder.sign(key if issuer is None else issuer.private_key, SHA256())
    files = ServerCertificate(folder / f"{file}.pem", folder / f"{file}-key.pem")
    for path in (files.certificate_file, files.private_key_file):
        path.unlink(missing_ok=True)
    write_private_file(
        files.private_key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    write_private_file(files.certificate_file, certificate.public_bytes(Encoding.PEM))
    return files
