"""Mutual TLS: which certificate is whose, and which token is bound to which (RFC 8705)."""

from __future__ import annotations

import datetime as dt
import ipaddress
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from trustweft.crypto.keys import public_jwk
from trustweft.crypto.local_authority import create_self_signed
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.protocol.mtls import (
    read_certificate_name,
    read_registered_certificates,
    verify_certificate_binding,
    verify_certificate_name,
    verify_self_signed,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = 1_800_000_000.0
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    *names: x509.GeneralName,
    subject: str = "moneyview",
    key: ec.EllipticCurvePrivateKey = KEY,
    issuer: tuple[str, ec.EllipticCurvePrivateKey] | None = None,
    ca: bool = False,
) -> x509.Certificate:
    """Return a certificate with these alternative names; self-signed unless somebody issues it."""
    issuer_name, issuer_key = issuer or (subject, key)
    begin = dt.datetime.fromtimestamp(NOW, tz=dt.UTC)
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]),
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=begin + dt.timedelta(days=30),
    ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, SHA256())


def der(each: x509.Certificate) -> bytes:
    return each.public_bytes(Encoding.DER)


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(Reject) as caught:
        call()
    return caught.value.reason.id


ALTERNATIVES = (
    x509.DNSName("*.other.example"),
    x509.DNSName("Client.Example"),
    x509.UniformResourceIdentifier("urn:example:client"),
    x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    x509.RFC822Name("Robot@Client.example"),
)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("tls_client_auth_subject_dn", "cn=moneyview"),
        ("tls_client_auth_san_dns", "client.example"),
        ("tls_client_auth_san_uri", "urn:example:client"),
        ("tls_client_auth_san_ip", "2001:0DB8:0:0:0:0:0:1"),
        ("tls_client_auth_san_ip", "192.0.2.7"),
        ("tls_client_auth_san_email", "Robot@client.EXAMPLE"),
    ],
)
def test_a_certificate_is_known_by_the_one_registered_name(member: str, value: str) -> None:
    """Names are compared by what they say: RFC 5280 section 7, RFC 5952 for addresses."""
    verify_certificate_name(certificate(*ALTERNATIVES), expected=read_certificate_name({member: value}))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("tls_client_auth_subject_dn", "CN=moneyview,O=Other"),
        (
            "tls_client_auth_san_dns",
            "a.other.example",
        ),  # an asterisk in a client's certificate stands for itself
        ("tls_client_auth_san_dns", "moneyview"),  # a common name is no DNS name
        ("tls_client_auth_san_uri", "URN:example:client"),
        ("tls_client_auth_san_ip", "192.0.2.8"),
        ("tls_client_auth_san_email", "robot@client.example"),
        ("tls_client_auth_san_email", "Robot@other.example"),
    ],
)
def test_no_other_name_will_do(member: str, value: str) -> None:
    """Whoever has a certificate of the same authority with another name is another client."""
    expected = read_certificate_name({member: value})
    assert (
        reason_of(lambda: verify_certificate_name(certificate(*ALTERNATIVES), expected=expected))
        == "mtls.other-name"
    )


def test_a_certificate_without_alternative_names_has_none() -> None:
    """Its subject is never taken for one."""
    expected = read_certificate_name({"tls_client_auth_san_dns": "client.example"})
    subject = certificate(subject="client.example")
    assert reason_of(lambda: verify_certificate_name(subject, expected=expected)) == "mtls.other-name"


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"tls_client_auth_subject_dn": "CN=a", "tls_client_auth_san_dns": "a"},
        {"tls_client_auth_subject_dn": ""},
        {"tls_client_auth_subject_dn": ["CN=a"]},
        {"tls_client_auth_subject_dn": "moneyview"},
        {"tls_client_auth_san_dns": "a b"},
        {"tls_client_auth_san_dns": "a" * 2_100},
        {"tls_client_auth_san_uri": "client"},
        {"tls_client_auth_san_ip": "192.0.2.0/24"},
        {"tls_client_auth_san_ip": "192.0.2.007"},
        {"tls_client_auth_san_email": "client.example"},
        {"tls_client_auth_san_email": "a@b@c"},
    ],
)
def test_exactly_one_well_formed_name_is_registered(metadata: dict[str, Any]) -> None:
    """RFC 8705 section 2.1.2: with two, it would be unclear which one counts."""
    assert reason_of(lambda: read_certificate_name(metadata)) == "mtls.bad-name"


def registered(*members: dict[str, Any]) -> dict[str, object]:
    return {"keys": list(members)}


def with_x5c(each: x509.Certificate, *, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, Any]:
    return {**public_jwk(key.public_key()), "x5c": [b64encode(der(each)).decode()]}


def test_a_registered_certificate_is_the_client_s_octet_for_octet() -> None:
    """With an x5c, another certificate with the same key is not the registered one."""
    own = certificate()
    known = read_registered_certificates(registered(with_x5c(own)))
    assert verify_self_signed(der(own), registered=known, now=NOW) == own
    again = der(certificate())
    assert reason_of(lambda: verify_self_signed(again, registered=known, now=NOW)) == "mtls.not-registered"


def test_a_registered_key_may_renew_its_certificate() -> None:
    """Without an x5c, the key counts, whatever certificate it is shown in."""
    known = read_registered_certificates(registered({**public_jwk(KEY.public_key()), "use": "sig"}))
    for each in (certificate(), certificate(subject="renewed")):
        assert verify_self_signed(der(each), registered=known, now=NOW) == each
    stranger = der(certificate(key=OTHER_KEY))
    assert reason_of(lambda: verify_self_signed(stranger, registered=known, now=NOW)) == "mtls.not-registered"


@pytest.mark.parametrize("ca", [True, False])
@pytest.mark.parametrize("by_key", [True, False])
def test_nothing_is_ever_verified_through_a_registered_certificate(*, ca: bool, by_key: bool) -> None:
    """A child that a registered certificate issued is a stranger, also where that calls itself an authority."""
    parent = certificate(ca=ca)
    child = der(certificate(key=OTHER_KEY, subject="child", issuer=("moneyview", KEY)))
    member = public_jwk(KEY.public_key()) if by_key else with_x5c(parent)
    known = read_registered_certificates(registered(member))
    assert reason_of(lambda: verify_self_signed(child, registered=known, now=NOW)) == "mtls.not-registered"


@pytest.mark.parametrize("now", [NOW - 1, NOW + 30 * 86_400])
def test_a_certificate_out_of_date_is_refused(now: float) -> None:
    """Its own words are honoured, registered or not."""
    own = certificate()
    known = read_registered_certificates(registered(with_x5c(own)))
    assert reason_of(lambda: verify_self_signed(der(own), registered=known, now=now)) == "mtls.out-of-date"


def test_octets_that_are_no_certificate_are_refused() -> None:
    """What came from the network is read with care."""
    known = read_registered_certificates(registered(with_x5c(certificate())))
    assert (
        reason_of(lambda: verify_self_signed(b"0" * 99, registered=known, now=NOW)) == "certificate.malformed"
    )


@pytest.mark.parametrize(
    "members",
    [
        [],
        [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}],
        [{**public_jwk(KEY.public_key()), "x5c": []}],
        [{**public_jwk(KEY.public_key()), "x5c": "MIIB"}],
        [{**public_jwk(KEY.public_key()), "x5c": ["not base64!"]}],
        [{**public_jwk(KEY.public_key()), "x5c": ["AAAA"]}],
        [with_x5c(certificate(), key=OTHER_KEY)],
    ],
)
def test_a_set_without_a_usable_certificate_is_refused(members: Sequence[dict[str, Any]]) -> None:
    """RFC 7517 section 4.7: the certificate of a JWK holds the JWK's key."""
    assert reason_of(lambda: read_registered_certificates(registered(*members))) == "mtls.bad-certificates"


def test_a_token_is_good_with_its_certificate_alone() -> None:
    """RFC 8705 section 3: whoever issued it, and whether it can be trusted for anything else, does not matter."""
    own, other = (der(create_self_signed(key, common_name="a", now=NOW)) for key in (KEY, OTHER_KEY))
    verify_certificate_binding(own, expected=certificate_thumbprint(own))
    mismatch = reason_of(lambda: verify_certificate_binding(other, expected=certificate_thumbprint(own)))
    missing = reason_of(lambda: verify_certificate_binding(None, expected=certificate_thumbprint(own)))
    assert (mismatch, missing) == ("mtls.binding-mismatch", "mtls.binding-without-certificate")
