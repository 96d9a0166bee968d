"""The participants that are examined, running: server, its listener for certificates, and the sample bank on its own.

All are reached over TLS. The bank knows the server as a stranger would: by its published metadata and keys, and by
asking about tokens. One clock, turned by hand, tells all of them the time; it starts at the machine's, because
certificates are judged by that.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uvloop

from browsing import FAST, compiled_pages
from conformance.examiner.browser import Person
from conformance.examiner.certificates import CertificateAuthority
from conformance.examiner.parties import make_parties
from conformance.examiner.variants import CLIENT_KINDS
from conformance.examiner.wire import Wire
from ecosystem import free_base_port
from local_tls import make_local_tls
from support.authority import Hearing
from support.client_hosts import ClientHosts
from trustweft.crypto.key_rotation import rotate
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.demo.bank_details import detail_types
from trustweft.net.fetch import Fetcher
from trustweft.net.serving import Listener, serve
from trustweft.profile import load_profile
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.introspecting import IntrospectedRevocations, IntrospectionSettings
from trustweft.resource.issuer_keys import RemoteKeys
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_certificates import ClientCertificates
from trustweft.server.client_keys import ClientKeys
from trustweft.server.config import ScopeDefinition, ServerConfig
from trustweft.server.details import DetailTypes
from trustweft.server.exchange import Deployment
from trustweft.server.login.passwords import Passwords
from trustweft.server.login.people import create_user
from trustweft.store.guard import StoreReplayMemory
from trustweft.store.sqlite.store import SqliteStore
from trustweft.web.server_pages import ServerPages
from trustweft.web.static_application import with_static_files

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conformance.examiner.certificates import ClientCertificate
    from conformance.examiner.parties import Party
    from conformance.examiner.variants import Constraint, Method
    from trustweft.net.asgi import Application, Message, Receive, Send

__all__ = ["Site", "running_site"]

START_SECONDS: Final = 20.0
PASSWORD: Final = "correct horse battery staple"
RESOURCE_SERVER: Final = "bank"


@dataclass
class Replaceable:
    """An ASGI application in whose place another can be put while it is served."""

    application: Application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand over to whichever application it is now."""
        await self.application(scope, receive, send)


class Site:
    """The participants, and what an examiner needs to know of them; satisfies ``Subject``."""

    def __init__(self, directory: Path) -> None:
        base = free_base_port()
        self.issuer = f"https://localhost:{base + 1}"
        self.mtls_base = f"https://localhost:{base + 2}"
        self.resource = f"https://localhost:{base + 3}"
        self.tls = make_local_tls(directory)
        self.authority = self.tls.authority.certificate_file
        self.person = Person("alice", PASSWORD)
        self.clock = ManualClock(time.time())
        self.hearing = Hearing()
        self.store = SqliteStore.open(directory / "server.db")
        self._replays = SqliteStore.open(directory / "bank.db")
        self._entropy = SystemEntropy()
        self._wires: dict[ClientCertificate | None, Wire] = {}
        self.client_authority = CertificateAuthority()
        self._parties = {kind: make_parties(*kind, authority=self.client_authority) for kind in CLIENT_KINDS}
        self._directory = directory
        self._bank_signer = LocalSigner("ES256", generate_private_key("ES256"), "bank-key")
        self.deployment = self._deploy(directory)
        self.server = AuthorizationServer(self.deployment)
        self.front = Replaceable(with_static_files(self.server.asgi))
        self.loop: asyncio.AbstractEventLoop | None = None
        self.guard: Guard

    # What the examiner asks.

    def now(self) -> float:
        """Return the time by the participants' clock."""
        return self.clock.now()

    def wait(self, seconds: float) -> None:
        """Turn the clock, and let the server look at it."""
        self.clock.advance(seconds)
        self._in_loop(lambda keys, now: keys.reload(now))

    def parties(self, authentication: Method, constraint: Constraint) -> tuple[Party, Party]:
        """Return two registered clients of this kind."""
        return self._parties[authentication, constraint]

    def wire(self, party: Party | None = None) -> Wire:
        """Return connections that are kept open; with the client's certificate if it has one."""
        certificate = None if party is None else party.certificate
        if certificate not in self._wires:
            self._wires[certificate] = Wire(self._trust(certificate))
        return self._wires[certificate]

    def issue_certificate(self, name: str) -> ClientCertificate:
        """Return a certificate with that subject, of the authority that issues those of clients."""
        return self.client_authority.issue(name)

    def rotate_key(self) -> str:
        """Publish the next signing key, as the command does."""
        keys = self.deployment.keys
        new = rotate(keys.directory, algorithm="ES256", now=self.clock.now()).key_id
        self.wait(0)
        return new

    def _in_loop(self, step: Callable[[KeyRing, float], Any]) -> Any:
        """Do something with the keys where nobody else looks at them in the meantime."""

        async def work() -> Any:
            return step(self.deployment.keys, self.clock.now())

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(START_SECONDS)

    def _trust(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        """Return a client's TLS context."""
        context = self.tls.client_context()
        if certificate is not None:
            file = (
                self._directory / "client.pem"
            )  # the library reads files only; it has read it when this returns
            file.write_bytes(certificate.pem)
            context.load_cert_chain(file)
        return context

    # How it is built.

    def _deploy(self, directory: Path) -> Deployment:
        return Deployment(
            config=self._config(),
            profile=load_profile("fapi2-security"),
            store=self.store,
            keys=KeyRing.load_or_create(directory / "keys", now=self.clock.now()),
            client_certificates=ClientCertificates((self.client_authority.certificate,)),
            client_keys=ClientKeys(fetch=ClientHosts().fetch, clock=self.clock, observer=self.hearing),
            detail_types=DetailTypes(detail_types(self.resource)),
            nonces=Nonces(self._entropy.octets(32), step=60, window=120),
            pages=ServerPages(compiled_pages(), base_url=self.issuer),
            passwords=Passwords(entropy=self._entropy, hasher=FAST, concurrency=1),
            clock=self.clock,
            entropy=self._entropy,
            observer=self.hearing,
        )

    def _config(self) -> ServerConfig:
        audiences = {
            "openid": self.issuer,
            "profile": self.issuer,
            "email": self.issuer,
            "accounts": self.resource,
        }
        return ServerConfig(
            issuer=self.issuer,
            mtls_base=self.mtls_base,
            display_name="Harbour Bank",
            organization_name="Harbour Bank plc",
            scopes=tuple(
                ScopeDefinition(
                    name=name,
                    audience=audience,
                    title=f"Use {name}",
                    explanation=f"What {name} stands for.",
                )
                for name, audience in audiences.items()
            ),
        )

    def create_guard(self) -> Guard:
        """Return the bank's guard; called in the loop that it will run in."""
        fetcher = Fetcher(trust=self.authority, allowed_hosts={"localhost"})
        introspection = IntrospectionSettings(
            issuer=self.issuer,
            endpoint=self.deployment.config.endpoint("introspection"),
            client_id=RESOURCE_SERVER,
            signer=self._bank_signer,
        )
        limits = self.deployment.profile.limits
        return Guard(
            Protection(
                issuer=self.issuer,
                audience=self.resource,
                base_urls=(self.resource,),
                resource_metadata=resource_well_known_url(self.resource),
                keys=RemoteKeys(issuer=self.issuer, fetch=fetcher.get, clock=self.clock),
                replays=StoreReplayMemory(self._replays, space=self.resource),
                revocations=IntrospectedRevocations(
                    introspection,
                    post=fetcher.post,
                    clock=self.clock,
                    entropy=self._entropy,
                    observer=self.hearing,
                ),
                nonces=Nonces(self._entropy.octets(32), step=60, window=120),
                clock=self.clock,
                detail_types={each.type: each for each in detail_types(self.resource)},
                future_tolerance=limits.future_tolerance,
                proof_maximum_age=limits.dpop_proof_max_age,
            )
        )

    async def populate(self) -> str:
        """Register the clients and the resource server, enrol a person; return the person's identifier."""
        for party in (party for pair in self._parties.values() for party in pair):
            assert await self.store.add_client(party.client_id, msgspec.json.encode(party.registration))
        key = {**public_jwk(self._bank_signer.public_key), "kid": self._bank_signer.key_id, "alg": "ES256"}
        bank = {
            "client_id": RESOURCE_SERVER,
            "client_name": "Harbour Bank's accounts",
            "organization_name": "Harbour Bank plc",
            "grant_types": [],
            "resource_server_for": [self.resource],
            "jwks": {"keys": [key]},
        }
        assert await self.store.add_client(RESOURCE_SERVER, msgspec.json.encode(bank))
        user = await create_user(
            username=self.person.username,
            password=self.person.password,
            name="Alice",
            email="alice@example.com",
            passwords=self.deployment.passwords,
            entropy=self._entropy,
            clock=self.clock,
        )
        assert await self.store.add_user(user)
        return user.subject

    async def run(self, stop: asyncio.Event, ready: threading.Event) -> None:
        """Serve until told to stop."""
        self.loop = asyncio.get_running_loop()
        subject = await self.populate()
        self.guard = self.create_guard()
        clients = [party.client_id for pair in self._parties.values() for party in pair]
        bank = create_bank(
            BankConfig(resource=self.resource, issuer=self.issuer, asks_for_certificates=True),
            guard=self.guard,
            customers=dict.fromkeys([subject, *clients], "alice"),
            clock=self.clock,
            entropy=self._entropy,
            observer=self.hearing,
        )
        listeners = [
            self._listener("server", self.front, self.issuer),
            self._listener("server with certificates", self.front, self.mtls_base, asks=True),
            self._listener("bank", bank, self.resource, asks=True),
        ]
        try:
            await serve(listeners, stop=stop, on_ready=ready.set)
        finally:
            await self.store.close()
            await self._replays.close()

    def _listener(self, name: str, application: Any, base: str, *, asks: bool = False) -> Listener:
        return Listener(
            name=name,
            application=application,
            host="localhost",
            port=int(base.rpartition(":")[2]),
            certificate=self.tls.server.certificate_file,
            private_key=self.tls.server.private_key_file,
            client_authorities=self.authority if asks else None,
        )

    def close(self) -> None:
        """Let its threads and connections end."""
        for wire in self._wires.values():
            wire.close()
        self.deployment.passwords.close()


@contextmanager
def running_site(directory: Path) -> Iterator[Site]:
    """Run the participants beside the tests, in a thread with a loop of its own."""
    site, ready, started = Site(directory), threading.Event(), threading.Event()
    stopping: list[asyncio.Event] = []

    async def run() -> None:
        stopping.append(asyncio.Event())
        started.set()
        await site.run(stopping[0], ready)

    thread = threading.Thread(target=lambda: uvloop.run(run()))
    thread.start()
    try:
        assert ready.wait(START_SECONDS), "the participants did not start"
        yield site
    finally:
        if started.wait(START_SECONDS) and site.loop is not None:
            site.loop.call_soon_threadsafe(stopping[0].set)
        thread.join()
        site.close()
