"""The local authority, what it may and may not vouch for, and the chains of clients."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import ssl
import subprocess
import time
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from trustweft.crypto.local_authority import (
    AUTHORITY_DAYS,
    RENEW_DAYS_BEFORE,
    SERVER_DAYS,
    Authority,
    ServerCertificate,
    create_self_signed,
    issue_client_certificate,
    load_or_create_authority,
    load_or_create_server_certificate,
)
from trustweft.crypto.x509 import MAXIMUM_CERTIFICATE, certificate_thumbprint, verify_chain
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

NOW = float(int(time.time()))  # OpenSSL reads the machine's clock
DAY = 86_400.0

# RFC 8705 appendix A: a certificate and its thumbprint.
RFC_8705_CERTIFICATE = (
    "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsG"
    "A1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA"
    "4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA"
    "5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="
)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A fresh authority."""
    return load_or_create_authority(tmp_path / "ca", now=NOW)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> ServerCertificate:
    """A certificate of it for a server."""
    return load_or_create_server_certificate(tmp_path / "tls", authority=authority, now=NOW)


def read(files: ServerCertificate) -> x509.Certificate:
    """Return the certificate in the files."""
    return x509.load_pem_x509_certificate(files.certificate_file.read_bytes())


def sign_leaf(
    authority: Authority,
    *,
    names: list[x509.GeneralName],
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    common_name: str = "forged",
    issuer: x509.Name | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    """Sign whatever a thief of the authority's key would sign."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(authority.certificate.subject if issuer is None else issuer)
        .public_key((key or new_key()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(NOW - 60, tz=dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(NOW + DAY, tz=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key()),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority.private_key, SHA256())


def handshake(
    *, trust: Path, certificate: Path, private_key: Path, host: str
) -> tuple[str | None, str | None]:
    """Do a TLS handshake in memory; return the protocol and the client's complaint."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, private_key)
    client_context = ssl.create_default_context(cafile=str(trust))
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(downward, upward, server_hostname=host)
    server_side = server_context.wrap_bio(upward, downward, server_side=True)
    for _ in range(3):
        for side in (client, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as refused:
                return None, refused.verify_message
    return client.version(), None


def write_pair(
    directory: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> ServerCertificate:
    """Write a certificate and its key."""
    files = ServerCertificate(directory / "leaf.pem", directory / "leaf-key.pem")
    files.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.private_key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_the_thumbprint_is_that_of_the_specification() -> None:
    """RFC 8705 appendix A, figures 5 and 6."""
    thumbprint = certificate_thumbprint(b64decode(RFC_8705_CERTIFICATE))
    assert thumbprint == "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"


def test_the_authority_can_issue_leaves_for_this_machine_and_nothing_else(authority: Authority) -> None:
    """It is a CA of path length 0, and its critical name constraints hold localhost and the loopback networks."""
    extensions = authority.certificate.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    constraints = extensions.get_extension_for_class(x509.NameConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
        x509.IPAddress(ipaddress.ip_network("::1/128")),
    ]
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)


def test_a_server_certificate_is_what_browsers_ask_for(
    authority: Authority, server: ServerCertificate
) -> None:
    """Names, usage, key identifiers, and a life of at most 398 days (CA/Browser Forum baseline requirements)."""
    certificate = read(server)
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    authority_identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own_identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority_identifier.key_identifier == own_identifier.digest
    own_key = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value == own_key
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life <= dt.timedelta(days=398)


def test_keys_are_for_their_owner_alone(authority: Authority, server: ServerCertificate) -> None:
    """Mode 0600 in a directory of mode 0700; a key is no part of any representation."""
    key_file = authority.certificate_file.with_name("private-key.pem")
    for path, mode in (
        (key_file, 0o600),
        (server.private_key_file, 0o600),
        (key_file.parent, 0o700),
        (server.private_key_file.parent, 0o700),
    ):
        assert path.stat().st_mode & 0o777 == mode
    assert repr(authority) == f"Authority({authority.certificate_file})"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_accepts_the_server(
    authority: Authority, server: ServerCertificate, host: str
) -> None:
    """Python's TLS client verifies chain, constraints and each of the three names."""
    protocol, complaint = handshake(
        trust=authority.certificate_file,
        certificate=server.certificate_file,
        private_key=server.private_key_file,
        host=host,
    )
    assert (protocol, complaint) == ("TLSv1.3", None)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_accepts_the_server_for_its_names_only(
    authority: Authority, server: ServerCertificate
) -> None:
    """The strict checks of the openssl command pass; another name or another purpose does not."""

    def verify(*options: str) -> int:
        command = ["openssl", "verify", "-x509_strict", "-CAfile", str(authority.certificate_file), *options]
        return subprocess.run(
            [*command, str(server.certificate_file)], capture_output=True, check=False
        ).returncode

    assert verify("-purpose", "sslserver", "-verify_hostname", "localhost") == 0
    assert verify("-purpose", "sslserver", "-verify_ip", "::1") == 0
    assert verify("-purpose", "sslserver", "-verify_hostname", "evil.example") != 0
    assert verify("-purpose", "sslclient") != 0


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ([x509.DNSName("bank.example")], "bank.example"),
        ([x509.DNSName("localhost"), x509.DNSName("bank.example")], "bank.example"),
        ([x509.DNSName("localhost.example")], "localhost.example"),
        ([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))], "192.0.2.1"),
        ([x509.IPAddress(ipaddress.ip_address("2001:db8::1"))], "2001:db8::1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_thief_of_the_authority_can_forge_no_other_host(
    tmp_path: Path, authority: Authority, names: list[x509.GeneralName], host: str
) -> None:
    """The name constraints bite: whoever imported the authority lost nothing but this machine."""
    key = new_key()
    files = write_pair(tmp_path, sign_leaf(authority, names=names, key=key), key)
    protocol, complaint = handshake(
        trust=authority.certificate_file,
        certificate=files.certificate_file,
        private_key=files.private_key_file,
        host=host,
    )
    assert (protocol, complaint) == (None, "permitted subtree violation")
    subject: x509.DNSName | x509.IPAddress = (
        x509.DNSName(host) if host[-1].isalpha() else x509.IPAddress(ipaddress.ip_address(host))
    )
    verifier = PolicyBuilder().store(Store([authority.certificate])).build_server_verifier(subject)
    with pytest.raises(VerificationError):
        verifier.verify(x509.load_pem_x509_certificate(files.certificate_file.read_bytes()), [])


def test_a_thief_of_the_authority_can_make_no_second_authority(authority: Authority) -> None:
    """Path length 0: a certificate below one that it issued is refused."""
    key = new_key()
    below = Authority(
        create_intermediate(authority, key), key, authority.certificate_file.with_name("none.pem")
    )
    leaf = issue_client_certificate(below, new_key().public_key(), common_name="c", now=NOW)
    with pytest.raises(Reject) as refused:
        verify_chain(
            leaf.public_bytes(Encoding.DER),
            roots=[authority.certificate],
            intermediates=[below.certificate.public_bytes(Encoding.DER)],
            now=NOW,
        )
    assert refused.value.reason.id == "certificate.untrusted"


def create_intermediate(authority: Authority, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Sign another authority."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "second")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(NOW - 60, tz=dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(NOW + DAY, tz=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.private_key.public_key()),
            critical=False,
        )
        .sign(authority.private_key, SHA256())
    )


def test_a_later_start_finds_authority_and_certificate_again(
    tmp_path: Path, authority: Authority, server: ServerCertificate
) -> None:
    """What people imported stays valid; the server keeps its certificate."""
    before = server.certificate_file.read_bytes()
    again = load_or_create_authority(tmp_path / "ca", now=NOW + DAY)
    same = load_or_create_server_certificate(tmp_path / "tls", authority=again, now=NOW + DAY)
    assert again.certificate == authority.certificate
    assert same.certificate_file.read_bytes() == before


@pytest.mark.parametrize(
    ("days", "renewed"),
    [(SERVER_DAYS - RENEW_DAYS_BEFORE - 1, False), (SERVER_DAYS - RENEW_DAYS_BEFORE, True), (-1, True)],
)
def test_a_certificate_is_renewed_in_time(
    tmp_path: Path, authority: Authority, server: ServerCertificate, days: int, *, renewed: bool
) -> None:
    """Thirty days before its end, or where the clock is before its begin, a new one with a new key is made."""
    before = read(server)
    load_or_create_server_certificate(tmp_path / "tls", authority=authority, now=NOW + days * DAY)
    after = read(server)
    assert (after != before, after.public_key() != before.public_key()) == (renewed, renewed)


def test_no_certificate_outlives_its_authority(tmp_path: Path, authority: Authority) -> None:
    """Near the authority's end, certificates end with it; after that there is an error that says what to do."""
    late = NOW + (AUTHORITY_DAYS - 10) * DAY
    server = load_or_create_server_certificate(tmp_path / "late", authority=authority, now=late)
    assert read(server).not_valid_after_utc == authority.certificate.not_valid_after_utc
    with pytest.raises(KeyFileError, match="has expired; remove"):
        load_or_create_authority(tmp_path / "ca", now=NOW + AUTHORITY_DAYS * DAY)


def test_another_authority_has_another_name_and_means_another_certificate(
    tmp_path: Path, authority: Authority, server: ServerCertificate
) -> None:
    """Trust stores look issuers up by name; a server's certificate of the old authority is replaced."""
    other = load_or_create_authority(tmp_path / "other", now=NOW)
    assert other.certificate.subject != authority.certificate.subject
    load_or_create_server_certificate(tmp_path / "tls", authority=other, now=NOW)
    assert read(server).issuer == other.certificate.subject


def test_a_certificate_for_other_names_is_replaced(
    tmp_path: Path, authority: Authority, server: ServerCertificate
) -> None:
    """A server that was known by another set of names gets a certificate for the present ones."""
    key = new_key()
    leaf = sign_leaf(authority, names=[x509.DNSName("localhost")], key=key)
    pair = write_pair(tmp_path, leaf, key)
    pair.private_key_file.chmod(0o600)
    pair.certificate_file.replace(server.certificate_file)
    pair.private_key_file.replace(server.private_key_file)
    load_or_create_server_certificate(tmp_path / "tls", authority=authority, now=NOW)
    assert read(server) != leaf


def test_an_open_key_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, authority: Authority, server: ServerCertificate
) -> None:
    """A key that others can read is used neither for the authority nor for the server."""
    for path, load in (
        (
            authority.certificate_file.with_name("private-key.pem"),
            lambda: load_or_create_authority(tmp_path / "ca", now=NOW),
        ),
        (
            server.private_key_file,
            lambda: load_or_create_server_certificate(tmp_path / "tls", authority=authority, now=NOW),
        ),
    ):
        path.chmod(0o640)
        with pytest.raises(KeyFileError, match=f"chmod 600 {path}"):
            load()


def test_files_that_do_not_fit_are_refused(tmp_path: Path, authority: Authority) -> None:
    """Another key, no key, and no certificate at all are each told."""
    key_file = authority.certificate_file.with_name("private-key.pem")
    write_pair(tmp_path, authority.certificate, new_key()).private_key_file.replace(key_file)
    key_file.chmod(0o600)
    with pytest.raises(KeyFileError, match="is not the key of"):
        load_or_create_authority(tmp_path / "ca", now=NOW)
    key_file.unlink()
    with pytest.raises(KeyFileError, match="cannot be used"):
        load_or_create_authority(tmp_path / "ca", now=NOW)
    authority.certificate_file.write_bytes(b"no certificate")
    with pytest.raises(KeyFileError, match="cannot be used"):
        load_or_create_authority(tmp_path / "ca", now=NOW)


def test_a_start_that_was_cut_off_is_made_up_for(tmp_path: Path) -> None:
    """A key whose certificate was never written is replaced; the certificate is written last."""
    (tmp_path / "ca").mkdir(mode=0o700)
    (tmp_path / "ca" / "private-key.pem").write_bytes(b"half a ke")
    made = load_or_create_authority(tmp_path / "ca", now=NOW)
    assert load_or_create_authority(tmp_path / "ca", now=NOW).certificate == made.certificate


def test_a_client_of_the_authority_is_verified(authority: Authority) -> None:
    """The certificate and its thumbprint come back; it needs no alternative name."""
    certificate = issue_client_certificate(
        authority, new_key().public_key(), common_name="moneyview", now=NOW
    )
    der = certificate.public_bytes(Encoding.DER)
    verified = verify_chain(der, roots=[authority.certificate], now=NOW)
    assert (verified.certificate, verified.thumbprint) == (certificate, certificate_thumbprint(der))


def forged_with(authority: Authority, change: str) -> bytes:
    """Return one client certificate that must not pass, by what is wrong with it."""
    key = new_key()
    impostor = create_self_signed(key, common_name="x", now=NOW)
    own = Authority(impostor, key, authority.certificate_file)
    made = {
        "self-signed": lambda: create_self_signed(key, common_name="moneyview", now=NOW),
        "another authority of the same name": lambda: sign_leaf(
            own,
            names=[],
            usage=ExtendedKeyUsageOID.CLIENT_AUTH,
            issuer=authority.certificate.subject,
        ),
        "issued by a client's certificate": lambda: issue_client_certificate(
            own, key.public_key(), common_name="moneyview", now=NOW
        ),
        "a server's certificate": lambda: sign_leaf(authority, names=[x509.DNSName("localhost")]),
        "a name that the authority may not vouch for": lambda: sign_leaf(
            authority, names=[x509.DNSName("bank.example")], usage=ExtendedKeyUsageOID.CLIENT_AUTH
        ),
        "an authority as client": lambda: create_intermediate(authority, key),
        "expired": lambda: issue_client_certificate(
            authority, key.public_key(), common_name="moneyview", now=NOW - 91 * DAY
        ),
        "not yet valid": lambda: issue_client_certificate(
            authority, key.public_key(), common_name="moneyview", now=NOW + DAY
        ),
    }
    return made[change]().public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "change",
    [
        "self-signed",
        "another authority of the same name",
        "issued by a client's certificate",
        "a server's certificate",
        "a name that the authority may not vouch for",
        "an authority as client",
        "expired",
        "not yet valid",
    ],
)
def test_a_chain_with_anything_wrong_is_refused(authority: Authority, change: str) -> None:
    """Issuer, signature, time, usage and constraints each count."""
    with pytest.raises(Reject) as refused:
        verify_chain(forged_with(authority, change), roots=[authority.certificate], now=NOW)
    assert refused.value.reason.id == "certificate.untrusted"


def test_a_chain_needs_roots(authority: Authority) -> None:
    """No accepted authority means no accepted client."""
    certificate = issue_client_certificate(authority, new_key().public_key(), common_name="c", now=NOW)
    with pytest.raises(Reject) as refused:
        verify_chain(certificate.public_bytes(Encoding.DER), roots=[], now=NOW)
    assert refused.value.reason.id == "certificate.untrusted"


def test_an_intermediate_is_no_root(authority: Authority) -> None:
    """The other certificates that a client sends are never trusted by themselves."""
    key = new_key()
    own = create_self_signed(key, common_name="x", now=NOW)
    with pytest.raises(Reject) as refused:
        verify_chain(
            own.public_bytes(Encoding.DER),
            roots=[authority.certificate],
            intermediates=[own.public_bytes(Encoding.DER)],
            now=NOW,
        )
    assert refused.value.reason.id == "certificate.untrusted"


@pytest.mark.parametrize(
    "mutate",
    [
        lambda _der: b"",
        lambda der: der[:-1],
        lambda der: der + b"\0",
        lambda der: b"\x31" + der[1:],
        lambda der: b"\x30\x80" + der,
        lambda _der: b"\0" * MAXIMUM_CERTIFICATE,
        lambda der: der + b"\0" * MAXIMUM_CERTIFICATE,
        lambda der: der.replace(b"\x0c\x02cc", b"\x03\x02\0c"),
    ],
    ids=[
        "empty",
        "truncated",
        "trailing",
        "no sequence",
        "indefinite",
        "zeros",
        "too large",
        "bits for a name",
    ],
)
def test_what_is_no_certificate_is_refused(authority: Authority, mutate: object) -> None:
    """Broken encodings are refused as malformed, whatever they are broken by."""
    good = issue_client_certificate(authority, new_key().public_key(), common_name="cc", now=NOW)
    broken = mutate(good.public_bytes(Encoding.DER))  # type: ignore[operator] # a function of bytes
    with pytest.raises(Reject) as refused:
        verify_chain(broken, roots=[authority.certificate], now=NOW)
    assert refused.value.reason.id == "certificate.malformed"


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_no_single_octet_can_be_changed(authority: Authority) -> None:
    """Whatever octet of a good certificate is another, it is refused, and nothing crashes."""
    good = issue_client_certificate(authority, new_key().public_key(), common_name="c", now=NOW)
    der = good.public_bytes(Encoding.DER)
    for position in range(len(der)):
        for flip in (0x01, 0x80):
            broken = der[:position] + bytes((der[position] ^ flip,)) + der[position + 1 :]
            with pytest.raises(Reject) as refused:
                verify_chain(broken, roots=[authority.certificate], now=NOW)
            assert refused.value.reason.id.startswith("certificate.")


def test_a_certificate_has_one_spelling(authority: Authority) -> None:
    """A signature that ends in zero bits cannot call them unused: that would be a second thumbprint for one key."""
    issued = (
        issue_client_certificate(authority, new_key().public_key(), common_name="c", now=NOW)
        for _ in range(1000)
    )
    good = next(each for each in issued if each.signature[-1] % 2 == 0)
    der = good.public_bytes(Encoding.DER)
    unused = len(der) - len(good.signature) - 1
    broken = der[:unused] + b"\x01" + der[unused + 1 :]
    with pytest.raises(Reject) as refused:
        verify_chain(broken, roots=[authority.certificate], now=NOW)
    assert refused.value.reason.id == "certificate.malformed"


def test_too_many_intermediates_are_refused(authority: Authority) -> None:
    """A long chain is a way to make a server work; it is not even read."""
    der = authority.certificate.public_bytes(Encoding.DER)
    with pytest.raises(Reject) as refused:
        verify_chain(der, roots=[authority.certificate], intermediates=[der] * 5, now=NOW)
    assert refused.value.reason.id == "certificate.malformed"
