"""Mutual TLS (RFC 8705): who a client is by its certificate, and tokens that are bound to a certificate.

The handshake showed that the client holds the certificate's key, and nothing else. Two ways lead from there to a client:

- ``tls_client_auth`` (section 2.1): a chain to the roots of this purpose (crypto/x509.py), then the one registered name.
- ``self_signed_tls_client_auth`` (section 2.2): the registered certificate itself, or the registered key. Nothing is
  ever verified *through* such a certificate: whatever it may have issued is another certificate with another key.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Final, Literal

from cryptography import x509
from msgspec import Struct

from trustweft.crypto.keys import KeySet, read_public_jwk
from trustweft.crypto.x509 import certificate_thumbprint, read_certificate
from trustweft.protocol.distinguished_name import distinguished_name_of, parse_distinguished_name
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "MUTUAL_TLS_METHODS",
    "CertificateName",
    "MutualTlsMethod",
    "RegisteredCertificates",
    "read_certificate_name",
    "read_registered_certificates",
    "verify_certificate_binding",
    "verify_certificate_name",
    "verify_self_signed",
]

MutualTlsMethod = Literal["tls_client_auth", "self_signed_tls_client_auth"]
MUTUAL_TLS_METHODS: Final = ("tls_client_auth", "self_signed_tls_client_auth")
_MAXIMUM: Final = 2_048
_DNS_NAME: Final = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9-]+")
_EMAIL: Final = re.compile(r"([\x21-\x3f\x41-\x7e]+)@([A-Za-z0-9.-]+)")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")

_ERROR: Final = "invalid_client"
BAD_NAME = reason(
    "mtls.bad-name",
    error="invalid_client_metadata",
    public="The name that the client's certificate shall have is malformed.",
)
BAD_CERTIFICATES = reason(
    "mtls.bad-certificates",
    error="invalid_client_metadata",
    public="The jwks holds no certificate (x5c) or key that a client certificate could be known by, or one that does not fit.",
)
MISSING = reason(
    "mtls.certificate-missing",
    error=_ERROR,
    public="The client authenticates with a certificate, and none came with this connection.",
    status=401,
)
OTHER_NAME = reason(
    "mtls.other-name",
    error=_ERROR,
    public="The client certificate has another name than the registered one.",
    status=401,
)
NOT_REGISTERED = reason(
    "mtls.not-registered",
    error=_ERROR,
    public="The client certificate is none of those that are registered for the client.",
    status=401,
)
OUT_OF_DATE = reason(
    "mtls.out-of-date", error=_ERROR, public="The client certificate is out of date.", status=401
)
NO_CERTIFICATE = reason(
    "mtls.binding-without-certificate",
    error="invalid_token",
    public="The access token is bound to a client certificate, and none came with this connection.",
    status=401,
)
OTHER_CERTIFICATE = reason(
    "mtls.binding-mismatch",
    error="invalid_token",
    public="The access token is bound to another client certificate.",
    status=401,
)


class CertificateName(Struct, frozen=True, kw_only=True):
    """The one name by which a client's certificate is known (section 2.1.2).

    Attributes:
        member: the client metadata that registered it, one of ``tls_client_auth_*``.
        value: as it was registered.
    """

    member: str
    value: str


class RegisteredCertificates(Struct, frozen=True, kw_only=True):
    """The certificates of a client that vouch for themselves (section 2.2.2).

    Attributes:
        certificates: in DER, where the key was registered with an ``x5c``: then this very certificate counts.
        keys: those that were registered without one: then any certificate with this key counts.
    """

    certificates: tuple[bytes, ...]
    keys: KeySet


@enforces("RFC8705-2.1.2-p1")
def read_certificate_name(metadata: Mapping[str, object]) -> CertificateName:
    """Return the one name that a client's metadata gives its certificate.

    Raises:
        Reject: ``mtls.bad-name``: none, more than one, or one that is malformed.
    """
    named = [member for member in _NORMAL_FORMS if member in metadata]
    if len(named) != 1:
        raise BAD_NAME.reject(f"exactly one of {', '.join(_NORMAL_FORMS)} is registered, not {len(named)}")
    value = metadata[named[0]]
    if not isinstance(value, str) or not 0 < len(value) <= _MAXIMUM:
        raise BAD_NAME.reject(named[0])
    try:
        _NORMAL_FORMS[named[0]](value)
    except (ValueError, Reject) as cause:
        raise BAD_NAME.reject(f"{named[0]}: {cause}"[:200]) from cause
    return CertificateName(member=named[0], value=value)


def read_registered_certificates(jwks: Mapping[str, object]) -> RegisteredCertificates:
    """Return the certificates and keys that a client registered for ``self_signed_tls_client_auth``.

    Raises:
        Reject: ``mtls.bad-certificates``; ``jwks.malformed``, ``jwk.*``.
    """
    members = jwks.get("keys")
    entries = members if isinstance(members, list) else []
    with_certificate = [each for each in entries if isinstance(each, dict) and "x5c" in each]
    certificates = tuple(_read_x5c(each) for each in with_certificate)
    keys = KeySet.read({"keys": [each for each in entries if each not in with_certificate]})
    if not certificates and not keys.keys:
        raise BAD_CERTIFICATES.reject("neither a certificate nor a key")
    return RegisteredCertificates(certificates=certificates, keys=keys)


def _read_x5c(member: Mapping[str, object]) -> bytes:
    """Return the certificate of a JWK (RFC 7517 section 4.7): the first of ``x5c``, and it must hold the JWK's key."""
    chain = member["x5c"]
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        raise BAD_CERTIFICATES.reject("x5c")
    try:
        der = b64decode(chain[0], validate=True)
        held = read_certificate(der).public_key()
        key = read_public_jwk({name: value for name, value in member.items() if name != "alg"})
    except (binascii.Error, Reject) as cause:
        raise BAD_CERTIFICATES.reject(f"x5c: {cause}"[:200]) from cause
    if type(held) is not type(key) or held != key:
        raise BAD_CERTIFICATES.reject("x5c holds another key than its JWK")
    return der


@enforces("FAPI2-SP-5.3.2.1-6.1")
def verify_certificate_name(certificate: x509.Certificate, *, expected: CertificateName) -> None:
    """Verify that a certificate, whose chain was verified, is the one client's and not another's of that authority.

    Raises:
        Reject: ``mtls.other-name``.
    """
    normal_form = _NORMAL_FORMS[expected.member]
    if normal_form(expected.value) not in _names(certificate, expected.member):
        raise OTHER_NAME.reject(f"{expected.member} is not {expected.value!r:.120}")


def verify_self_signed(der: bytes, *, registered: RegisteredCertificates, now: float) -> x509.Certificate:
    """Verify that a certificate is a registered one, octet for octet, or holds a registered key.

    Raises:
        Reject: ``certificate.malformed``, ``mtls.not-registered``, ``mtls.out-of-date``.
    """
    certificate = read_certificate(der)
    if der not in registered.certificates and not _holds_one_of(certificate, registered.keys):
        raise NOT_REGISTERED.reject(f"thumbprint={certificate_thumbprint(der)}")
    if not certificate.not_valid_before_utc.timestamp() <= now < certificate.not_valid_after_utc.timestamp():
        raise OUT_OF_DATE.reject(f"until {certificate.not_valid_after_utc:%Y-%m-%d}")
    return certificate


@enforces("FAPI2-SP-5.3.4-5.1", "RFC8705-3-p4.2", "RFC8705-3-p4.3")
def verify_certificate_binding(der: bytes | None, *, expected: str) -> None:
    """Verify that a token's ``x5t#S256`` is that of this connection's certificate, whoever issued it (section 3).

    Raises:
        Reject: ``mtls.binding-without-certificate``, ``mtls.binding-mismatch``.
    """
    if der is None:
        raise NO_CERTIFICATE.reject()
    seen = certificate_thumbprint(der)
    if seen != expected:
        raise OTHER_CERTIFICATE.reject(f"bound to {expected}, presented {seen}")


def _holds_one_of(certificate: x509.Certificate, keys: KeySet) -> bool:
    mine = certificate.public_key()
    return any(type(each.key) is type(mine) and each.key == mine for each in keys.keys)


def _names(certificate: x509.Certificate, member: str) -> list[object]:
    """Return the certificate's names of one kind, in their normal form; what has none is left out."""
    if member == "tls_client_auth_subject_dn":
        return [distinguished_name_of(certificate.subject)]
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    if member == "tls_client_auth_san_ip":
        return [*alternative.get_values_for_type(x509.IPAddress)]
    names = []
    for value in alternative.get_values_for_type(_KINDS[member]):
        try:
            names.append(_NORMAL_FORMS[member](value))
        except ValueError:
            continue
    return names


def _normal_dns(value: str) -> object:
    if not _DNS_NAME.fullmatch(value):
        raise ValueError("not a DNS name")
    return value.lower()  # RFC 5280 section 7.2; an asterisk is a character like any other here


def _normal_uri(value: str) -> object:
    if not _URI.fullmatch(value):
        raise ValueError("not a URI")
    return value  # RFC 8705 names no comparison: our choice, octet by octet


def _normal_address(value: str) -> object:
    return ipaddress.ip_address(value)


def _normal_email(value: str) -> object:
    match = _EMAIL.fullmatch(value)
    if match is None:
        raise ValueError("not an email address")
    return match[1], match[2].lower()  # RFC 5280 section 7.5: only the host's case does not matter


_NORMAL_FORMS: Final[dict[str, Callable[[str], object]]] = {
    "tls_client_auth_subject_dn": parse_distinguished_name,
    "tls_client_auth_san_dns": _normal_dns,
    "tls_client_auth_san_uri": _normal_uri,
    "tls_client_auth_san_ip": _normal_address,
    "tls_client_auth_san_email": _normal_email,
}
_KINDS: Final[dict[str, type[x509.DNSName | x509.UniformResourceIdentifier | x509.RFC822Name]]] = {
    "tls_client_auth_san_dns": x509.DNSName,
    "tls_client_auth_san_uri": x509.UniformResourceIdentifier,
    "tls_client_auth_san_email": x509.RFC822Name,
}
