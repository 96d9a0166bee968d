"""Certificate revocation lists (RFC 5280 sections 5 and 6.3): reading one, and what it says of a client's chain.

A list counts only where it is complete for what it covers: delta lists, lists of some reasons and lists that speak for
other issuers are refused, as is every critical extension that is not known here. Taken as complete, they would call a
revoked certificate good. How old a list may be is the operator's policy, as data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID, SignatureAlgorithmOID

from trustweft.crypto.x509 import UNREADABLE
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

__all__ = ["RevocationList", "RevocationPolicy", "check_not_revoked", "verify_list"]

MAXIMUM_LIST: Final = 8_388_608  # our choice: about 150,000 entries, read in half a second
MAXIMUM_STALE_CAP: Final = 604_800.0  # our choice: a week; beyond it nobody can say that revocation works
CLOCK_TOLERANCE: Final = 300.0  # our choice: a clock that is a little late must not refuse a new list
_PEM_BEGINNING: Final = b"-----BEGIN X509 CRL-----"
_DER_BEGINNING: Final = b"\x30"
_HASHES: Final = (SHA256, SHA384, SHA512)
_PURE_SIGNATURES: Final = frozenset({SignatureAlgorithmOID.ED25519, SignatureAlgorithmOID.ED448})
# Whatever else is critical can change what the list means (RFC 5280 sections 5.2 and 5.3).
_KNOWN: Final = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.CRL_NUMBER})
_KNOWN_OF_ENTRIES: Final = frozenset({CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE})
_LINE_BREAKS: Final = re.compile(r"[\r\n]+")

REVOKED = reason(
    "certificate.revoked",
    error="invalid_client",
    public="The client certificate, or one that it hangs off, was revoked.",
    status=401,
)
UNKNOWN = reason(
    "certificate.revocation-unknown",
    error="invalid_client",
    public="Whether the client certificate was revoked cannot be told at this time.",
    status=401,
)
UNUSABLE = reason(
    "revocation-list.unusable",
    error="server_error",
    public="A certificate revocation list cannot be used.",
    status=502,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPolicy:
    """What holds while no list that is in date can be had; in seconds.

    Attributes:
        on_outage: ``refuse`` every certificate of the issuer, or ``accept-stale``: believe the last list for longer.
        stale_cap: how long after its ``nextUpdate`` a list is still believed; then ``refuse`` holds. Revocations that
            the issuer publishes meanwhile are missed for as long.
    """

    on_outage: Literal["refuse", "accept-stale"] = "refuse"
    stale_cap: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a cap that says something else than the choice beside it."""
        if self.on_outage not in ("refuse", "accept-stale"):
            raise ValueError(f"on_outage is refuse or accept-stale, not {self.on_outage!r}")
        if self.on_outage == "refuse" and self.stale_cap != 0:
            raise ValueError("stale_cap needs on_outage = accept-stale")
        if self.on_outage == "accept-stale" and not 0 < self.stale_cap <= MAXIMUM_STALE_CAP:
            raise ValueError(f"accept-stale needs a stale_cap, at most {MAXIMUM_STALE_CAP:.0f} seconds")

    def believes(self, held: RevocationList, *, now: float) -> bool:
        """Tell whether a list may be relied on at this time (RFC 5280 section 6.3.3 (a))."""
        return held.this_update - CLOCK_TOLERANCE <= now < held.next_update + self.stale_cap


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """A list whose signature was verified; only ``verify_list`` makes one.

    Attributes:
        number: grows with every list of the issuer (section 5.2.3).
        this_update: when it was made, in seconds since the epoch.
        next_update: when the next one is due.
        serial_numbers: of what was revoked, for whatever reason: what is on hold is refused too.
        covers_users: whether it speaks for certificates that issue none.
        covers_authorities: whether it speaks for certificates that issue others.
        names: where set, it speaks only for certificates that name one of these as their distribution point.
    """

    number: int
    this_update: float
    next_update: float
    serial_numbers: frozenset[int] = field(repr=False)
    covers_users: bool = True
    covers_authorities: bool = True
    names: frozenset[x509.GeneralName] | None = None

    def covers(self, certificate: x509.Certificate) -> bool:
        """Tell whether the list speaks for this certificate of its issuer (section 6.3.3 (b) (2))."""
        if not (self.covers_authorities if _is_authority(certificate) else self.covers_users):
            return False
        return self.names is None or not self.names.isdisjoint(_distribution_points(certificate))


def verify_list(octets: bytes, *, issuer: x509.Certificate, now: float) -> RevocationList:
    """Return the list in DER or PEM, verified as one of ``issuer``, whose certificate the caller trusts.

    The caller MUST still ask the policy whether it is in date whenever it is used, and never replace a list by one
    with a lower number.

    Raises:
        Reject: ``revocation-list.unusable``.
    """
    # (1) shape  (2) issuer  (3) signature  (4) extensions  (5) times and number  (6) entries
    try:
        found = _parse(octets)
        _check_issuer(found, issuer)
        _check_signature(found, issuer)
        _check_extensions(found)
        return _read(found, now=now)
    except UNREADABLE as cause:
        raise UNUSABLE.reject(_LINE_BREAKS.sub(" ", str(cause))[:200]) from cause


def check_not_revoked(
    certificate: x509.Certificate, lists: Iterable[RevocationList], *, policy: RevocationPolicy, now: float
) -> None:
    """Hold that the lists of its issuer say that a certificate was not revoked.

    Raises:
        Reject: ``certificate.revoked``; ``certificate.revocation-unknown`` where no list that may be believed covers
            the certificate.
    """
    covering = [held for held in lists if held.covers(certificate)]
    # An old list is too old to call anything good, never too old to call something revoked.
    if any(certificate.serial_number in held.serial_numbers for held in covering):
        raise REVOKED.reject(_described(certificate))
    if not any(policy.believes(held, now=now) for held in covering):
        raise UNKNOWN.reject(f"no list in date covers {_described(certificate)}")


def _described(certificate: x509.Certificate) -> str:
    return f"serial number {certificate.serial_number:x} of {certificate.issuer.rfc4514_string()[:120]}"


def _parse(octets: bytes) -> x509.CertificateRevocationList:
    if len(octets) > MAXIMUM_LIST:
        raise UNUSABLE.reject(f"more than {MAXIMUM_LIST} octets")
    if octets[:1] == _DER_BEGINNING:
        return x509.load_der_x509_crl(octets)
    if octets.count(_PEM_BEGINNING) != 1:  # the reader would take the first and drop the others silently
        raise UNUSABLE.reject("neither one list in DER nor one in PEM")
    return x509.load_pem_x509_crl(octets)


def _check_issuer(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    """Hold that the certificate's subject issued the list, and may (section 6.3.3 (f))."""
    if found.issuer != issuer.subject:
        raise UNUSABLE.reject(f"the list is of {found.issuer.rfc4514_string()[:120]}")
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as cause:  # section 4.2.1.3: every issuer says what its key is for
        raise UNUSABLE.reject("the issuer's certificate does not say that it may sign lists") from cause
    if not usage.crl_sign:
        raise UNUSABLE.reject("the issuer's key may not sign lists")


def _check_signature(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    """Hold that the issuer's key signed the list, with a hash that stands (section 6.3.3 (g))."""
    if found.signature_algorithm_oid not in _PURE_SIGNATURES and not isinstance(
        found.signature_hash_algorithm, _HASHES
    ):
        raise UNUSABLE.reject(f"signed with {found.signature_algorithm_oid.dotted_string}")
    key: CertificateIssuerPublicKeyTypes = issuer.public_key()  # type: ignore[assignment]  # others raise TypeError
    if not found.is_signature_valid(key):
        raise UNUSABLE.reject("the signature is not the issuer's")


def _check_extensions(found: x509.CertificateRevocationList) -> None:
    """Hold that nothing makes the list mean something else (section 5.2)."""
    for extension in found.extensions:
        if extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:  # whatever its criticality
            raise UNUSABLE.reject("a delta list")
        if extension.critical and extension.oid not in _KNOWN:
            raise UNUSABLE.reject(f"critical extension {extension.oid.dotted_string}")


def _read(found: x509.CertificateRevocationList, *, now: float) -> RevocationList:
    if found.next_update_utc is None:  # section 5.1.2.5: every list says when the next is due
        raise UNUSABLE.reject("no nextUpdate")
    this_update, next_update = found.last_update_utc.timestamp(), found.next_update_utc.timestamp()
    if this_update - CLOCK_TOLERANCE > now:
        raise UNUSABLE.reject("thisUpdate lies in the future")
    try:
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as cause:  # section 5.2.3; without it an old list could replace a newer one
        raise UNUSABLE.reject("no CRL number") from cause
    if next_update <= this_update:
        raise UNUSABLE.reject("nextUpdate is not after thisUpdate")
    scope = _scope_of(found)
    return RevocationList(
        number=number,
        this_update=this_update,
        next_update=next_update,
        serial_numbers=frozenset(map(_serial_number, found)),
        covers_users=scope is None or not scope.only_contains_ca_certs,
        covers_authorities=scope is None or not scope.only_contains_user_certs,
        names=None if scope is None or scope.full_name is None else frozenset(scope.full_name),
    )


def _scope_of(found: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    """Return what part of the issuer's certificates the list is complete for; None for all (section 5.2.5)."""
    try:
        scope = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None
    if (
        scope.indirect_crl
        or scope.only_some_reasons
        or scope.only_contains_attribute_certs
        or scope.relative_name is not None
    ):
        raise UNUSABLE.reject("an indirect list, one of some reasons, or one that names its part by halves")
    return scope


def _serial_number(entry: x509.RevokedCertificate) -> int:
    for extension in entry.extensions:
        if extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
            raise UNUSABLE.reject("an entry of another issuer")
        if extension.critical and extension.oid not in _KNOWN_OF_ENTRIES:
            raise UNUSABLE.reject(f"critical extension {extension.oid.dotted_string} of an entry")
    return entry.serial_number


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _distribution_points(certificate: x509.Certificate) -> frozenset[x509.GeneralName]:
    """Return the names of the lists that the certificate names; compared with, never asked."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return frozenset()
    # A point of one kind of reasons, or of another issuer's list, is none that a complete list of ours stands for.
    return frozenset(
        name
        for point in points
        if point.reasons is None and point.crl_issuer is None
        for name in point.full_name or ()
    )
