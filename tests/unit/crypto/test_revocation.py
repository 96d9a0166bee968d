"""Which revocation lists are believed, for how long, and what they say of a certificate."""

from __future__ import annotations

import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from revocations import DAY, Issuer, create_issuer, key_usage, part
from tools import need
from trustweft.crypto.revocation import (
    CLOCK_TOLERANCE,
    MAXIMUM_LIST,
    RevocationPolicy,
    check_not_revoked,
    verify_list,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = float(int(time.time()))  # OpenSSL reads the machine's clock
REFUSE = RevocationPolicy()
UNRECOGNISED = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
CRL_NUMBER = bytes.fromhex("0603551d1404030201")  # the extension up to its one octet
POINT = x509.UniformResourceIdentifier("http://crl.example/one.crl")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    """An issuer of certificates."""
    return create_issuer("issuer", now=NOW)


def point(**changes: Any) -> x509.DistributionPoint:
    """Return a certificate's distribution point, with changes."""
    return x509.DistributionPoint(
        **{"full_name": [POINT], "relative_name": None, "reasons": None, "crl_issuer": None, **changes}
    )


def outcome(
    certificate: x509.Certificate,
    issuer: Issuer,
    *lists: bytes,
    policy: RevocationPolicy = REFUSE,
    later: float = 0.0,
    read_at: float = NOW,
) -> str:
    """Return the reason why a certificate is refused, or that it is good."""
    held = [verify_list(octets, issuer=issuer.certificate, now=read_at) for octets in lists]
    try:
        check_not_revoked(certificate, held, policy=policy, now=NOW + later)
    except Reject as refused:
        return refused.reason.id
    return "good"


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM], ids=str)
def test_a_list_tells_the_revoked_from_the_good(issuer: Issuer, encoding: Encoding) -> None:
    """What is on it is refused, what is not is good; the facts of the list come back."""
    revoked, good = issuer.issue(), issuer.issue()
    octets = issuer.sign_list(revoked, number=7, encoding=encoding)
    held = verify_list(octets, issuer=issuer.certificate, now=NOW)
    assert (held.number, held.this_update, held.next_update) == (7, NOW - 60, NOW - 60 + DAY)
    assert held.serial_numbers == {revoked.serial_number}
    assert outcome(revoked, issuer, octets) == "certificate.revoked"
    assert outcome(good, issuer, octets) == "good"


@pytest.mark.parametrize(
    "key",
    [lambda: rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate],
    ids=["RSA", "Ed25519"],
)
def test_issuers_with_other_keys_sign_lists_too(key: Callable[[], Any]) -> None:
    """The signature is checked with whatever key the issuer has."""
    own = create_issuer("other", now=NOW, key=key())
    octets = own.sign_list()
    assert verify_list(octets, issuer=own.certificate, now=NOW).number == 1
    stranger = create_issuer("other", now=NOW, key=key())
    with pytest.raises(Reject, match=r"revocation-list\.unusable"):
        verify_list(octets, issuer=stranger.certificate, now=NOW)


@pytest.mark.parametrize("flag", list(x509.ReasonFlags), ids=lambda flag: flag.name)
def test_every_reason_of_revocation_counts(issuer: Issuer, flag: x509.ReasonFlags) -> None:
    """What is on hold is refused too, and an entry that only a delta list may have takes nothing back."""
    certificate = issuer.issue()
    if flag is x509.ReasonFlags.unspecified:
        entry = issuer.entry(certificate)
    else:
        entry = issuer.entry(certificate, (x509.CRLReason(flag), False))
    assert outcome(certificate, issuer, issuer.sign_list(entry)) == "certificate.revoked"


def signed_anew(issuer: Issuer, old: bytes, new: bytes) -> bytes:
    """Return a list with other octets in it, for what no builder makes."""
    made = x509.load_der_x509_crl(issuer.sign_list())
    body = made.tbs_certlist_bytes[2:] if made.tbs_certlist_bytes[1] < 0x80 else made.tbs_certlist_bytes[3:]
    assert body.count(old) == 1
    tbs = der(0x30, body.replace(old, new))
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    signature = issuer.key.sign(tbs, ec.ECDSA(SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return der(0x30, tbs + algorithm + der(0x03, b"\x00" + signature))


def with_end(issuer: Issuer, end: bytes) -> bytes:
    """Return a list with another nextUpdate, or none."""
    made = x509.load_der_x509_crl(issuer.sign_list())
    assert made.next_update_utc is not None
    return signed_anew(issuer, b"\x17\x0d" + made.next_update_utc.strftime("%y%m%d%H%M%SZ").encode(), end)


def der(tag: int, content: bytes) -> bytes:
    """Return one value in DER, of less than 65536 octets."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    return (
        bytes([tag, 0x81, size]) + content
        if size < 0x100
        else bytes([tag, 0x82, *divmod(size, 256)]) + content
    )


def unusable_lists(issuer: Issuer) -> dict[str, tuple[bytes, str]]:
    """Return lists that must not be believed, by what is wrong with them, and what is said of it."""
    stranger = create_issuer("issuer", now=NOW)
    certificate = issuer.issue()
    good = issuer.sign_list(certificate)
    serial = certificate.serial_number.to_bytes(20, "big").lstrip(b"\x00")
    names = x509.CertificateIssuer([x509.DirectoryName(stranger.certificate.subject)])
    reasons = frozenset({x509.ReasonFlags.key_compromise})
    half = stranger.certificate.subject.rdns[0]
    another = create_issuer("another", now=NOW).certificate.subject
    pem = issuer.sign_list(encoding=Encoding.PEM)

    def critical(extension: x509.ExtensionType) -> bytes:
        return issuer.sign_list(extensions=[(extension, True)])

    def entry(extension: x509.ExtensionType, *, marked: bool) -> bytes:
        return issuer.sign_list(issuer.entry(certificate, (extension, marked)))

    parsing, signature, indirect = "error parsing", "the signature is not the issuer's", "an indirect list"
    return {
        "empty": (b"", "neither"),
        "no list": (b"-----BEGIN CERTIFICATE-----\n", "neither"),
        "cut off": (good[:-1], parsing),
        "something behind it": (good + b"\x00", parsing),
        "two in one file": (pem + pem, "neither one list in DER nor one in PEM"),
        "a bit of the signature changed": (good[:-1] + bytes([good[-1] ^ 1]), signature),
        "an entry changed": (good.replace(serial, serial[:-1] + bytes([serial[-1] ^ 1])), signature),
        "signed by another of the same name": (stranger.sign_list(), signature),
        "of another name, signed with the issuer's key": (issuer.sign_list(issuer=another), "the list is of"),
        "from the future": (issuer.sign_list(age=-CLOCK_TOLERANCE - 1), "thisUpdate lies in the future"),
        "without an end": (with_end(issuer, b""), "no nextUpdate"),
        "with an end before its beginning": (
            with_end(issuer, b"\x17\x0d700101000000Z"),
            "nextUpdate is not after thisUpdate",
        ),
        "without a number": (issuer.sign_list(number=None), "no CRL number"),
        "with a number below zero": (
            signed_anew(issuer, CRL_NUMBER + b"\x01", CRL_NUMBER + b"\xff"),
            parsing,
        ),
        "a delta": (critical(x509.DeltaCRLIndicator(1)), "a delta list"),
        "a delta that says so quietly": (
            issuer.sign_list(extensions=[(x509.DeltaCRLIndicator(1), False)]),
            "a delta list",
        ),
        "an unknown critical extension": (critical(UNRECOGNISED), r"critical extension 1\.2\.3\.4$"),
        "a critical extension that is known elsewhere": (
            critical(x509.IssuerAlternativeName([POINT])),
            r"critical extension 2\.5\.29\.18",
        ),
        "indirect": (critical(part(indirect_crl=True)), indirect),
        "of some reasons": (critical(part(only_some_reasons=reasons, full_name=[POINT])), indirect),
        "of attribute certificates": (critical(part(only_contains_attribute_certs=True)), indirect),
        "of a part named by halves": (critical(part(relative_name=half)), indirect),
        "an entry of another issuer": (entry(names, marked=True), "an entry of another issuer"),
        "an entry of another that says so quietly": (
            entry(names, marked=False),
            "an entry of another issuer",
        ),
        "an unknown critical extension of an entry": (entry(UNRECOGNISED, marked=True), "of an entry"),
    }


@pytest.mark.parametrize("fault", list(unusable_lists(create_issuer("issuer", now=NOW))))
def test_a_list_with_a_fault_is_no_list(issuer: Issuer, fault: str) -> None:
    """Taken as complete, it would call a revoked certificate good."""
    octets, said = unusable_lists(issuer)[fault]
    with pytest.raises(Reject) as refused:
        verify_list(octets, issuer=issuer.certificate, now=NOW)
    assert refused.value.reason.id == "revocation-list.unusable"
    assert re.search(said, refused.value.detail)


def test_a_list_signed_with_a_weak_hash_is_no_list() -> None:
    """SHA-1 lets others make a second list with the same signature."""
    key = rsa.generate_private_key(65537, 2048)
    own = create_issuer("weak", now=NOW, key=key)
    octets = own.sign_list().replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105"))
    assert isinstance(x509.load_der_x509_crl(octets).signature_hash_algorithm, SHA1)
    with pytest.raises(Reject, match=r"signed with 1\.2\.840\.113549\.1\.1\.5"):
        verify_list(octets, issuer=own.certificate, now=NOW)


def test_unknown_extensions_that_are_not_critical_change_nothing(issuer: Issuer) -> None:
    """They may be ignored (RFC 5280 section 4.2), on the list and on its entries."""
    revoked = issuer.issue()
    entry = issuer.entry(revoked, (UNRECOGNISED, False))
    octets = issuer.sign_list(entry, extensions=[(UNRECOGNISED, False)])
    assert outcome(revoked, issuer, octets) == "certificate.revoked"


@pytest.mark.parametrize(
    "usage", [key_usage(certificates=True, lists=False), None], ids=["not it", "nothing"]
)
def test_an_issuer_that_may_not_sign_lists_signs_none(usage: x509.KeyUsage | None) -> None:
    """The certificate must say that its key is for that (RFC 5280 section 6.3.3 (f))."""
    root = create_issuer("root", now=NOW)
    below = root.issue_issuer("below", usage=usage)
    certificate = below.certificate
    if usage is None:
        builder = (
            x509.CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(certificate.subject)
            .public_key(below.key.public_key())
            .serial_number(5)
            .not_valid_before(certificate.not_valid_before_utc)
            .not_valid_after(certificate.not_valid_after_utc)
        )
        certificate = builder.sign(below.key, SHA256())
    with pytest.raises(Reject, match="sign lists"):
        verify_list(below.sign_list(), issuer=certificate, now=NOW)


def test_a_list_is_bounded(issuer: Issuer) -> None:
    """It is measured before it is read."""
    with pytest.raises(Reject, match=f"more than {MAXIMUM_LIST} octets"):
        verify_list(b"\x30" * (MAXIMUM_LIST + 1), issuer=issuer.certificate, now=NOW)


SCOPES: dict[str, tuple[x509.IssuingDistributionPoint, str, str]] = {
    # A client's certificate that names the point, and an authority's that names none.
    "of users": (part(only_contains_user_certs=True), "good", "certificate.revocation-unknown"),
    "of authorities": (part(only_contains_ca_certs=True), "certificate.revocation-unknown", "good"),
    "of one point": (part(full_name=[POINT]), "good", "certificate.revocation-unknown"),
    "of another point": (
        part(full_name=[x509.UniformResourceIdentifier("http://crl.example/two.crl")]),
        "certificate.revocation-unknown",
        "certificate.revocation-unknown",
    ),
}


@pytest.mark.parametrize("scope", list(SCOPES))
def test_a_list_speaks_only_for_its_part(issuer: Issuer, scope: str) -> None:
    """Nobody is good because a list of something else does not name them (RFC 5280 section 5.2.5)."""
    extension, client, authority = SCOPES[scope]
    octets = issuer.sign_list(extensions=[(extension, True)])
    assert outcome(issuer.issue(points=[point()]), issuer, octets) == client
    assert outcome(issuer.issue("below", authority=True), issuer, octets) == authority


@pytest.mark.parametrize(
    "change",
    [
        {"reasons": frozenset({x509.ReasonFlags.key_compromise})},
        {"crl_issuer": [x509.DirectoryName(x509.Name([]))]},
    ],
    ids=["of some reasons", "of another issuer"],
)
def test_a_point_that_stands_for_less_is_not_matched(issuer: Issuer, change: dict[str, Any]) -> None:
    """The certificate says that its status is told elsewhere too; this list alone does not tell it."""
    octets = issuer.sign_list(extensions=[(part(full_name=[POINT]), True)])
    certificate = issuer.issue(points=[point(**change)])
    assert outcome(certificate, issuer, octets) == "certificate.revocation-unknown"


@pytest.mark.parametrize(
    ("later", "expected"),
    [(-60, "good"), (DAY - 61, "good"), (DAY - 60, "certificate.revocation-unknown")],
)
def test_a_list_ends_with_its_next_update(issuer: Issuer, later: float, expected: str) -> None:
    """The default is to refuse: who stops the lists stops the clients, and frees no thief."""
    assert outcome(issuer.issue(), issuer, issuer.sign_list(age=60), later=later) == expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [(DAY + 3539, "good"), (DAY + 3540, "certificate.revocation-unknown")],
)
def test_a_stale_list_is_believed_up_to_the_cap_and_no_longer(
    issuer: Issuer, later: float, expected: str
) -> None:
    """Only where the operator said so, and for as long as the operator said."""
    policy = RevocationPolicy(on_outage="accept-stale", stale_cap=3600)
    assert outcome(issuer.issue(), issuer, issuer.sign_list(), policy=policy, later=later) == expected


def test_what_an_old_list_revokes_stays_revoked(issuer: Issuer) -> None:
    """The outage changes the answer for the others only."""
    revoked = issuer.issue()
    assert outcome(revoked, issuer, issuer.sign_list(revoked), later=90 * DAY) == "certificate.revoked"


def test_one_of_several_lists_is_enough_to_revoke_and_one_in_date_to_clear(issuer: Issuer) -> None:
    """A mirror that lags behind hides no revocation, and one that is away stops nobody."""
    certificate = issuer.issue()
    late = issuer.sign_list(age=2 * DAY, lifetime=DAY)
    assert outcome(certificate, issuer, late) == "certificate.revocation-unknown"
    assert outcome(certificate, issuer, late, issuer.sign_list(number=2)) == "good"
    assert outcome(certificate, issuer, late, issuer.sign_list(certificate)) == "certificate.revoked"
    assert outcome(certificate, issuer) == "certificate.revocation-unknown"


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_outage": "refuse", "stale_cap": 60},
        {"on_outage": "accept-stale"},
        {"on_outage": "accept-stale", "stale_cap": -1},
        {"on_outage": "accept-stale", "stale_cap": 8 * DAY},
        {"on_outage": "accept"},
    ],
    ids=str,
)
def test_a_policy_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    """A cap without the choice, a choice without the cap, and a cap without end."""
    with pytest.raises(ValueError, match=r"stale|on_outage"):
        RevocationPolicy(**wrong)


CONFIGURATION = """
[ca]
default_ca = own
[own]
dir = .
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 1
policy = any
crl_extensions = crl
x509_extensions = client
[any]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
"""


def openssl(directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run one command of OpenSSL."""
    found = need("openssl", package="openssl")
    return subprocess.run(
        [found, *command.split()], cwd=directory, capture_output=True, text=True, check=False
    )


def test_lists_that_openssl_makes_are_read_and_openssl_agrees(tmp_path: Path) -> None:
    """`openssl ca` issues two certificates and revokes one: we say what `openssl verify -crl_check` says."""
    own = create_issuer("OpenSSL", now=NOW)
    (tmp_path / "ca.pem").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.key").write_bytes(
        own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    for name, content in (
        ("index.txt", ""),
        ("serial", "1000"),
        ("crlnumber", "2a"),
        ("c.cnf", CONFIGURATION),
    ):
        (tmp_path / name).write_text(content)
    for name in ("good", "revoked"):
        key = (
            f"req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr"
        )
        assert openssl(tmp_path, f"{key} -subj /CN={name}").returncode == 0
        made = openssl(tmp_path, f"ca -batch -notext -config c.cnf -in {name}.csr -out {name}.pem")
        assert made.returncode == 0, made.stderr
    assert openssl(tmp_path, "ca -config c.cnf -revoke revoked.pem -crl_reason keyCompromise").returncode == 0
    made = openssl(tmp_path, "ca -config c.cnf -gencrl -out list.pem")
    assert made.returncode == 0, made.stderr
    octets = (tmp_path / "list.pem").read_bytes()
    now = time.time() + 60  # this file may have been read long before its tests run
    assert verify_list(octets, issuer=own.certificate, now=now).number == 0x2A
    judged = {}
    for name in ("good", "revoked"):
        certificate = x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes())
        theirs = openssl(tmp_path, f"verify -crl_check -CAfile ca.pem -CRLfile list.pem {name}.pem")
        judged[name] = (outcome(certificate, own, octets, later=now - NOW, read_at=now), theirs.returncode)
        assert ("certificate revoked" in theirs.stderr) == (name == "revoked")
    assert judged == {"good": ("good", 0), "revoked": ("certificate.revoked", 2)}


def test_openssl_reads_the_lists_of_these_tests(tmp_path: Path, issuer: Issuer) -> None:
    """What the tests call a good list is one to others too."""
    revoked, good = issuer.issue("revoked"), issuer.issue("good")
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "list.pem").write_bytes(issuer.sign_list(revoked, encoding=Encoding.PEM))
    seen = {}
    for certificate in (revoked, good):
        name = certificate.subject.rfc4514_string()
        (tmp_path / "client.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        done = openssl(tmp_path, "verify -crl_check -CAfile ca.pem -CRLfile list.pem client.pem")
        seen[name] = (done.returncode, "certificate revoked" in done.stderr)
    assert seen == {"CN=revoked": (2, True), "CN=good": (0, False)}
