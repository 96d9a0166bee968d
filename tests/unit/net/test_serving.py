"""Several listeners in one loop, over real TLS sockets, on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email.utils
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from trustweft.crypto.local_authority import create_self_signed, issue_client_certificate
from trustweft.net import client_certificates, connections
from trustweft.net.asgi import application
from trustweft.net.serving import Listener, ServingError, serve, stop_on_signals, tls_context
from trustweft.net.tls_policy import TlsPolicy
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.runtime.observability import REQUEST_ID, SilentObserver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from local_tls import LocalTls
    from trustweft.net.asgi import Application, Message, Receive, Send

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
SECONDS = 10  # no test takes that long; one that hangs ends


# People may embed the server in either loop; ours runs on uvloop, so not every test needs both.
BOTH_LOOPS = pytest.mark.parametrize(
    "anyio_backend",
    [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)


EC_128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The event loop that we run on."""
    return "asyncio", {"use_uvloop": True}


def free_port() -> int:
    """Return a port that is free on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def app(respond: Callable[[HttpRequest], Any]) -> Application:
    """Return an application around ``respond``."""
    return application(respond, participant="test", observer=SilentObserver(), body_limit=1000)


async def describe(request: HttpRequest) -> HttpResponse:
    """Tell the request as the application sees it."""
    certificate = request.client_certificate
    headers = (
        ("x-certificate", "none" if certificate is None else certificate.hex()),
        ("x-names", " ".join(name for name, _ in request.headers)),
        ("x-request-id", REQUEST_ID.get()),
    )
    return HttpResponse(200, headers, b"%d octets" % len(request.body))


def listener(local_tls: LocalTls, port: int, asgi: Application, **changes: Any) -> Listener:
    """Return a listener on the loopback interface."""
    arguments: dict[str, Any] = {
        "name": "test server",
        "application": asgi,
        "host": "127.0.0.1",
        "port": port,
        "certificate": local_tls.server.certificate_file,
        "private_key": local_tls.server.private_key_file,
        **changes,
    }
    return Listener(**arguments)


@contextlib.asynccontextmanager
async def serving(*listeners: Listener) -> AsyncIterator[asyncio.Event]:
    """Serve for as long as the block lasts; leaving it stops, within a bound."""
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(serve(listeners, stop=stop, on_ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS)
    if running.done():
        waiting.cancel()
        running.result()
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(running, SECONDS)


async def talk(port: int, context: ssl.SSLContext, octets: bytes = CLOSE) -> bytes:
    """Send octets and return everything that comes until the server closes."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(octets)
        answer = await reader.read()
        writer.close()
    return answer


async def spoken_with(port: int, context: ssl.SSLContext) -> str | None:
    """Return the version of TLS that is spoken with such a client; None where there is no connection."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return None
    version: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    return version


def header(answer: bytes, name: str) -> str:
    """Return one header of the first response."""
    lines = answer.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return next(line.partition(": ")[2] for line in lines if line.partition(":")[0].lower() == name)


def client_pair(directory: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write a client's certificate with its key into one file."""
    path = directory / f"{certificate.serial_number:x}.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return path


def certificate_of(kind: str, local_tls: LocalTls, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return a client's certificate of one of the kinds that come along."""
    now = time.time()
    if kind == "issued by the authority":
        return issue_client_certificate(local_tls.authority, key.public_key(), common_name="c", now=now)
    if kind == "self-signed, an authority by its own word":
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "evil")])
        return (
            x509.CertificateBuilder(
                issuer_name=name,
                subject_name=name,
                public_key=key.public_key(),
                serial_number=7,
                not_valid_before=dt.datetime.fromtimestamp(now - 60, tz=dt.UTC),
                not_valid_after=dt.datetime.fromtimestamp(now + 60, tz=dt.UTC),
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, SHA256())
        )
    days = -1 if kind == "expired" else 1
    return create_self_signed(
        key, common_name="c", now=now - 86400 if days < 0 else now, days=max(days, 0) or 1
    )


@BOTH_LOOPS
async def test_each_listener_answers_on_its_own_port(local_tls: LocalTls) -> None:
    """One loop serves several applications; the date is there, the name of the software is not."""

    async def other(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(404, (), b"other")

    one, two = free_port(), free_port()
    async with serving(
        listener(local_tls, one, app(describe)), listener(local_tls, two, app(other), name="other")
    ):
        first = await talk(one, local_tls.client_context())
        second = await talk(two, local_tls.client_context())
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert second.endswith(b"other")
    sent = email.utils.parsedate_to_datetime(header(first, "date")).timestamp()
    assert abs(sent - time.time()) < SECONDS
    assert b"server:" not in first.lower()
    assert b"uvicorn" not in (first + second).lower()


async def test_each_request_has_an_identifier_of_its_own(local_tls: LocalTls) -> None:
    """Two requests on one connection differ in their number, two connections in the rest."""
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        answers = await talk(port, local_tls.client_context(), GET + CLOSE)
        other = await talk(port, local_tls.client_context())
    found = [line[14:] for line in answers.split(b"\r\n") if line.startswith(b"x-request-id: ")]
    connection = found[0][:-2]
    assert found == [connection + b"-1", connection + b"-2"]
    assert not header(other, "x-request-id").encode().startswith(connection)


@BOTH_LOOPS
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
@pytest.mark.parametrize(
    "kind",
    [
        "none",
        "issued by the authority",
        "self-signed",
        "self-signed, an authority by its own word",
        "expired",
    ],
)
async def test_a_client_certificate_reaches_the_application(
    local_tls: LocalTls, tmp_path: Path, kind: str, version: ssl.TLSVersion
) -> None:
    """The handshake judges none of them: what came is handed on, octet for octet, for the application to judge."""
    context = local_tls.client_context()
    context.maximum_version = version
    expected = "none"
    if kind != "none":
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = certificate_of(kind, local_tls, key)
        context.load_cert_chain(client_pair(tmp_path, certificate, key))
        expected = certificate.public_bytes(Encoding.DER).hex()
    port = free_port()
    authority = local_tls.authority.certificate_file
    async with serving(listener(local_tls, port, app(describe), client_authorities=authority)):
        answer = await talk(port, context)
    assert header(answer, "x-certificate") == expected


async def test_a_listener_without_client_certificates_asks_for_none(
    local_tls: LocalTls, tmp_path: Path
) -> None:
    """Browsers at the other listeners are never asked; a certificate that a client holds stays with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    context = local_tls.client_context()
    context.load_cert_chain(client_pair(tmp_path, certificate_of("self-signed", local_tls, key), key))
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        answer = await talk(port, context)
    assert header(answer, "x-certificate") == "none"


async def test_a_resumed_session_keeps_its_certificate(local_tls: LocalTls, tmp_path: Path) -> None:
    """The application sees the same certificate after TLS session resumption, and never another's."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certificate_of("self-signed", local_tls, key)
    context = local_tls.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # here the session is complete with the handshake
    context.load_cert_chain(client_pair(tmp_path, certificate, key))
    port = free_port()

    def twice() -> list[tuple[bool, str]]:
        session, seen = None, []
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", port), SECONDS) as raw,
                context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as wrapped,
            ):
                wrapped.sendall(CLOSE)
                answer = b"".join(iter(lambda: wrapped.recv(65536), b""))
                session = wrapped.session
                seen.append((bool(wrapped.session_reused), header(answer, "x-certificate")))
        return seen

    authority = local_tls.authority.certificate_file
    async with serving(listener(local_tls, port, app(describe), client_authorities=authority)):
        seen = await asyncio.to_thread(twice)
    expected = certificate.public_bytes(Encoding.DER).hex()
    assert seen == [(False, expected), (True, expected)]


async def test_where_openssl_cannot_be_reached_only_issued_certificates_pass(
    local_tls: LocalTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fallback fails closed: no certificate and an issued one pass, a self-signed one ends the handshake."""
    monkeypatch.setattr("trustweft.net.client_certificates.accepts_any_certificate", lambda: False)
    port = free_port()
    authority = local_tls.authority.certificate_file
    seen = {}
    async with serving(listener(local_tls, port, app(describe), client_authorities=authority)):
        for kind in ("none", "issued by the authority", "self-signed"):
            context = local_tls.client_context()
            if kind != "none":
                key = ec.generate_private_key(ec.SECP256R1())
                context.load_cert_chain(client_pair(tmp_path, certificate_of(kind, local_tls, key), key))
            try:
                answer = await talk(port, context)
            except (ssl.SSLError, ConnectionError):
                answer = b""
            seen[kind] = answer.startswith(b"HTTP/1.1 200 OK")
    assert seen == {"none": True, "issued by the authority": True, "self-signed": False}


def test_this_python_lets_the_application_judge() -> None:
    """The self-test passes on every Python that we support; on another one nothing is touched."""
    assert client_certificates.accepts_any_certificate()


@pytest.mark.parametrize(
    ("name", "value"), [("version_info", (3, 99, 0)), ("implementation", type("I", (), {"name": "pypy"}))]
)
def test_an_unknown_python_is_not_guessed_at(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    """Where the layout of the ssl module's objects is not known, its memory is never read."""
    monkeypatch.setattr(f"trustweft.net.client_certificates.sys.{name}", value)
    assert not client_certificates.accepts_any_certificate.__wrapped__()


def test_the_suites_are_the_strong_ones(local_tls: LocalTls) -> None:
    """TLS 1.2 with ephemeral keys and AES-GCM (RFC 9325 section 4.2), or 1.3; nothing older."""
    context = tls_context(
        certificate=local_tls.server.certificate_file, private_key=local_tls.server.private_key_file
    )
    suites = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert suites == {
        f"ECDHE-{key}-{cipher}"
        for key in ("ECDSA", "RSA")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
    }
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@BOTH_LOOPS
@pytest.mark.parametrize(
    ("version", "suites", "expected"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", None),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", None),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA384", None),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA", None),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", None),
        (ssl.TLSVersion.TLSv1_3, None, "TLSv1.3"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_and_weak_suites_are_not_spoken(
    local_tls: LocalTls, version: ssl.TLSVersion, suites: str | None, expected: str | None
) -> None:
    """What a client that insists on one version and one suite gets."""
    context = local_tls.client_context()
    context.minimum_version = context.maximum_version = version
    if suites is not None:
        context.set_ciphers(suites)
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        assert await spoken_with(port, context) == expected


@pytest.mark.parametrize(
    ("policy", "version", "suites", "expected"),
    [
        (TlsPolicy(minimum_version="1.3", cipher_suites=(EC_128,)), ssl.TLSVersion.TLSv1_2, None, None),
        (TlsPolicy(minimum_version="1.3", cipher_suites=(EC_128,)), ssl.TLSVersion.TLSv1_3, None, "TLSv1.3"),
        (
            TlsPolicy(minimum_version="1.2", cipher_suites=(EC_128,)),
            ssl.TLSVersion.TLSv1_2,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLSv1.2",
        ),
        (
            TlsPolicy(minimum_version="1.2", cipher_suites=(EC_128,)),
            ssl.TLSVersion.TLSv1_2,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            None,
        ),
    ],
    ids=["1.3 refuses 1.2", "1.3", "the suite", "another suite"],
)
async def test_a_policy_narrows_what_a_listener_speaks(
    local_tls: LocalTls, policy: TlsPolicy, version: ssl.TLSVersion, suites: str | None, expected: str | None
) -> None:
    """A profile may ask for a newer version, or for fewer suites."""
    context = local_tls.client_context()
    context.minimum_version = context.maximum_version = version
    if suites is not None:
        context.set_ciphers(suites)
    port = free_port()
    async with serving(listener(local_tls, port, app(describe), policy=policy)):
        assert await spoken_with(port, context) == expected


def test_a_policy_never_widens(local_tls: LocalTls) -> None:
    """A suite that is not spoken anyway is not spoken because of it; and none at all is an error, not all of them."""
    context = tls_context(
        certificate=local_tls.server.certificate_file, private_key=local_tls.server.private_key_file
    )
    weak = "TLS_RSA_WITH_AES_128_CBC_SHA"
    before = {each["name"] for each in context.get_ciphers()}
    TlsPolicy(minimum_version="1.2", cipher_suites=(EC_128, weak)).narrow(context)
    assert {each["name"] for each in context.get_ciphers()} < before
    with pytest.raises(ValueError, match="none of TLS_RSA"):
        TlsPolicy(minimum_version="1.2", cipher_suites=(weak,)).narrow(context)


@BOTH_LOOPS
async def test_plain_http_is_not_answered(local_tls: LocalTls) -> None:
    """Whoever speaks without TLS gets no HTTP back, and the application hears nothing (FAPI 2.0 SP 5.2.1-1)."""
    heard: list[HttpRequest] = []

    async def hear(request: HttpRequest) -> HttpResponse:
        heard.append(request)
        return HttpResponse(200)

    port = free_port()
    async with serving(listener(local_tls, port, app(hear))), asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CLOSE)
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        writer.close()
    assert b"HTTP/" not in answer
    assert heard == []


@pytest.mark.parametrize("asked", [b"R\n", b""], ids=["renegotiation", "compression"])
async def test_what_bcp_195_warns_of_is_not_done(local_tls: LocalTls, asked: bytes) -> None:
    """No renegotiation and no compression (RFC 9325 sections 3.3 and 3.5), whatever a client of TLS 1.2 asks for."""
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))), asyncio.timeout(SECONDS):
        client = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-comp"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told = (await client.communicate(asked))[0].decode()
    assert "Cipher    : ECDHE-" in told
    if asked:
        assert "RENEGOTIATING" in told
        assert "no renegotiation" in told
    else:
        assert "Compression: NONE" in told


@BOTH_LOOPS
async def test_stopping_closes_an_open_connection_and_answers_what_is_under_way(
    local_tls: LocalTls,
) -> None:
    """An idle keep-alive connection is closed; a request that is being answered gets its answer first."""
    began, release = asyncio.Event(), asyncio.Event()

    async def slow(_request: HttpRequest) -> HttpResponse:
        began.set()
        await release.wait()
        return HttpResponse(200, (), b"done")

    port, quick_port = free_port(), free_port()
    async with asyncio.timeout(SECONDS):
        async with serving(
            listener(local_tls, port, app(slow)), listener(local_tls, quick_port, app(describe))
        ) as stop:
            idle, _idle_writer = await asyncio.open_connection(
                "127.0.0.1", quick_port, ssl=local_tls.client_context()
            )
            _idle_writer.write(GET)
            assert (await idle.readline()) == b"HTTP/1.1 200 OK\r\n"
            busy = asyncio.create_task(talk(port, local_tls.client_context(), GET))
            await began.wait()
            stop.set()
            await idle.read()  # until the server closes
            release.set()
            answer = await busy
        _idle_writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert header(answer, "connection") == "close"
    with pytest.raises(ConnectionError):
        await talk(port, local_tls.client_context())


@BOTH_LOOPS
async def test_stopping_does_not_wait_for_peers_that_never_answer(
    local_tls: LocalTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that ignores the end of TLS, and a request that never ends, hold a stop up for the bound only."""
    monkeypatch.setattr("trustweft.net.serving.GRACE_SECONDS", 0.3)
    monkeypatch.setattr("trustweft.net.serving.IDLE_SECONDS", 0.1)
    cancelled = asyncio.Event()

    async def never(_request: HttpRequest) -> HttpResponse:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    port, quiet_port = free_port(), free_port()

    def open_quietly() -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", quiet_port), SECONDS)
        return local_tls.client_context().wrap_socket(raw, server_hostname="127.0.0.1")

    began = time.monotonic()
    async with serving(listener(local_tls, port, app(never)), listener(local_tls, quiet_port, app(describe))):
        quiet = await asyncio.to_thread(open_quietly)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=local_tls.client_context())
        writer.write(GET)
        await writer.drain()
    assert cancelled.is_set() or time.monotonic() - began < SECONDS / 2
    quiet.close()
    writer.close()


async def test_a_port_that_is_taken_is_named(local_tls: LocalTls) -> None:
    """The error says who cannot listen where; no other listener was started."""
    port, other = free_port(), free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(
            ServingError, match=f"bank cannot listen on 127.0.0.1:{port}: Address already in use"
        ):
            async with serving(
                listener(local_tls, other, app(describe)),
                listener(local_tls, port, app(describe), name="bank"),
            ):
                pass
    with pytest.raises(ConnectionError):
        await talk(other, local_tls.client_context())


async def test_a_certificate_that_cannot_be_used_is_named(local_tls: LocalTls, tmp_path: Path) -> None:
    """Missing, broken, or of another key: the error names the listener and the file, before anything is served."""
    broken = tmp_path / "broken.pem"
    broken.write_bytes(b"no certificate")
    other_key = local_tls.authority.certificate_file.with_name("private-key.pem")
    for changes in (
        {"certificate": tmp_path / "missing.pem"},
        {"certificate": broken},
        {"private_key": other_key},
    ):
        with pytest.raises(ServingError, match="test server cannot use"):
            async with serving(listener(local_tls, free_port(), app(describe), **changes)):
                pass


async def test_a_start_that_cannot_be_announced_stops_again(local_tls: LocalTls) -> None:
    """Whatever goes wrong after the start, nothing is left running."""
    port = free_port()

    def announce() -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        await serve([listener(local_tls, port, app(describe))], stop=asyncio.Event(), on_ready=announce)
    with pytest.raises(ConnectionError):
        await talk(port, local_tls.client_context())


async def test_localhost_means_both_families(local_tls: LocalTls) -> None:
    """Browsers try ::1 first, others 127.0.0.1: each address that the name has is served."""
    port = free_port()
    addresses = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    reached = set()
    async with serving(listener(local_tls, port, app(describe), host="localhost")):
        for address in addresses:
            _, writer = await asyncio.open_connection(
                address, port, ssl=local_tls.client_context(), server_hostname="localhost"
            )
            reached.add(address)
            writer.close()
    assert reached == addresses


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nconnection: close\r\nx: " + b"a" * 200_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nconnection: close\r\n" + b"x: y\r\n" * 40_000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nconnection: close\r\nx: " + b"a" * 2_000_000, b"431"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 101 + b"connection: close\r\n\r\n", b"431"),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n" + b"a" * 1001,
            b"413",
        ),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", b"400"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx y: z\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", b"400"),
        (b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else None,
)
async def test_a_request_out_of_bounds_is_refused_and_the_connection_closed(
    local_tls: LocalTls, sent: bytes, status: bytes
) -> None:
    """Too large, ambiguous in length, or no HTTP: a 4xx, never an answer to what was smuggled."""
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        answer = await talk(port, local_tls.client_context(), sent)
    assert (answer[:9], answer[9:12]) == (b"HTTP/1.1 ", status)
    assert answer.count(b"HTTP/1.1 ") == 1


@BOTH_LOOPS
async def test_an_answer_goes_out_in_one_piece(local_tls: LocalTls) -> None:
    """Head and body share a TLS record: whoever reads once has both; HEAD brings the head alone, and keeps the connection."""
    port = free_port()
    context = local_tls.client_context()

    def ask() -> list[bytes]:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as connection,
        ):
            answers = []
            for request in (GET, GET.replace(b"GET", b"HEAD"), GET):
                connection.sendall(request)
                answers.append(connection.recv(65_536))
            return answers

    async with serving(listener(local_tls, port, app(describe))):
        first, head, last = await asyncio.to_thread(ask)
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\n0 octets")
    assert head.endswith(b"\r\n\r\n")
    assert last.endswith(b"\r\n\r\n0 octets")


@BOTH_LOOPS
async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(local_tls: LocalTls) -> None:
    """The interim response does not wait for the answer, which waits for the body (RFC 9110 section 10.1.1)."""
    port = free_port()
    asking = b"POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
    async with serving(listener(local_tls, port, app(describe))), asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=local_tls.client_context())
        writer.write(asking)
        interim = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"body")
        answer = await reader.readuntil(b"4 octets")
        writer.close()
    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_an_application_that_fails_behind_its_head_ends_the_connection(local_tls: LocalTls) -> None:
    """The head is not held back for ever: the peer sees an answer that was cut off."""

    async def fail(_scope: Message, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise ValueError

    port = free_port()
    async with serving(listener(local_tls, port, fail)):
        answer = await talk(port, local_tls.client_context(), GET)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


async def test_a_trailer_is_no_header(local_tls: LocalTls) -> None:
    """Who filters headers in front of us does not see trailers: they never reach the application."""
    smuggled = (
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        b"1\r\na\r\n0\r\nauthorization: DPoP stolen\r\nclient-cert: :AA:\r\n\r\n"
    )
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        answer = await talk(port, local_tls.client_context(), smuggled)
    assert header(answer, "x-names") == "host connection transfer-encoding"
    assert answer.endswith(b"1 octets")


async def test_trailers_without_end_end_the_connection(local_tls: LocalTls) -> None:
    """A last chunk with trailers that go on and on is cut off like headers are."""
    began = (
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: " + b"a" * 500_000
    )
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        with contextlib.suppress(ConnectionError):
            assert not (await talk(port, local_tls.client_context(), began)).startswith(b"HTTP/1.1 200")


@BOTH_LOOPS
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
        b"\r\n\r\n",
    ],
    ids=repr,
)
async def test_a_request_that_does_not_end_ends_the_connection(
    local_tls: LocalTls, monkeypatch: pytest.MonkeyPatch, octets: bytes
) -> None:
    """Nobody holds a connection with half a request, or none, for longer than the bound."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.1)
    port = free_port()
    async with serving(listener(local_tls, port, app(describe))):
        with contextlib.suppress(ConnectionError):
            assert not (await talk(port, local_tls.client_context(), octets)).startswith(b"HTTP/1.1 200")


@BOTH_LOOPS
async def test_an_answer_that_nobody_takes_ends_the_connection(
    local_tls: LocalTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that asks and never reads is cut off; what it holds is bounded in size and time."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    ended = asyncio.Event()

    async def stream(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not (await _is_gone(send)):
                pass
            ended.set()

    async def _is_gone(send: Any) -> bool:
        before = time.monotonic()
        await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        return time.monotonic() - before > 0.1

    port = free_port()
    async with serving(listener(local_tls, port, stream)):
        raw = socket.create_connection(("127.0.0.1", port), SECONDS)
        quiet = await asyncio.to_thread(
            local_tls.client_context().wrap_socket, raw, server_hostname="127.0.0.1"
        )
        await asyncio.to_thread(quiet.sendall, GET)
        await asyncio.wait_for(ended.wait(), SECONDS)
        quiet.close()


async def test_the_bound_on_a_request_ends_with_the_request(local_tls: LocalTls) -> None:
    """Each request has a bound of its own: a complete one stops the clock, half of the next starts it again."""
    opened: list[connections.Connection] = []

    async def remember(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, (), b"answer")

    class Remembered(connections.Connection):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            opened.append(self)

    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trustweft.net.serving.Connection", Remembered)
        async with serving(listener(local_tls, port, app(remember))), asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=local_tls.client_context())
            for _ in range(2):
                writer.write(GET)
                await reader.readuntil(b"answer")
                assert opened[0]._request_deadline is None
            writer.write(GET + b"GET / HT")
            await reader.readuntil(b"answer")
            assert opened[0]._request_deadline is not None
            writer.write(b"TP/1.1\r\n\r\n")
            await reader.readuntil(b"answer")
            assert opened[0]._request_deadline is None
            writer.close()


@BOTH_LOOPS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
async def test_a_signal_stops_once(number: signal.Signals) -> None:
    """The first signal asks to stop; the handlers of before are back afterwards."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stop = asyncio.Event()
    with stop_on_signals(stop):
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), SECONDS)
    after = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert after[1] == before[1]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from trustweft.net.asgi import application
from trustweft.net.serving import Listener, serve, stop_on_signals
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.observability import SilentObserver
import uvloop

async def respond(request):
    return HttpResponse(200)

async def main():
    stop = asyncio.Event()
    app = application(respond, participant="x", observer=SilentObserver(), body_limit=1)
    listener = Listener(name="x", application=app, host="127.0.0.1", port=int(sys.argv[1]),
                        certificate=Path(sys.argv[2]), private_key=Path(sys.argv[3]))
    with stop_on_signals(stop):
        await serve([listener], stop=stop, on_ready=lambda: print("ready", flush=True))
    print("stopped", flush=True)

uvloop.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_process_ends_cleanly_on_a_signal(local_tls: LocalTls, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end with status 0 and not a line on standard error, though a connection is open."""
    port = free_port()
    files = local_tls.server
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(port),
        str(files.certificate_file),
        str(files.private_key_file),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with (
            socket.create_connection(("127.0.0.1", port), SECONDS) as garbage,
            socket.create_connection(("127.0.0.1", port), SECONDS) as raw,
            local_tls.client_context().wrap_socket(raw, server_hostname="127.0.0.1") as wrapped,
        ):
            garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wrapped.sendall(GET)
            assert wrapped.recv(15) == b"HTTP/1.1 200 OK"
            process.send_signal(number)
            output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output, errors) == (0, "stopped\n", "")
