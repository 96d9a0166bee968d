"""An ecosystem over real TLS whose clock is turned by hand: two workers with one directory of keys, a bank, a client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import httpx2
import msgspec

from browsing import FAST, compiled_pages
from ecosystem import free_base_port
from local_tls import make_local_tls
from support.authority import CONFIG, Hearing, make_party
from support.client_hosts import ClientHosts
from trustweft.client import AsyncClient, ClientConfiguration, Dpop, PrivateKeyJwt, PublishedKeys
from trustweft.crypto import jws
from trustweft.crypto.key_watch import KeyWatch
from trustweft.crypto.keyring import KeyRing
from trustweft.demo.bank import BankConfig, create_bank
from trustweft.net.fetch import Fetcher
from trustweft.net.serving import Listener, serve
from trustweft.profile import load_profile
from trustweft.protocol.dpop_nonces import Nonces
from trustweft.protocol.metadata import resource_well_known_url
from trustweft.protocol.pkce import CodeVerifier, create_challenge
from trustweft.resource.guard import Guard
from trustweft.resource.inspection import Protection
from trustweft.resource.introspecting import IntrospectedRevocations, IntrospectionSettings
from trustweft.resource.issuer_keys import KeyRefresh, RemoteKeys
from trustweft.resource.memory import MemoryReplays
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.entropy import SystemEntropy
from trustweft.server.application import AuthorizationServer
from trustweft.server.client_certificates import ClientCertificates
from trustweft.server.client_keys import ClientKeys
from trustweft.server.exchange import Deployment
from trustweft.server.login.passwords import Passwords
from trustweft.server.login.people import create_user
from trustweft.server.records import AuthorizationCode, Grant
from trustweft.store.memory import MemoryStore
from trustweft.web.server_pages import ServerPages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from local_tls import LocalTls
    from support.authority import Party
    from trustweft.client import TokenSet
    from trustweft.client.pending import PendingAuthorization
    from trustweft.net.asgi import Application
    from trustweft.server.records import User

__all__ = ["ALGORITHMS", "Held", "Town", "running_town"]

ALGORITHMS: Final = ("ES256", "PS256")
SCOPE: Final = ("openid", "profile", "accounts")
CALLBACK: Final = "https://client.example/callback"
SECONDS: Final = 20.0


@dataclass(frozen=True)
class Held:
    """Tokens that a client has, and when they came."""

    client: AsyncClient
    tokens: TokenSet
    algorithm: str


@dataclass
class Town:
    """Everybody, and what went wrong between them."""

    directory: Path
    issuer: str
    bank: str
    tls: LocalTls
    entropy: SystemEntropy = field(default_factory=SystemEntropy)
    hearing: Hearing = field(default_factory=Hearing)
    store: MemoryStore = field(default_factory=MemoryStore)
    alice: User = field(init=False)
    clients: dict[str, AsyncClient] = field(default_factory=dict)
    workers: list[KeyWatch] = field(default_factory=list)
    rings: list[KeyRing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    verified: int = 0
    signed_with: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin at the machine's time, because certificates are judged by it."""
        # Two days off: the Date of real answers is then too far from it to be taken for a correction.
        self.clock = ManualClock(time.time() + 2 * 86_400)
        self.passwords = Passwords(entropy=self.entropy, hasher=FAST, concurrency=1)

    def worker(self, nonces: Nonces) -> Application:
        """Return one process of the server: its own ring over the common directory."""
        scopes = tuple(
            msgspec.structs.replace(
                scope, audience=self.bank if scope.name in {"accounts", "payments"} else self.issuer
            )
            for scope in CONFIG.scopes
        )
        ring = KeyRing.load_or_create(self.directory, algorithms=ALGORITHMS, now=self.clock.now())
        deployment = Deployment(
            config=msgspec.structs.replace(CONFIG, issuer=self.issuer, mtls_base=None, scopes=scopes),
            profile=load_profile("fapi2-security"),
            store=self.store,
            keys=ring,
            client_certificates=ClientCertificates(),
            client_keys=ClientKeys(fetch=ClientHosts().fetch, clock=self.clock, observer=self.hearing),
            nonces=nonces,
            pages=ServerPages(compiled_pages(), base_url=self.issuer),
            passwords=self.passwords,
            clock=self.clock,
            entropy=self.entropy,
            observer=self.hearing,
        )
        self.rings.append(ring)
        self.workers.append(KeyWatch(ring, clock=self.clock, observer=self.hearing))
        return AuthorizationServer(deployment).asgi

    def server(self) -> Application:
        """Return two workers behind one address: each request goes to the next of them."""
        nonces = Nonces(self.entropy.octets(32), step=60, window=120)
        turn = itertools.cycle([self.worker(nonces), self.worker(nonces)])

        async def either(scope: Any, receive: Any, send: Any) -> None:
            await next(turn)(scope, receive, send)

        return either

    def api(self, party: Party) -> Application:
        """Return the bank. It keeps the key set for as long as the server says, and never asks sooner."""
        fetcher = Fetcher(trust=self.tls.client_context(), allowed_hosts={"localhost"})
        protection = Protection(
            issuer=self.issuer,
            audience=self.bank,
            base_urls=(self.bank,),
            resource_metadata=resource_well_known_url(self.bank),
            keys=RemoteKeys(
                issuer=self.issuer,
                fetch=fetcher.get,
                clock=self.clock,
                refresh=KeyRefresh(cool_down=300.0, time_to_live=300.0),
                observer=self.hearing,
            ),
            replays=MemoryReplays(clock=self.clock),
            revocations=IntrospectedRevocations(
                IntrospectionSettings(
                    issuer=self.issuer,
                    endpoint=f"{self.issuer}/introspect",
                    client_id=party.client_id,
                    signer=party.signer,
                    maximum_age=0,
                ),
                post=fetcher.post,
                clock=self.clock,
                entropy=self.entropy,
                observer=self.hearing,
            ),
            nonces=Nonces(self.entropy.octets(32), step=60, window=120),
            clock=self.clock,
            future_tolerance=30,
            proof_maximum_age=60,
        )
        return create_bank(
            BankConfig(resource=self.bank, issuer=self.issuer),
            guard=Guard(protection),
            customers={self.alice.subject: "alice"},
            clock=self.clock,
            entropy=self.entropy,
            observer=self.hearing,
        )

    async def populate(self, http: httpx2.AsyncClient) -> Party:
        """Add Alice, the bank's identity, and a client for each algorithm; return the bank's."""
        self.alice = await create_user(
            username="alice",
            password="correct horse battery staple",
            name="Alice",
            email="alice@example.com",
            passwords=self.passwords,
            entropy=self.entropy,
            clock=self.clock,
        )
        assert await self.store.add_user(self.alice)
        bank = make_party("bank", resource_server_for=(self.bank,))
        parties = {bank: "ES256"}
        for algorithm in ALGORITHMS:
            party = make_party(
                f"client-{algorithm.lower()}",
                redirect_uris=(CALLBACK,),
                grant_types=("authorization_code", "refresh_token"),
                scope=SCOPE,
            )
            parties[party] = algorithm
            configuration = ClientConfiguration(
                issuer=self.issuer,
                client_id=party.client_id,
                authentication=PrivateKeyJwt(PublishedKeys(party.signer)),
                sender_constraint=Dpop(party.holder),
                redirect_uri=CALLBACK,
                scope=SCOPE,
                id_token_algorithm=algorithm,
            )
            self.clients[algorithm] = AsyncClient(configuration, http, clock=self.clock, entropy=self.entropy)
        for party, algorithm in parties.items():
            metadata = {**party.metadata, "id_token_signed_response_alg": algorithm}
            assert await self.store.add_client(party.client_id, msgspec.json.encode(metadata))
        return bank

    async def consent(self, client: AsyncClient, pending: PendingAuthorization) -> str:
        """Be Alice who consents: return the query that her browser brings back."""
        now, code = self.clock.now(), self.entropy.token()
        grant = Grant(
            grant_id=self.entropy.token(),
            client_id=client.core.configuration.client_id,
            subject=self.alice.subject,
            scope=SCOPE,
            created_at=now,
            expires_at=now + 86_400,
        )
        await self.store.save_grant(grant)
        record = AuthorizationCode(
            grant_id=grant.grant_id,
            client_id=grant.client_id,
            subject=grant.subject,
            redirect_uri=CALLBACK,
            scope=SCOPE,
            code_challenge=create_challenge(CodeVerifier(pending.code_verifier)),
            dpop_jkt=None,
            nonce=pending.nonce,
            authenticated_at=now,
            methods=("pwd",),
            expires_at=now + 60,
            kept_until=now + 3_600,
        )
        await self.store.save_code(digest_of(code), record)
        return urlencode({"code": code, "state": pending.state, "iss": self.issuer})

    async def authorize(self, algorithm: str) -> Held:
        """Walk the code flow over HTTPS; the client verifies the ID token with the keys that it fetches."""
        client, name = self.clients[algorithm], self.entropy.token()
        started = await client.begin()
        tokens = await client.finish(started.pending, await self.consent(client, started.pending), name=name)
        assert tokens.id_token is not None
        for token in (tokens.access_token, tokens.id_token):
            header = jws.parse(token).header
            self.signed_with.setdefault(str(header["alg"]), set()).add(str(header["kid"]))
        self.verified += 1
        return Held(client, tokens, algorithm)

    async def use(self, held: Held) -> None:
        """Show the access token to the server (userinfo) and to the bank, whose guard introspects it."""
        name = self.entropy.token()
        held.client.store.save(name, msgspec.structs.replace(held.tokens, refresh_token=None))
        information = await held.client.userinfo(name)
        assert information.subject == self.alice.subject
        answer = await held.client.call("GET", f"{self.bank}/accounts", name=name)
        reason = dict(answer.headers).get("trustweft-reason")
        assert (answer.status, reason) == (200, None), f"{answer.status} {reason}"
        held.client.store.forget(name)
        self.verified += 2

    def look(self, worker: int) -> None:
        """Let one worker come up to date; the other does not know yet what it will see."""
        self.workers[worker].look()


@contextlib.asynccontextmanager
async def running_town(directory: Path) -> AsyncIterator[Town]:
    """Serve the town for as long as the block lasts."""
    base = free_base_port()
    town = Town(
        directory / "keys",
        issuer=f"https://localhost:{base + 1}",
        bank=f"https://localhost:{base + 3}",
        tls=make_local_tls(directory),
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    async with httpx2.AsyncClient(verify=town.tls.client_context(), timeout=SECONDS) as http:
        bank = await town.populate(http)
        listeners = [
            Listener(
                name=name,
                application=application,
                host="localhost",
                port=port,
                certificate=town.tls.server.certificate_file,
                private_key=town.tls.server.private_key_file,
            )
            for name, application, port in (
                ("server", town.server(), base + 1),
                ("bank", town.api(bank), base + 3),
            )
        ]
        running = asyncio.create_task(serve(listeners, stop=stop, on_ready=ready.set))
        try:
            async with asyncio.timeout(SECONDS):
                await ready.wait()
            yield town
        finally:
            stop.set()
            await asyncio.wait_for(running, SECONDS)
            town.passwords.close()
