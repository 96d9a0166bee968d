"""How the ports of a deployment speak TLS: each is asked once in a run, and every check reads the answers."""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography import x509

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.tls_hello import Greeting, Version, client_hello, read_greeting
from trustweft.audit.tls_suites import SUITES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustweft.audit.deployment import Deployment
    from trustweft.audit.wire import Wire

__all__ = ["Credential", "Port", "Spoken", "credential_of", "ports_of", "scan"]

SECONDS: Final = 10.0
_BROWSER_ENDPOINTS: Final = frozenset({"authorization_endpoint", "end_session_endpoint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A host and port that the deployment answers at.

    Attributes:
        uses: what is there: names of metadata members, and ``API`` with its address.
    """

    scheme: str
    host: str
    number: int
    uses: tuple[str, ...]

    @property
    def url(self) -> str:
        """Its root."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.number}"

    @property
    def for_browsers_only(self) -> bool:
        """Whether nothing but pages is there."""
        return bool(self.uses) and set(self.uses) <= _BROWSER_ENDPOINTS

    @property
    def for_browsers(self) -> bool:
        """Whether pages are there."""
        return bool(set(self.uses) & _BROWSER_ENDPOINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """How a port answered handshakes.

    Attributes:
        versions: that it chose when they were the only or the highest offer; 1.3 was offered beside 1.2.
        suites: that it accepts with TLS 1.2, by name, in the order of its choice.
        exchanges: what was asked and answered, by version.
    """

    versions: frozenset[Version]
    suites: tuple[str, ...]
    exchanges: dict[Version, Exchange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The certificate of a port.

    Attributes:
        certificate: None where no handshake came so far as to show it.
        complaint: why it is not to be trusted; empty where it is.
    """

    certificate: x509.Certificate | None
    complaint: str
    exchange: Exchange


def ports_of(deployment: Deployment, *, scheme: str = "https") -> tuple[Port, ...]:
    """Return every host and port of issuer, endpoints and APIs that may be asked.

    Raises:
        NotApplicable: none has this scheme.
    """
    found: dict[tuple[str, int], list[str]] = {}
    for use, url in _addresses(deployment):
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme == scheme and host in deployment.wire.hosts:
            number = parts.port or (443 if scheme == "https" else 80)
            found.setdefault((host, number), []).append(use)
    if not found:
        raise NotApplicable(f"nothing here is offered over {scheme}")
    return tuple(
        Port(scheme=scheme, host=host, number=number, uses=tuple(dict.fromkeys(uses)))
        for (host, number), uses in found.items()
    )


def _addresses(deployment: Deployment) -> Iterator[tuple[str, str]]:
    yield "issuer", deployment.discovery.issuer
    metadata = deployment.discovery.metadata
    aliases = metadata.get("mtls_endpoint_aliases")
    named = [*metadata.items(), *(aliases.items() if isinstance(aliases, dict) else ())]
    for name, url in named:
        if isinstance(url, str) and (name.endswith("_endpoint") or name == "jwks_uri"):
            yield name, url
    for api in deployment.target.apis:
        yield f"API {api.url}", api.url


def scan(deployment: Deployment, port: Port) -> Spoken:
    """Ask a port for every version, and for every suite of TLS 1.2.

    Raises:
        Inconclusive: it speaks no version of TLS.
    """
    return deployment.once.find(("tls", port.url), lambda: _scan(deployment, port))


def _scan(deployment: Deployment, port: Port) -> Spoken:
    versions: set[Version] = set()
    suites: list[str] = []
    exchanges: dict[Version, Exchange] = {}
    left = list(SUITES)
    for version in reversed(Version):
        greeting, exchange = _greet(deployment, port, version, left)
        exchanges[version] = exchange
        if greeting.version == version:
            versions.add(version)
        while version is Version.TLS_1_2 and greeting.version == version and greeting.suite in left:
            suites.append(SUITES[greeting.suite])
            left.remove(greeting.suite)
            greeting, _ = _greet(deployment, port, version, left)
        left = list(SUITES)
    if not versions:
        raise Inconclusive(f"{port.url} does no handshake: {exchanges[Version.TLS_1_2].page()}")
    return Spoken(versions=frozenset(versions), suites=tuple(suites), exchanges=exchanges)


def _greet(
    deployment: Deployment, port: Port, version: Version, suites: list[int]
) -> tuple[Greeting, Exchange]:
    hello = client_hello(port.host, version, suites, random=deployment.entropy.octets(32))
    began = time.monotonic()
    with deployment.wire.connect(port.url) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.sendall(hello)
            greeting = read_greeting(connection)
        except TimeoutError:  # some refuse what is too old by saying nothing
            greeting = Greeting(None, 0, f"no answer in {SECONDS:.0f} s")
        except OSError as cut:
            greeting = Greeting(None, 0, f"the connection was cut: {type(cut).__name__}")
    return greeting, _as_exchange(port, version, len(suites), greeting, time.monotonic() - began)


def _as_exchange(port: Port, version: Version, suites: int, greeting: Greeting, seconds: float) -> Exchange:
    """Return a handshake as evidence: no HTTP, so the status is 0."""
    answer = f"refused: {greeting.refusal}"
    if greeting.version is not None:
        name = SUITES.get(greeting.suite, f"suite {greeting.suite:#06x}")
        answer = f"{_version_name(greeting.version)} with {name}"
    return Exchange(
        request=Request(
            method="HANDSHAKE",
            url=port.url,
            body=f"ClientHello: {version.text} as the highest version, {suites} cipher suites".encode(),
        ),
        status=0,
        headers=(),
        body=f"ServerHello: {answer}".encode(),
        seconds=seconds,
    )


def _version_name(number: int) -> str:
    return Version(number).text if number in set(Version) else f"version {number:#06x}"


def credential_of(deployment: Deployment, port: Port) -> Credential:
    """Return the certificate of a port, and whether a client that knows the authorities trusts it.

    Raises:
        Inconclusive: no handshake gets that far.
    """
    return deployment.once.find(("certificate", port.url), lambda: _credential_of(deployment.wire, port))


def _credential_of(wire: Wire, port: Port) -> Credential:
    began = time.monotonic()
    complaint = ""
    try:
        octets = _peer_certificate(wire, port, wire.context())
    except ssl.SSLCertVerificationError as mistrust:
        complaint = mistrust.verify_message or str(mistrust)
        octets = None
        with contextlib.suppress(OSError):
            octets = _peer_certificate(wire, port, _trusting())
    except OSError as cause:
        raise Inconclusive(
            f"{port.url} does no handshake without a client certificate: {cause!r}"[:300]
        ) from cause
    certificate = None if octets is None else x509.load_der_x509_certificate(octets)
    shown = complaint or "trusted"
    if certificate is not None:
        shown += f"; {certificate.subject.rfc4514_string()}, until {certificate.not_valid_after_utc:%Y-%m-%d}"
    exchange = Exchange(
        request=Request(method="HANDSHAKE", url=port.url, body=b"as a client that verifies the certificate"),
        status=0,
        headers=(),
        body=f"Certificate: {shown}".encode(),
        seconds=time.monotonic() - began,
    )
    return Credential(certificate=certificate, complaint=complaint, exchange=exchange)


def _peer_certificate(wire: Wire, port: Port, context: ssl.SSLContext) -> bytes | None:
    with wire.connect(port.url) as connection:
        connection.settimeout(SECONDS)
        with context.wrap_socket(connection, server_hostname=port.host) as secured:
            return secured.getpeercert(binary_form=True)


def _trusting() -> ssl.SSLContext:
    """Return a context that only looks: what it sees is judged, and nothing is sent over it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
