"""Certificate requests, and certificates that are brought along: what passes, and what is refused for which reason."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA224, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustweft.crypto.brought_certificates import read_certificate_file, verify_brought
from trustweft.crypto.certificate_requests import MAXIMUM_REQUEST, verify_request
from trustweft.crypto.local_authority import (
    Authority,
    create_self_signed,
    issue_client_certificate,
    load_or_create_authority,
)
from trustweft.crypto.x509 import verify_chain
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
DAY = 86_400.0
KEY = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fresh authority."""
    return load_or_create_authority(tmp_path / "ca", now=NOW)


def name(*values: str) -> x509.Name:
    """Return a name of common names."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in values])


def request(key: Any = KEY, *, subject: x509.Name | None = None, hash_: Any = SHA256) -> bytes:
    """Return a request in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or name("acme-pay"))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hash_()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


# Requests.


@pytest.mark.parametrize(
    "key", [KEY, RSA, ed25519.Ed25519PrivateKey.generate()], ids=["EC", "RSA", "Ed25519"]
)
def test_a_request_gives_the_key_that_signed_it(key: Any, authority: Authority) -> None:
    """And the authority issues a certificate over it that authenticates a client, whatever else was asked for."""
    public = verify_request(request(key), common_name="acme-pay")
    assert public == key.public_key()
    issued = issue_client_certificate(authority, public, common_name="acme-pay", now=NOW)
    der = issued.public_bytes(Encoding.DER)
    if not isinstance(key, ed25519.Ed25519PrivateKey):  # which the library's verifier does not know
        assert verify_chain(der, roots=[authority.certificate], now=NOW).certificate == issued
    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_request_for_an_authority_gets_a_certificate_that_is_none(authority: Authority) -> None:
    """Extensions of a request are wishes, and none is granted."""
    wish = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name("acme-pay"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=3), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=False)
        .sign(KEY, SHA256())
        .public_bytes(Encoding.DER)
    )
    public = verify_request(wish, common_name="acme-pay")
    issued = issue_client_certificate(authority, public, common_name="acme-pay", now=NOW)
    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    with pytest.raises(x509.ExtensionNotFound):
        issued.extensions.get_extension_for_class(x509.SubjectAlternativeName)


def spoilt(pem: bytes) -> bytes:
    """Return a request whose signature is of other octets."""
    octets = bytearray(x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER))
    octets[-1] ^= 1
    return bytes(octets)


REQUESTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "malformed"),
    "no request": (
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "malformed",
    ),
    "too much": (request() + b"\n" * MAXIMUM_REQUEST, "malformed"),
    "somebody else's key": (spoilt(request()), "bad-signature"),
    "another name": (request(subject=name("other")), "name"),
    "two names": (request(subject=name("acme-pay", "other")), "name"),
    "no name": (
        request(subject=x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "acme-pay")])),
        "name",
    ),
}


@pytest.mark.parametrize(("octets", "reason"), REQUESTS.values(), ids=REQUESTS)
def test_other_requests_are_refused(octets: bytes, reason: str) -> None:
    """Each for its reason."""
    with pytest.raises(Reject, match=rf"^certificate-request\.{reason}"):
        verify_request(octets, common_name="acme-pay")


WEAK: dict[str, Any] = {
    "RSA of 1024 bits": rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505  # it is to be refused
    "another curve": ec.generate_private_key(ec.SECP384R1()),
    "DSA": dsa.generate_private_key(key_size=2048),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}


@pytest.mark.parametrize("key", WEAK.values(), ids=WEAK)
def test_keys_that_are_not_used_here_get_no_certificate(key: Any) -> None:
    """Too small, or of a kind that nothing else here takes."""
    with pytest.raises(Reject, match=r"^certificate\.weak-key"):
        verify_request(request(key), common_name="acme-pay")


# Certificates.


def brought(
    der: bytes, authority: Authority | None = None, *, self_signed: bool = False, now: float = NOW
) -> str:
    """Check a certificate, and return its thumbprint."""
    roots = [] if authority is None else [authority.certificate]
    verified, key = verify_brought(der, intermediates=(), roots=roots, self_signed=self_signed, now=now)
    assert key == KEY.public_key()
    return verified.thumbprint


def own(
    *,
    key: Any = KEY,
    ca: bool = False,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    hash_: Any = SHA256,
    signer: Any = None,
) -> bytes:
    """Return a certificate that vouches for itself, or seems to."""
    at = dt.datetime.fromtimestamp(NOW, tz=dt.UTC)
    return (
        x509.CertificateBuilder(
            issuer_name=name("acme-pay"),
            subject_name=name("acme-pay"),
            public_key=key.public_key(),
            serial_number=7,
            not_valid_before=at - dt.timedelta(days=1),
            not_valid_after=at + dt.timedelta(days=1),
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(signer or key, hash_())
        .public_bytes(Encoding.DER)
    )


def test_a_certificate_of_a_known_authority_passes(authority: Authority) -> None:
    """And one of another does not."""
    issued = issue_client_certificate(authority, KEY.public_key(), common_name="acme-pay", now=NOW)
    der = issued.public_bytes(Encoding.DER)
    assert len(brought(der, authority)) == 43
    with pytest.raises(Reject, match=r"^certificate\.untrusted"):
        brought(der)
    with pytest.raises(Reject, match=r"^certificate\.untrusted"):
        brought(der, authority, now=NOW + 400 * DAY)


def test_one_that_vouches_for_itself_passes_where_the_profile_allows_it() -> None:
    """And nowhere else."""
    der = create_self_signed(KEY, common_name="acme-pay", now=NOW).public_bytes(Encoding.DER)
    assert brought(der, self_signed=True) == brought(der, self_signed=True)
    with pytest.raises(Reject, match=r"^certificate\.self-signed-not-allowed"):
        brought(der)


OWN: dict[str, tuple[bytes, str]] = {
    "an authority": (own(ca=True), "not-for-clients"),
    "a web server": (own(usage=ExtendedKeyUsageOID.SERVER_AUTH), "not-for-clients"),
    "signed by somebody else": (own(signer=ec.generate_private_key(ec.SECP256R1())), "untrusted"),
    "signed with a short hash": (own(key=RSA, hash_=SHA224), "untrusted"),
    "a weak key": (own(key=WEAK["RSA of 1024 bits"]), "weak-key"),
    "no certificate": (b"\x30\x00", "malformed"),
}


@pytest.mark.parametrize(("der", "reason"), OWN.values(), ids=OWN)
def test_others_that_vouch_for_themselves_are_refused(der: bytes, reason: str) -> None:
    """Each for its reason, also where the profile allows such certificates."""
    with pytest.raises(Reject, match=rf"^certificate\.{reason}"):
        verify_brought(der, intermediates=(), roots=[], self_signed=True, now=NOW)


def test_one_that_has_run_out_is_refused() -> None:
    """Before its time too."""
    for now in (NOW + 2 * DAY, NOW - 2 * DAY):
        with pytest.raises(Reject, match=r"^certificate\.untrusted"):
            brought(own(), self_signed=True, now=now)


def test_a_file_holds_a_certificate_and_those_between_it_and_a_root(authority: Authority) -> None:
    """Up to four of them, and nothing that is none."""
    pem = authority.certificate.public_bytes(Encoding.PEM)
    first, others = read_certificate_file(pem * 5)
    assert (len(others), first) == (4, authority.certificate.public_bytes(Encoding.DER))
    for bad in (b"", b"no PEM", pem * 6, b"x" * 1_000_000):
        with pytest.raises(Reject, match=r"^certificate-file\.malformed"):
            read_certificate_file(bad)
