"""The two sides: our server, durable and in memory, and `oidc-provider`; started alike, asked alike."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from bench.identities import AUDIENCE, PERSON, REDIRECT_URI, SCOPE
from bench.loader import ask
from bench.our_server import OurServerConfig
from bench.processes import ROOT, Process
from bench.signing import LOGIN_NONCE, Endpoints, http_request
from trustweft.cli.settings import KeySettings, ListenSettings, ServerSettings, StorageSettings, TlsSettings
from trustweft.crypto.local_authority import load_or_create_authority, load_or_create_server_certificate
from trustweft.runtime.encoding import encode_base64url
from trustweft.server.config import ScopeDefinition, ServerConfig

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from bench.cores import Cores
    from bench.identities import Identities
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["NODE_FOLDER", "Place", "Side", "free_port", "start_our_server", "start_peer"]

NODE_FOLDER: Final = ROOT / "tests" / "interop" / "node"
DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything runs: files, certificate, cores, Node, the log."""

    directory: Path
    cores: Cores
    node: Path
    log: IO[str]
    certificate: Path
    private_key: Path
    trust: ssl.SSLContext

    @classmethod
    def make(cls, directory: Path, *, cores: Cores, node: Path, log: IO[str], clock: Clock) -> Place:
        """Make an authority and a certificate for localhost, one for both sides."""
        authority = load_or_create_authority(directory / "ca", now=clock.now())
        files = load_or_create_server_certificate(directory / "tls", authority=authority, now=clock.now())
        trust = ssl.create_default_context(cafile=str(authority.certificate_file))
        return cls(directory, cores, node, log, files.certificate_file, files.private_key_file, trust)

    def start(self, name: str, command: list[str | Path], config: object) -> Process:
        """Start a process on the measured core, with its configuration in a file."""
        return self.start_plain([*command, self.write(name, config)])

    def start_plain(self, command: list[str | Path]) -> Process:
        """Start a process that has no configuration."""
        return Process(command, core=self.cores.measured, log=self.log)

    def write(self, name: str, document: object) -> Path:
        """Write a file that a process reads."""
        path = self.directory / f"{name}.json"
        path.write_bytes(msgspec.json.encode(document))
        return path


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Side:
    """An authorization server that can be measured."""

    def __init__(
        self, name: str, *, process: Process, issuer: str, control: str | None, trust: ssl.SSLContext
    ) -> None:
        self.name = name
        self.process = process
        self.trust = trust
        self._control = control
        port = urlsplit(issuer).port or 443
        answer = ask(http_request("GET", DISCOVERY, port=port, headers={}), port=port, trust=trust)
        metadata: dict[str, str] = json.loads(answer.body)
        self.endpoints = Endpoints(
            issuer=metadata["issuer"],
            port=port,
            par=urlsplit(metadata["pushed_authorization_request_endpoint"]).path,
            token=urlsplit(metadata["token_endpoint"]).path,
            discovery=DISCOVERY,
        )
        process.pause()

    def codes(self, client_id: str, items: list[dict[str, str]]) -> list[str]:
        """Return one unredeemed code for each item, as if a person had agreed."""
        request = json.dumps(
            {
                "client_id": client_id,
                "redirect_uri": REDIRECT_URI,
                "scope": SCOPE,
                "sub": PERSON,
                "nonce": LOGIN_NONCE,
                "items": items,
            }
        )
        answer = self.process.ask(request) if self._control is None else _post(self._control, request)
        codes: list[str] = answer["codes"]
        return codes


def _post(control: str, request: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(control).netloc)
    connection.request("POST", "/codes", body=request)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def start_our_server(place: Place, identities: Identities, *, durable: bool) -> Side:
    """Start our authorization server, assembled as the product assembles it."""
    name = "ours, SQLite" if durable else "ours, memory"
    port = free_port()
    issuer = f"https://localhost:{port}"
    directory = place.directory / ("durable" if durable else "memory")
    directory.mkdir(mode=0o700)
    settings = ServerSettings(
        server=ServerConfig(
            issuer=issuer,
            display_name="Bench",
            organization_name="Bench",
            scopes=tuple(
                ScopeDefinition(name=scope, audience=audience, title=scope, explanation=scope)
                for scope, audience in (("openid", issuer), ("accounts", AUDIENCE))
            ),
        ),
        listen=ListenSettings(port=port),
        tls=TlsSettings(certificate=str(place.certificate), private_key=str(place.private_key)),
        storage=StorageSettings(path="trustweft.sqlite"),
        keys=KeySettings(directory="keys", nonce_secret_file="nonce-secret"),  # noqa: S106  # a file's name
    )
    config = OurServerConfig(
        directory=str(directory),
        settings=settings,
        clients=[
            {**client.metadata, "client_name": "Bench", "organization_name": "Bench"}
            for client in identities.clients
        ],
        durable=durable,
    )
    process = place.start(directory.name, [sys.executable, "-m", "bench.our_server"], config)
    process.read_line()
    return Side(name, process=process, issuer=issuer, control=None, trust=place.trust)


def start_peer(place: Place, identities: Identities, *, entropy: Entropy) -> Side:
    """Start `oidc-provider` with its FAPI 2.0 profile, nonces demanded as ours does."""
    config = {
        "tls": {"key": str(place.private_key), "cert": str(place.certificate)},
        "clients": [client.metadata for client in identities.clients],
        "accounts": [{"username": "alice", "password": "unused", "sub": PERSON, "claims": {}}],
        "resource": {"identifier": AUDIENCE, "scope": "accounts"},
        "dpop": {"nonce_secret": encode_base64url(entropy.octets(32)), "require_nonce": True},
    }
    process = place.start("peer", [place.node, NODE_FOLDER / "bench_provider.mjs"], config)
    ready = process.read_line()
    return Side(
        "oidc-provider", process=process, issuer=ready["issuer"], control=ready["control"], trust=place.trust
    )
