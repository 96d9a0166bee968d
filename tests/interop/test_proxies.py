"""The documented nginx and HAProxy in front of a listener of ours, run from the files of docs/proxies as they stand."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from local_tls import LocalTls, make_local_tls
from revocations import create_issuer
from served import served
from tools import need
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.net.asgi import application
from trustweft.net.proxy_headers import ProxyHeaders, TrustedProxies
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

DOCUMENTS = Path(__file__).parent.parent.parent / "docs" / "proxies"
PACKAGES = {"nginx": "nginx libnginx-mod-http-js", "haproxy": "haproxy"}
START_SECONDS = 20.0
SECONDS = 20.0
OTHER_ADDRESS = "127.0.0.5"  # so that the client's address is not the proxy's
NOT_YET, EXPIRED = dt.timedelta(days=1), dt.timedelta(days=-1)


class Hearing(SilentObserver):
    """Remembers how many header fields were ignored."""

    def __init__(self) -> None:
        self.ignored = 0

    def measured(self, participant: str, quantity: str, value: float) -> None:
        """Remember the number."""
        assert quantity == "proxy_headers_ignored"
        self.ignored = int(value)


@dataclass(frozen=True)
class Identity:
    """A certificate that vouches for itself, and a file with it and its key."""

    der: bytes
    file: Path


@dataclass
class Site:
    """A listener of ours that believes one proxy, and what belongs to it."""

    directory: Path
    tls: LocalTls
    port: int = 0
    identities: dict[str, Identity] = field(default_factory=dict)
    hearing: Hearing = field(default_factory=Hearing)

    def add(
        self,
        name: str,
        key: CertificateIssuerPrivateKeyTypes,
        *,
        names: int = 1,
        ends: dt.timedelta = NOT_YET,
    ) -> None:
        """Make an identity."""
        now = dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternatives = [x509.DNSName(f"{number}.{name}.example") for number in range(names)]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=30))
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(key, SHA256())
        )
        file = self.directory / f"{name}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(certificate.public_bytes(Encoding.PEM) + pem)
        self.identities[name] = Identity(certificate.public_bytes(Encoding.DER), file)

    def add_issued(self, name: str) -> None:
        """Make an identity of an authority that nobody here knows, two steps below its root."""
        root, key = create_issuer("root", now=time.time()), ec.generate_private_key(ec.SECP256R1())
        issuer = root.issue_issuer("issuing")
        chain = (issuer.issue(name, key=key), issuer.certificate, root.certificate)
        file = self.directory / f"{name}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain) + pem)
        self.identities[name] = Identity(chain[0].public_bytes(Encoding.DER), file)


@dataclass(frozen=True)
class Door:
    """One port that a client can come to; what is behind it tells what it saw."""

    site: Site
    port: int
    source: str = OTHER_ADDRESS

    def ask(
        self,
        *headers: tuple[str, str],
        identity: str | None = None,
        body: bytes = b"",
        version: ssl.TLSVersion | None = None,
        ciphers: str | None = None,
    ) -> dict[str, Any]:
        """Return what the application saw of a request, with the status."""
        context = self.site.tls.client_context()
        if identity is not None:
            context.load_cert_chain(self.site.identities[identity].file)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if ciphers is not None:
            context.set_ciphers(ciphers)
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        head = f"POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        with (
            socket.create_connection(("127.0.0.1", self.port), SECONDS, (self.source, 0)) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            wrapped.sendall("".join([head, *lines, "\r\n"]).encode() + body)
            answer = b"".join(iter(lambda: wrapped.recv(65_536), b""))
        status = int(answer.split(b" ")[1])
        seen: dict[str, Any] = {"status": status}
        return {**json.loads(answer.partition(b"\r\n\r\n")[2]), **seen} if status == 200 else seen

    def certificate_of(self, identity: str) -> str:
        """Return an identity's certificate as the application tells it."""
        return self.site.identities[identity].der.hex()


@dataclass(frozen=True)
class Proxy:
    """A running proxy: a door for browsers, and one for clients with certificates."""

    name: str
    pages: Door
    certificates: Door


async def describe(request: HttpRequest) -> HttpResponse:
    """Tell the request as an application sees it."""
    certificate = request.client_certificate
    return json_response(
        {
            "certificate": None if certificate is None else certificate.hex(),
            "chain": len(request.client_certificate_chain),
            "peer": request.peer,
            "names": sorted({name for name, _ in request.headers}),
            "body": len(request.body),
        }
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A real listener of ours, which believes a proxy at this address with the certificate `proxy`."""
    directory = tmp_path_factory.mktemp("site")
    found = Site(directory, make_local_tls(directory))
    for name, names in (("proxy", 1), ("elliptic", 1), ("another", 1), ("large", 260)):
        found.add(name, ec.generate_private_key(ec.SECP256R1()), names=names)
    found.add("expired", ec.generate_private_key(ec.SECP256R1()), ends=EXPIRED)
    found.add_issued("issued")
    found.add("rsa-4096", rsa.generate_private_key(65537, 4096))
    thumbprint = certificate_thumbprint(found.identities["proxy"].der)
    trusted = TrustedProxies.configured(addresses=["127.0.0.1"], certificate_thumbprints=[thumbprint])
    behind = application(describe, participant="test", observer=SilentObserver(), body_limit=100_000)
    front = ProxyHeaders(behind, trusted=trusted, participant="test", observer=found.hearing)
    found.port = free_port()
    with served(
        lambda: front,
        port=found.port,
        certificate=found.tls.server.certificate_file,
        private_key=found.tls.server.private_key_file,
        client_authorities=found.tls.authority.certificate_file,
    ):
        yield found


@pytest.fixture(scope="module", params=list(PACKAGES))
def proxy(request: pytest.FixtureRequest, site: Site) -> Iterator[Proxy]:
    """The proxy as documented, but for folder, addresses and ports."""
    name: str = request.param
    binary = need(name, package=PACKAGES[name])
    if name == "nginx":
        need("/usr/lib/nginx/modules/ngx_http_js_module.so", package=PACKAGES[name])
    write_files(site)
    pages, certificates = free_port(), free_port()
    if name == "nginx":
        configuration = render(
            "nginx.conf",
            site,
            {
                "events {}": "events {}\ndaemon off;\nerror_log stderr;\npid nginx.pid;",
                "http {": "http {\n" + "".join(f"{kind}_temp_path {kind};\n" for kind in TEMPORARY),
                "listen 443 ssl": f"listen 127.0.0.1:{pages} ssl",
                "listen 8443 ssl": f"listen 127.0.0.1:{certificates} ssl",
            },
        )
        command = [binary, "-p", str(site.directory), "-e", "stderr", "-c", str(configuration)]
    else:
        configuration = render(
            "haproxy.cfg",
            site,
            {"bind :443 ": f"bind 127.0.0.1:{pages} ", "bind :8443 ": f"bind 127.0.0.1:{certificates} "},
        )
        command = [binary, "-db", "-f", str(configuration)]
    with running(command, ports=(pages, certificates)):
        yield Proxy(name, Door(site, pages), Door(site, certificates))


TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def write_files(site: Site) -> None:
    """Put the files where the documented configurations look for them."""
    tls, own = site.tls, site.identities["proxy"].file.read_bytes()
    public, key = tls.server.certificate_file.read_bytes(), tls.server.private_key_file.read_bytes()
    for name, content in {
        "public.pem": public,
        "public-key.pem": key,
        "public-with-key.pem": public + key,
        "proxy-key.pem": own,
        "proxy-with-key.pem": own,
        "trustweft-authority.pem": tls.authority.certificate_file.read_bytes(),
    }.items():
        (site.directory / name).write_bytes(content)
    shutil.copy(DOCUMENTS / "client_certificate.js", site.directory)


def render(name: str, site: Site, changes: dict[str, str]) -> Path:
    """Write a documented configuration for this machine; whatever is to be replaced must be there."""
    text = (DOCUMENTS / name).read_text()
    upstream = f"server 127.0.0.1:{site.port}" if name == "nginx.conf" else f"trustweft 127.0.0.1:{site.port}"
    documented = upstream.partition(" ")[0]
    for port in (9001, 9002):
        changes = {**changes, f"{documented} 127.0.0.1:{port}": upstream}
    for old, new in {**changes, "/etc/trustweft/proxy": str(site.directory)}.items():
        assert old in text, old
        text = text.replace(old, new)
    path = site.directory / name
    path.write_text(text)
    return path


@contextlib.contextmanager
def running(command: list[str], *, ports: tuple[int, ...]) -> Iterator[None]:
    """Run a proxy until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        for port in ports:
            wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the proxy accepts connections, or say why it ended."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free_port() -> int:
    """Return a port that is free on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def spoofed(site: Site) -> tuple[tuple[str, str], ...]:
    """Return header fields that a liar would send."""
    victim = f":{b64encode(site.identities['another'].der).decode()}:"
    return (
        ("Client-Cert", victim),
        ("client-cert", victim),
        ("CLIENT_CERT", victim),
        ("Client-Cert-Chain", victim),
        ("Client_Cert_Chain", victim),
        ("Forwarded", "for=203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.9"),
    )


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda each: each.name
)
@pytest.mark.parametrize("identity", ["elliptic", "rsa-4096", "large"])
def test_a_self_signed_certificate_arrives_byte_for_byte(
    proxy: Proxy, identity: str, version: ssl.TLSVersion
) -> None:
    """Whatever its key and its size, with an empty body and with a full one; and the client's address with it."""
    for size in (0, 90_000):
        seen = proxy.certificates.ask(identity=identity, version=version, body=b"x" * size)
        assert (seen["certificate"], seen["peer"], seen["body"]) == (
            proxy.certificates.certificate_of(identity),
            OTHER_ADDRESS,
            size,
        )


@pytest.mark.parametrize("identity", ["elliptic", None])
def test_what_the_client_writes_into_the_fields_is_not_believed(proxy: Proxy, identity: str | None) -> None:
    """At neither door, with a certificate or without: the proxy says what it saw, or nothing."""
    before = proxy.pages.site.hearing.ignored
    expected = None if identity is None else proxy.certificates.certificate_of(identity)
    seen = proxy.certificates.ask(*spoofed(proxy.certificates.site), identity=identity)
    assert (seen["certificate"], seen["chain"], seen["peer"]) == (expected, 0, OTHER_ADDRESS)
    assert not {name for name in seen["names"] if "cert" in name or name == "forwarded"}
    seen = proxy.pages.ask(*spoofed(proxy.pages.site), identity=identity)
    assert (seen["certificate"], seen["chain"], seen["peer"]) == (None, 0, OTHER_ADDRESS)
    assert proxy.pages.site.hearing.ignored == before  # none of them came further than the proxy


def test_without_a_certificate_there_is_none(proxy: Proxy) -> None:
    """The proxy's own is never taken for the client's."""
    assert proxy.certificates.ask()["certificate"] is None


def test_the_door_for_browsers_asks_nobody(proxy: Proxy) -> None:
    """A certificate that the client has stays with it."""
    seen = proxy.pages.ask(identity="elliptic")
    assert (seen["status"], seen["certificate"], seen["peer"]) == (200, None, OTHER_ADDRESS)


def test_clients_that_share_a_connection_behind_the_proxy_are_not_mixed_up(proxy: Proxy) -> None:
    """One after the other, each is seen with its own certificate, and the one without with none."""
    order = ["elliptic", "another", None, "rsa-4096", None, "elliptic"]
    seen = [proxy.certificates.ask(identity=identity)["certificate"] for identity in order]
    expected = [None if each is None else proxy.certificates.certificate_of(each) for each in order]
    assert seen == expected


def test_a_certificate_of_an_authority_that_the_proxy_does_not_know_arrives_too(proxy: Proxy) -> None:
    """With its issuer and the root behind it in the handshake; they go no further than the proxy."""
    seen = proxy.certificates.ask(identity="issued")
    assert (seen["certificate"], seen["chain"]) == (proxy.certificates.certificate_of("issued"), 0)


def test_an_expired_certificate(proxy: Proxy) -> None:
    """HAProxy hands it on, for us to judge; nginx answers 400 itself, and no setting of it is said to change that."""
    seen = proxy.certificates.ask(identity="expired")
    expected = {"haproxy": (200, proxy.certificates.certificate_of("expired")), "nginx": (400, None)}
    assert (seen["status"], seen.get("certificate")) == expected[proxy.name]


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA384"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_the_proxy_offers_the_strong_suites_only(proxy: Proxy, version: ssl.TLSVersion, ciphers: str) -> None:
    """TLS 1.2 with ephemeral keys and AES-GCM, or 1.3: what our own listeners offer (RFC 9325 section 4.2)."""
    for door in (proxy.pages, proxy.certificates):
        with pytest.raises(ssl.SSLError):
            door.ask(version=version, ciphers=ciphers)


@pytest.mark.parametrize("identity", [None, "elliptic"])
def test_a_stranger_at_the_proxys_address_is_ignored_and_counted(site: Site, identity: str | None) -> None:
    """Without the proxy's certificate its word counts for nothing; its own certificate stands."""
    before = site.hearing.ignored
    seen = Door(site, site.port, source="127.0.0.1").ask(*spoofed(site), identity=identity)
    expected = None if identity is None else site.identities[identity].der.hex()
    assert (seen["certificate"], seen["chain"], seen["peer"]) == (expected, 0, "127.0.0.1")
    assert site.hearing.ignored - before == 6


def test_the_proxys_certificate_at_another_address_speaks_for_nobody(site: Site) -> None:
    """Somebody has its key: neither the fields nor the certificate are a client's."""
    before = site.hearing.ignored
    seen = Door(site, site.port).ask(*spoofed(site), identity="proxy")
    assert (seen["certificate"], seen["peer"]) == (None, OTHER_ADDRESS)
    assert site.hearing.ignored - before == 6
