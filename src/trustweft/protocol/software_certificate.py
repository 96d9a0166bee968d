"""Whose a client certificate is, as a software statement says: names and thumbprints, compared as RFC 4514 means them.

National ecosystems write the software into the certificate's name, as ``UID`` (0.9.2342.19200300.100.1.1), and the
organisation as ``organizationIdentifier`` (2.5.4.97) behind the scheme's prefix and a hyphen; where a certificate
has them, they must be those of the statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.protocol.distinguished_name import distinguished_name_of, parse_distinguished_name
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from cryptography import x509

    from trustweft.protocol.distinguished_name import DistinguishedName
    from trustweft.protocol.software_statement import SoftwareStatement

__all__ = ["subjects_of", "verify_certificate_of_software"]

_USER_ID: Final = "0.9.2342.19200300.100.1.1"
_ORGANISATION: Final = "2.5.4.97"

_ERROR: Final = "invalid_software_statement"
SUBJECTS = reason(
    "software-statement.subjects",
    error=_ERROR,
    public="A name among the certificate_subjects of the software statement is not written as RFC 4514 says.",
)
OTHER_SOFTWARE = reason(
    "registration.certificate-software",
    error=_ERROR,
    public="The client certificate is not one of the software that the statement is about.",
)
OTHER_ORGANISATION = reason(
    "registration.certificate-organisation",
    error=_ERROR,
    public="The client certificate is of another organisation than the software statement.",
)


def subjects_of(statement: SoftwareStatement) -> tuple[DistinguishedName, ...]:
    """Return what the names of the software's certificates say.

    Raises:
        Reject: ``software-statement.subjects``.
    """
    try:
        return tuple(map(parse_distinguished_name, statement.certificate_subjects))
    except Reject as cause:
        raise SUBJECTS.reject(cause.detail) from cause


def verify_certificate_of_software(
    der: bytes, certificate: x509.Certificate, statement: SoftwareStatement
) -> None:
    """Verify that a certificate, whose chain was verified, is the software's: every other of the authority passed too.

    (1) its organisation, where it names one (2) its software, where it names one (3) known to the statement by
    thumbprint, or else by name, or else by the software that it names.

    Raises:
        Reject: ``registration.certificate-software``, ``registration.certificate-organisation``,
            ``software-statement.subjects``.
    """
    organisations, software = (_values(certificate, each) for each in (_ORGANISATION, _USER_ID))
    if not all(_is_organisation(each, statement.organisation_id) for each in organisations):  # (1)
        raise OTHER_ORGANISATION.reject(f"{organisations!r:.200}")
    if not all(each == statement.software_id for each in software):  # (2)
        raise OTHER_SOFTWARE.reject(f"{software!r:.200}")
    subjects = subjects_of(statement)
    if statement.certificate_thumbprints:  # (3)
        known = certificate_thumbprint(der) in statement.certificate_thumbprints
    elif subjects:
        known = distinguished_name_of(certificate.subject) in subjects
    else:
        known = bool(software and organisations)
    if not known:
        raise OTHER_SOFTWARE.reject(certificate.subject.rfc4514_string()[:200])


def _values(certificate: x509.Certificate, oid: str) -> tuple[str, ...]:
    return tuple(str(each.value) for each in certificate.subject if each.oid.dotted_string == oid)


def _is_organisation(named: str, organisation_id: str) -> bool:
    return named == organisation_id or named.partition("-")[2] == organisation_id
