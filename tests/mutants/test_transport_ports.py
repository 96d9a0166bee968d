"""The checks of TLS notice a port with any one fault, and say nothing of one without."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local_tls import make_local_tls
from trustweft.audit.checks.transport_http import policy_outcome, takes_policy
from trustweft.audit.engine import run_check
from trustweft.audit.preflight import open_wire, prepare
from trustweft.audit.registry import all_checks
from trustweft.audit.target import ClientEntry, Endpoints, Target
from trustweft.audit.verdict import Safety, Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from local_tls import LocalTls
    from trustweft.audit.results import Result

    Change = Callable[[ssl.SSLContext], None]

CHECKS = {each.id: each for each in all_checks()}
TLS_CHECKS = (
    "TL-01", "TL-01-newest", "TL-02", "TL-02-pages", "TL-02-broken", "TL-02-forward-secrecy", "TL-03", "TL-03-key",
    "TL-03-renewal", "TL-04", "TL-04-plain", "TL-08",
)  # fmt: skip
CONTENT_LENGTH = re.compile(rb"content-length: *([0-9]+)\r\n", re.IGNORECASE)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    """An authority, and a certificate for this machine."""
    return make_local_tls(tmp_path_factory.mktemp("tls"))


class Port:
    """A port that answers every request with metadata.

    Args:
        context: how it speaks TLS.
        strict: whether it refuses requests whose end can be read in two ways.
        also_plain: whether it answers requests without TLS as well.
        name: that it is called by.
        policy: Strict-Transport-Security of its answers; empty for none.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        strict: bool = True,
        also_plain: bool = False,
        name: str = "localhost",
        policy: str = "",
    ) -> None:
        self._context, self._strict, self._also_plain = context, strict, also_plain
        self._policy = (f"Strict-Transport-Security: {policy}",) if policy else ()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"https://{name}:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed: that is how it ends
            while True:
                plain, _address = self._listening.accept()
                plain.settimeout(10)
                with plain, contextlib.suppress(OSError):
                    self._answer(plain)

    def _answer(self, plain: socket.socket) -> None:
        first = plain.recv(1, socket.MSG_PEEK)
        if self._also_plain and first in (b"G", b"P"):
            self._respond(plain)
            return
        with self._context.wrap_socket(plain, server_side=True) as secured:
            self._respond(secured)

    def _respond(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(4096)
            if not part:
                return
            head += part
        head = head.partition(b"\r\n\r\n")[0] + b"\r\n"
        good = len(CONTENT_LENGTH.findall(head)) <= 1 and b"ransfer-encoding" not in head.lower()
        good = good and b"Content-Length: +" not in head
        status, body = "200 OK", json.dumps(self._metadata()).encode()
        if self._strict and not good:
            status, body = "400 Bad Request", b"{}"
        lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}")
        lines = (*lines, *self._policy, "Connection: close")
        connection.sendall("\r\n".join((*lines, "", "")).encode() + body)

    def _metadata(self) -> dict[str, str]:
        names = ("authorization_endpoint", "token_endpoint")
        return {"issuer": self.issuer} | {name: f"{self.issuer}/{name}" for name in names}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def good_context(tls: LocalTls) -> ssl.SSLContext:
    """Speak what the profile allows."""
    context = tls.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    return context


def audit(port: Port, authority: Path, *checks: str) -> dict[str, Result]:
    """Let the checks meet a port."""
    endpoints = Endpoints(  # said here as well: a certificate may be so bad that nobody reads the metadata
        authorization_endpoint=f"{port.issuer}/authorize", token_endpoint=f"{port.issuer}/token"
    )
    client = ClientEntry(
        client_id="app", authentication="none", redirect_uri="https://client.example/callback"
    )
    target = Target(
        issuer=port.issuer,
        trust=str(authority),
        profile="fapi2-security",
        endpoints=endpoints,
        clients=(client,),
    )
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        return {
            each: run_check(deployment, CHECKS[each], safety=Safety.REQUESTS) for each in checks or TLS_CHECKS
        }


def found(result: Result) -> bool:
    """Whether a check found something: a clause that is broken, or advice that is not followed."""
    return result.verdict in (Verdict.FAIL, Verdict.SUSPECTED) or result.advice


def old_version(version: ssl.TLSVersion) -> Change:
    """Speak an old version too."""

    def change(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = version

    return change


def suites(names: str) -> Change:
    """Take other cipher suites of TLS 1.2 too."""
    return lambda context: context.set_ciphers(f"ECDHE+AESGCM:{names}:@SECLEVEL=0")


def no_1_3(context: ssl.SSLContext) -> None:
    """Speak TLS 1.2 alone."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def test_a_port_without_a_fault_passes_every_check(tls: LocalTls) -> None:
    with Port(good_context(tls)) as port:
        results = audit(port, tls.authority.certificate_file)
    assert {name: each.reason for name, each in results.items() if each.verdict is not Verdict.PASS} == {}
    assert [name for name, each in results.items() if each.advice] == []


@pytest.mark.parametrize(
    ("change", "check", "said"),
    [
        (old_version(ssl.TLSVersion.TLSv1), "TL-01", "TLS 1.0, TLS 1.1"),
        (old_version(ssl.TLSVersion.TLSv1_1), "TL-01", "TLS 1.1"),
        (no_1_3, "TL-01-newest", "TLS 1.2 was chosen"),
        (suites("ECDHE+CHACHA20"), "TL-02", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        (suites("ECDHE-ECDSA-AES256-SHA384"), "TL-02-pages", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
        (suites("ECDHE-ECDSA-NULL-SHA"), "TL-02-broken", "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
        (suites("AECDH-AES128-SHA"), "TL-02-broken", "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    ],
    ids=["1.0", "1.1", "no 1.3", "ChaCha20", "CBC", "NULL", "anonymous"],
)
def test_a_port_that_speaks_what_it_should_not_is_found(
    tls: LocalTls, change: Change, check: str, said: str
) -> None:
    context = good_context(tls)
    change(context)
    with Port(context) as port:
        result = audit(port, tls.authority.certificate_file, check)[check]
    assert found(result)
    assert said in result.reason


def certificate(folder: Path, *, bits: int, name: str, days: float) -> Path:
    """Make a certificate that vouches for itself; return its file, which holds the key as well."""
    key, now = rsa.generate_private_key(65537, bits), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return file


def rsa_context(file: Path, ciphers: str = "ECDHE+AESGCM") -> ssl.SSLContext:
    """Speak TLS with a certificate of RSA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize(
    ("bits", "days", "ciphers", "check", "said"),
    [
        (1024, 90.0, "ECDHE+AESGCM", "TL-03-key", "an RSA key of 1024 bits"),
        (2048, 5.0, "ECDHE+AESGCM", "TL-03-renewal", "5 days left"),
        (
            2048,
            90.0,
            "ECDHE+AESGCM:AES128-GCM-SHA256",
            "TL-02-forward-secrecy",
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
        ),
    ],
    ids=["a short key", "an end that is near", "RSA key transport"],
)
def test_a_certificate_with_a_fault_is_found(
    tmp_path: Path, bits: int, days: float, ciphers: str, check: str, said: str
) -> None:
    file = certificate(tmp_path, bits=bits, name="localhost", days=days)
    with Port(rsa_context(file, ciphers)) as port:
        result = audit(port, file, check)[check]
    assert found(result)
    assert said in result.reason


@pytest.mark.parametrize("check", ["TL-03"])
@pytest.mark.parametrize("fault", ["authority", "name", "date"])
def test_a_certificate_that_nobody_should_trust_is_found(
    tls: LocalTls, tmp_path: Path, fault: str, check: str
) -> None:
    name = "other.example" if fault == "name" else "localhost"
    file = certificate(tmp_path, bits=2048, name=name, days=-0.5 if fault == "date" else 90)
    trusted = tls.authority.certificate_file if fault == "authority" else file
    with Port(rsa_context(file)) as port:
        result = audit(port, trusted, check)[check]
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("check", ["TL-04-plain"])
def test_a_port_that_answers_without_tls_as_well_is_found(tls: LocalTls, check: str) -> None:
    with Port(good_context(tls), also_plain=True) as port:
        result = audit(port, tls.authority.certificate_file, check)[check]
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize("check", ["TL-08"])
def test_a_server_that_reads_ambiguous_requests_is_advised(tls: LocalTls, check: str) -> None:
    with Port(good_context(tls), strict=False) as port:
        result = audit(port, tls.authority.certificate_file, check)[check]
    assert result.advice


@pytest.fixture
def harbour(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of the network that leads to this machine."""
    name, find = "login.harbour.example", socket.getaddrinfo

    def found(host: Any, *rest: Any, **named: Any) -> Any:
        return find("127.0.0.1" if host in (name, name.encode()) else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return name


@pytest.mark.parametrize("check", ["TL-04-hsts"])
@pytest.mark.parametrize("policy", ["", "max-age=0"])
def test_a_name_without_a_policy_for_browsers_is_found(
    tmp_path: Path, harbour: str, policy: str, check: str
) -> None:
    """Its pages may as well be opened over http; with a policy that lasts it passes."""
    file = certificate(tmp_path, bits=2048, name=harbour, days=90)
    for said, verdict in ((policy, Verdict.FAIL), ("max-age=31536000", Verdict.PASS)):
        with Port(rsa_context(file), name=harbour, policy=said) as port:
            result = audit(port, file, check)[check]
        assert result.verdict is verdict, result.reason


@pytest.mark.parametrize("policies", [[], ["max-age=0"], ["includeSubDomains"]])
def test_pages_without_a_policy_that_lasts_are_found(policies: list[str]) -> None:
    assert policy_outcome(policies).verdict is Verdict.FAIL
    assert policy_outcome([*policies, "max-age=31536000"]).verdict is Verdict.PASS


def test_no_policy_is_asked_of_addresses_and_of_this_machine() -> None:
    assert [
        takes_policy(host) for host in ("bank.example", "localhost", "a.localhost", "192.0.2.1", "::1")
    ] == [
        True,
        False,
        False,
        False,
        False,
    ]
