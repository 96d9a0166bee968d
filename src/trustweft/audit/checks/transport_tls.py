"""TLS as each port speaks it: versions, cipher suites, certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from trustweft.audit.check import check, failed, passed
from trustweft.audit.tls import credential_of, ports_of, scan
from trustweft.audit.tls_hello import Version
from trustweft.audit.tls_suites import is_broken, keeps_secrets, recommended, suits_browsers
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.x509 import Certificate

    from trustweft.audit.check import Outcome
    from trustweft.audit.tls import Port, Spoken
    from trustweft.audit.trial import Trial

RSA_BITS: Final = 2048  # RFC 9325 section 4.4
CURVE_BITS: Final = 224
BROKEN_HASHES: Final = ("md5", "sha1")
DAY: Final = 86_400
RENEWAL_DAYS: Final = 14  # our choice: time enough to notice that a renewal failed
OLD: Final = (Version.SSL_3, Version.TLS_1_0, Version.TLS_1_1)


@check(
    "TL-01",
    title="No version of TLS before 1.2 is spoken",
    sends="the first message of a handshake with SSL 3.0, TLS 1.0 and TLS 1.1 to each port",
    fix="Set the lowest version to TLS 1.2, at every port and at every proxy before it.",
    requirements=("FAPI2-SP-5.2.1-2", "FAPI2-SP-5.2.1-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-327",
    owasp="API8:2023",
)
def old_versions_are_refused(trial: Trial) -> Outcome:
    """Versions before 1.2 rest on MD5 and SHA-1 and on ciphers that can be broken; RFC 8996 forbids them.

    The check offers each as the highest version, octet by octet, since libraries no longer can. A server that answers
    with a ServerHello of that version speaks it. That it speaks 1.2 or 1.3 is the control.
    """
    return _judge(
        trial,
        lambda spoken: [each.text for each in OLD if each in spoken.versions],
        shown=(Version.TLS_1_3, Version.TLS_1_2, *reversed(OLD)),
        failure="Old versions are spoken",
        success="nothing before TLS 1.2 is spoken",
    )


@check(
    "TL-01-newest",
    title="TLS 1.3 is spoken, and preferred",
    sends="the first message of a handshake with TLS 1.3 and 1.2 to each port",
    fix="Let every port speak TLS 1.3.",
    requirements=("FAPI2-SP-5.2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    reach=Reach.ADVICE,
    cwe="CWE-327",
    owasp="API8:2023",
)
def newest_version_is_preferred(trial: Trial) -> Outcome:
    """TLS 1.3 has no weak suite and no setting that could be wrong; RFC 9325 section 3.1.1 recommends it.

    The check offers 1.3 and 1.2 together. A server that chooses 1.2 breaks nothing, but every weakness of a later day
    in 1.2 will be its own.
    """
    return _judge(
        trial,
        lambda spoken: [] if Version.TLS_1_3 in spoken.versions else ["TLS 1.2 was chosen beside 1.3"],
        shown=(Version.TLS_1_3,),
        failure="TLS 1.3 is not spoken",
        success="TLS 1.3 is chosen where it is offered",
    )


@check(
    "TL-02",
    title="TLS 1.2 uses the recommended cipher suites alone where no browser calls",
    sends="the first message of a handshake with TLS 1.2 to each port, with fewer suites each time",
    fix="Leave ECDHE with AES-GCM alone to TLS 1.2.",
    requirements=("FAPI2-SP-5.2.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    reach=Reach.FAPI_ALONE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-327",
    owasp="API8:2023",
)
def suites_are_the_recommended(trial: Trial) -> Outcome:
    """Between servers there is no old browser to be kind to, so FAPI leaves the four suites of RFC 9325 and no other.

    The check offers every suite that was ever common, and takes out each that the server chooses, until it refuses.
    """
    ports = [each for each in ports_of(trial.deployment) if not each.for_browsers_only]
    trial.need(ports, "every port is for browsers alone")
    return _suites(trial, recommended, ports, "Suites beyond the recommended four are accepted")


@check(
    "TL-02-pages",
    title="TLS 1.2 uses suites in good standing where browsers call",
    sends="the first message of a handshake with TLS 1.2 to each port with pages, with fewer suites each time",
    fix="Leave ephemeral key exchange with authenticated encryption alone to TLS 1.2.",
    requirements=("FAPI2-SP-5.2.3-2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    reach=Reach.FAPI_ALONE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-327",
    owasp="API8:2023",
)
def suites_suit_browsers(trial: Trial) -> Outcome:
    """Browsers may be given a little more than servers, but no suite that the registry of IANA has given up.

    What is left is ephemeral key exchange with authenticated encryption: no CBC, which has been attacked again and
    again (Lucky 13, POODLE), and no key transport with RSA.
    """
    ports = [each for each in ports_of(trial.deployment) if each.for_browsers]
    trial.need(ports, "no page is offered over TLS")
    return _suites(
        trial, suits_browsers, ports, "Suites without ephemeral keys or authenticated encryption are accepted"
    )


@check(
    "TL-02-broken",
    title="No broken cipher suite is accepted",
    sends="the first message of a handshake with TLS 1.2 to each port, with fewer suites each time",
    fix="Take out every suite with NULL, EXPORT, RC4, DES, 3DES, MD5 or anonymous key exchange.",
    requirements=("FAPI2-SP-5.2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-326",
    owasp="API8:2023",
    gives=("token-leaks", "code-leaks"),
)
def broken_suites_are_refused(trial: Trial) -> Outcome:
    """Some suites encrypt nothing, or so that anybody can read along; RFC 9325 section 4.1 forbids them everywhere.

    NULL has no cipher, anonymous suites no certificate, export suites 40 bits; RC4 leaks, and 3DES repeats itself
    after some gigabytes (Sweet32).
    """
    ports = ports_of(trial.deployment)
    return _suites(trial, lambda suite: not is_broken(suite), ports, "Broken suites are accepted")


@check(
    "TL-02-forward-secrecy",
    title="What was recorded stays secret when the server's key is stolen",
    sends="the first message of a handshake with TLS 1.2 to each port, with fewer suites each time",
    fix="Take out every suite whose key exchange is RSA, ECDH or DH without ephemeral keys.",
    requirements=("FAPI2-SP-5.2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-327",
    owasp="API8:2023",
)
def suites_keep_secrets(trial: Trial) -> Outcome:
    """Where the certificate's key itself encrypts, whoever gets it later reads everything that was ever recorded.

    RFC 9325 section 4.1 wants such suites out. RSA key transport also keeps coming back as an oracle (Bleichenbacher,
    ROBOT) that needs no stolen key at all.
    """
    ports = ports_of(trial.deployment)
    return _suites(trial, keeps_secrets, ports, "Suites without forward secrecy are accepted")


@check(
    "TL-03",
    title="Certificates are in date, for the name that is called, and from an authority that is trusted",
    sends="a handshake to each port, as a client that verifies the certificate",
    fix="Install a certificate for this name with its whole chain, from an authority that clients trust.",
    requirements=("FAPI2-SP-5.2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-295",
    owasp="API8:2023",
)
def certificates_are_trusted(trial: Trial) -> Outcome:
    """A certificate that clients cannot verify teaches them not to verify, and then anybody can stand in between.

    The check trusts the system's authorities and those that the target file names (``trust``), as the clients of this
    deployment do, and verifies chain, dates and name (RFC 9525).
    """
    wrong = []
    for port in ports_of(trial.deployment):
        credential = credential_of(trial.deployment, port)
        trial.observe(f"Certificate of {port.url}", credential.exchange)
        if credential.complaint:
            wrong.append(f"{port.url}: {credential.complaint}")
    if wrong:
        return failed(f"Certificates cannot be verified. {'; '.join(wrong)}.")
    return passed("Every port shows a certificate that can be verified, for its own name.")


@check(
    "TL-03-key",
    title="Certificates have keys and signatures that cannot be forged",
    sends="a handshake to each port",
    fix="Use RSA keys of 2048 bits or more or curves of 256, and signatures with SHA-256 or better.",
    requirements=("FAPI2-SP-5.2.1-3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-326",
    owasp="API8:2023",
)
def certificates_are_strong(trial: Trial) -> Outcome:
    """RSA below 2048 bits is in reach of those with means, and signatures over MD5 or SHA-1 have been forged.

    RFC 9325 section 4.4 asks for 2048 bits of RSA; curves need 224.
    """
    weak = []
    for port in ports_of(trial.deployment):
        credential = credential_of(trial.deployment, port)
        trial.observe(f"Certificate of {port.url}", credential.exchange)
        if credential.certificate is not None:
            weak += [f"{port.url}: {each}" for each in _weaknesses(credential.certificate)]
    if weak:
        return failed(f"Certificates are weak. {'; '.join(weak)}.")
    return passed("Keys and signatures of all certificates are strong.")


@check(
    "TL-03-renewal",
    title="Certificates are renewed in time",
    sends="a handshake to each port",
    fix="Renew certificates by a program, two weeks or more before their end.",
    requirements=(),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    reach=Reach.ADVICE,
    cwe="CWE-298",
    owasp="API8:2023",
)
def certificates_are_renewed(trial: Trial) -> Outcome:
    """A certificate that runs out stops everybody, and tempts people to switch verification off.

    Less than two weeks to the end means that a renewal has failed, or that somebody does it by hand. Certificates
    that live for a week are renewed by a program, and are no fault: this is advice.
    """
    now = trial.deployment.clock.now()
    short = []
    for port in ports_of(trial.deployment):
        credential = credential_of(trial.deployment, port)
        trial.observe(f"Certificate of {port.url}", credential.exchange)
        if credential.certificate is not None:
            days = (credential.certificate.not_valid_after_utc.timestamp() - now) / DAY
            if days < RENEWAL_DAYS:
                short.append(f"{port.url}: {days:.0f} days left")
    if short:
        return failed(f"Certificates end soon. {'; '.join(short)}.")
    return passed(f"Every certificate has {RENEWAL_DAYS} days or more left.")


def _judge(
    trial: Trial,
    faults: Callable[[Spoken], Sequence[str]],
    *,
    shown: Sequence[Version],
    failure: str,
    success: str,
    ports: Sequence[Port] | None = None,
) -> Outcome:
    ports = ports_of(trial.deployment) if ports is None else ports
    wrong = []
    for port in ports:
        spoken = scan(trial.deployment, port)
        for version in shown:
            label, exchange = f"{version.text} offered to {port.url}", spoken.exchanges[version]
            trial.attack(label, exchange) if version in OLD else trial.observe(label, exchange)
        found = faults(spoken)
        if found:
            wrong.append(f"{port.url}: {', '.join(found)}")
    if wrong:
        return failed(f"{failure}. {'; '.join(wrong)}.")
    return passed(f"{', '.join(each.url for each in ports)}: {success}.")


def _suites(trial: Trial, good: Callable[[str], bool], ports: Sequence[Port], failure: str) -> Outcome:
    return _judge(
        trial,
        lambda spoken: [each for each in spoken.suites if not good(each)],
        shown=(Version.TLS_1_2,),
        failure=failure,
        success="TLS 1.2 accepts no other suite",
        ports=ports,
    )


def _weaknesses(certificate: Certificate) -> list[str]:
    key = certificate.public_key()
    found = []
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
        found.append(f"an RSA key of {key.key_size} bits")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < CURVE_BITS:
        found.append(f"a curve of {key.curve.key_size} bits")
    digest = certificate.signature_hash_algorithm
    self_signed = certificate.issuer == certificate.subject  # nobody relies on the signature of a root
    if digest is not None and digest.name in BROKEN_HASHES and not self_signed:
        found.append(f"a signature with {digest.name}")
    return found
