"""A directory that runs in this process: over a register in memory, with participants that the test plays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from support.directory import new_signer
from support.town import OPERATOR, START, make_town
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import KeySet, LocalSigner, public_jwk
from trustweft.directory.application import Deployment, Directory
from trustweft.directory.commands import Amend, Move
from trustweft.directory.config import DirectoryConfig
from trustweft.directory.delivery import DeliveryRules
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Api, Brand
from trustweft.directory.progress import MemoryProgress
from trustweft.evidence.keys import load_or_create_key
from trustweft.evidence.log import EvidenceLog
from trustweft.profile import load_profile
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.protocol.offboarding import Receipt, create_receipt
from trustweft.protocol.security_event import verify_security_event
from trustweft.resource.memory import MemoryReplays
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.store.register import MemoryRegisterStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor, Event
    from trustweft.directory.progress import ProgressKeeper
    from trustweft.directory.storage import RegisterStore
    from trustweft.evidence.entries import Entry
    from trustweft.protocol.security_event import SecurityEvent
    from trustweft.runtime.observability import Observer

__all__ = ["BANK", "HARBOUR", "ISSUER", "Anchor", "Listener", "make_anchor"]

ISSUER: Final = "https://directory.example"
HARBOUR: Final = "https://harbour.example"
BANK: Final = "https://api.harbour.example"
QUICK: Final = DeliveryRules(first=0.01, longest=0.02, least=0.001, verify_every=0)


@dataclass
class Listener:
    """A participant: keeps what it was told, and answers as the test has it.

    Attributes:
        answers: what it answers next, each once: a status, or an error; afterwards it accepts.
        told: set whenever something was accepted.
        paused: while it is cleared nothing is answered.
    """

    identifier: str
    signer: LocalSigner = field(default_factory=lambda: new_signer("p1"))
    answers: list[int | Exception] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    attempts: int = 0

    def __post_init__(self) -> None:
        self.paused.set()

    async def take(self, token: str) -> HttpResponse:
        """Answer a delivery."""
        self.attempts += 1
        await self.paused.wait()
        answer = self.answers.pop(0) if self.answers else 202
        if isinstance(answer, Exception):
            raise answer
        if answer == 202:
            self.tokens.append(token)
        async with self.told:
            self.told.notify_all()
        return HttpResponse(answer)

    async def heard(self, count: int) -> None:
        """Wait until it was told so many things."""
        async with asyncio.timeout(20), self.told:
            await self.told.wait_for(lambda: len(self.tokens) >= count)

    def jwks(self) -> dict[str, Any]:
        """Return the keys that it publishes."""
        return {"keys": [{**public_jwk(self.signer.public_key), "kid": self.signer.key_id, "alg": "ES256"}]}

    def receipt(self, order: str, *, now: float, **changes: Any) -> str:
        """Return its receipt for an order."""
        said = {
            "iss": self.identifier,
            "aud": ISSUER,
            "order": order,
            "iat": now,
            "refused_at": now,
            "cleaned_at": now,
            "counts": {"grants": 1},
            "revision": 3,
        }
        return create_receipt(self.signer, Receipt(**{**said, **changes}))


@dataclass
class Anchor:
    """A directory, and who listens to it.

    Attributes:
        prober: who may probe.
        web: what is answered besides, by URL.
        posted: who listens, by where events go.
    """

    directory: Directory
    clock: ManualClock
    harbour: Listener
    bank: Listener
    prober: Listener
    web: dict[str, HttpResponse]
    posted: dict[str, Listener]
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        peer: str = "192.0.2.1",
    ) -> HttpResponse:
        """Send a request to it."""
        path, _, query = path.partition("?")
        request = HttpRequest(
            method=method, path=path, query=query.encode(), headers=tuple(headers), body=body, peer=peer
        )
        return await self.directory.respond(request)

    async def do(self, command: Command, actor: Actor = OPERATOR) -> tuple[Event, ...]:
        """Have a command carried out a second later, and everybody told."""
        self.clock.advance(1)
        return await self.directory.carry_out(command, actor=actor)

    async def move(self, subject: str, action: str, actor: Actor = OPERATOR) -> str | None:
        """Take one arrow; return the order that it is."""
        events = await self.do(Move(subject=parse_subject(subject), action=action, reason="because"), actor)
        return getattr(events[-1], "order", None)

    def start(self) -> None:
        """Begin to deliver."""
        self.running.append(asyncio.create_task(self.directory.deliveries.run()))

    async def stop(self) -> None:
        """End it; what is kept stays."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.directory.close()

    def keys(self) -> KeySet:
        """Return the directory's public keys."""
        return self.directory.keys.key_set()

    def events(self, listener: Listener) -> list[SecurityEvent]:
        """Return what a participant was told, verified."""
        return [
            verify_security_event(
                token,
                keys=self.keys(),
                issuer=ISSUER,
                audience=listener.identifier,
                now=self.clock.now(),
                tolerance=0,
            )
            for token in listener.tokens
        ]


async def make_anchor(
    folder: Path,
    *,
    store: RegisterStore | None = None,
    progress: ProgressKeeper | None = None,
    listeners: tuple[Listener, Listener] | None = None,
    observer: Observer | None = None,
    entries: Iterable[Entry] = (),
) -> Anchor:
    """Return the directory of the town of `support.town`, whose two servers listen; made again, it finds what there was.

    Args:
        folder: where its files are.
        store: the register, with what is in it; a new one with the town unless given.
        progress: where it is kept how far participants were told.
        listeners: the brand's server, and that of the API.
        observer: hears what it tells of itself.
        entries: what the evidence log begins with.
    """
    harbour, bank = listeners or (Listener(HARBOUR), Listener(BANK))
    clock = ManualClock(START + 1_000)
    posted = {f"{each.identifier}/events": each for each in (harbour, bank)}

    async def push(
        method: str, url: str, /, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpResponse:
        assert (method, dict(headers)["content-type"]) == ("POST", "application/secevent+jwt")
        return await posted[url].take(body.decode())

    prober, web = Listener("https://prober.example", new_signer("probe")), dict[str, HttpResponse]()

    async def fetch(url: str) -> HttpResponse:
        if url in web:
            return web[url]
        found = [each for each in (harbour, bank) if url == f"{each.identifier}/jwks"]
        if not found:
            raise OSError(url)
        listener = found[0]
        listener.asked += 1
        return json_response(listener.jwks())

    if store is None:
        store = MemoryRegisterStore()
        events = make_town().register.events
        await store.append(events, expected=0)
    log = EvidenceLog(folder / "evidence.sqlite", origin="directory.example/evidence", key=_log_key(folder))
    for entry in entries:
        await log.append(entry)
    directory = Directory(
        Deployment(
            config=DirectoryConfig(issuer=ISSUER, organization_name="Directory"),
            profile=load_profile("fapi2-security"),
            store=store,
            keys=KeyRing.load_or_create(folder / "keys", now=clock.now()),
            log=log,
            progress=progress or MemoryProgress(),
            push=push,
            fetch=fetch,
            replays=MemoryReplays(clock=clock),
            probe_keys=lambda: KeySet.read(prober.jwks()),
            clock=clock,
            entropy=SystemEntropy(),
            observer=observer or SilentObserver(),
            delivery=QUICK,
        )
    )
    anchor = Anchor(directory, clock, harbour, bank, prober, web, posted)
    await directory.watch.look()
    if directory.snapshot().sequence and directory.deliveries.participant(HARBOUR) is None:
        await _let_listen(anchor)
    return anchor


async def _let_listen(anchor: Anchor) -> None:
    brand = Brand(
        organisation="harbour-bank",
        name="Harbour",
        issuer=HARBOUR,
        events_endpoint=f"{HARBOUR}/events",
        jwks_uri=f"{HARBOUR}/jwks",
    )
    api = Api(
        brand="harbour-bank",
        family="accounts",
        resource=BANK,
        events_endpoint=f"{BANK}/events",
        jwks_uri=f"{BANK}/jwks",
    )
    await anchor.do(Amend(subject=parse_subject("brand:harbour-bank"), facts=brand))
    await anchor.do(Amend(subject=parse_subject("api:accounts"), facts=api))


def _log_key(folder: Path) -> Ed25519PrivateKey:
    (folder / "log").mkdir(mode=0o700, exist_ok=True)
    return load_or_create_key(folder / "log" / "key.json")
