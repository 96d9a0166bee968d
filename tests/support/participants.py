"""Participants of an ecosystem in tests: a directory that is reached without a network, and readers of what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from support.directory import DIRECTORY, NOW, TestDirectory, new_signer
from trustweft.crypto.key_watch import KeyWatch
from trustweft.net.event_receiver import EventReceiver
from trustweft.net.status_reader import StatusReader
from trustweft.net.status_state import MemoryState
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.protocol.security_event import MEDIA_TYPE
from trustweft.runtime.observability import SilentObserver
from trustweft.server.application import AuthorizationServer
from trustweft.server.participation import Offboarder, Participation, ParticipationConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.authority import Authority
    from trustweft.crypto.keys import KeySet, LocalSigner
    from trustweft.net.event_receiver import CleanUp
    from trustweft.net.status_reader import ReaderRules
    from trustweft.net.status_state import StateKeeper
    from trustweft.protocol.offboarding import Order
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.observability import Observer

__all__ = ["IDENTIFIER", "Member", "ReachedDirectory", "delivery", "join", "make_member"]

BRAND: Final = "harbour-bank"
IDENTIFIER: Final = "https://localhost:8441"
FEED: Final = f"{DIRECTORY}/status"
JWKS: Final = f"{DIRECTORY}/jwks"


@dataclass
class ReachedDirectory:
    """A directory, and how it answers requests.

    Attributes:
        clock: of the reader; the directory's own is ``ahead`` of it by so many seconds.
        away: whether it gives no answer.
        answer: what it gives in place of its list.
    """

    clock: Clock
    directory: TestDirectory = field(default_factory=TestDirectory)
    ahead: float = 0.0
    away: bool = False
    answer: bytes | None = None
    receipts: list[bytes] = field(default_factory=list)
    receipt_status: int = 202
    asked: list[str] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The directory's time."""
        return self.clock.now() + self.ahead

    async def send(
        self, method: str, url: str, /, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> HttpResponse:
        """Answer as a directory over HTTP does."""
        self.asked.append(url)
        if self.away:
            raise OSError("away")
        date = (("date", formatdate(self.now, usegmt=True)),)
        if method == "POST":
            self.receipts.append(body)
            return HttpResponse(self.receipt_status, date)
        if url == JWKS:
            return HttpResponse(200, date, msgspec.json.encode(self.directory.jwks()))
        if self.answer is not None:
            return HttpResponse(200, date, self.answer)
        if ("if-none-match", f'"{self.directory.revision}"') in headers:
            return HttpResponse(304, date)
        since = parse_qs(urlsplit(url).query).get("since")
        feed = self.directory.feed(now=self.now, since=None if since is None else int(since[0]))
        return HttpResponse(200, date, feed.encode())


@dataclass
class Member:
    """A participant: what it knows, and where events arrive."""

    reached: ReachedDirectory
    reader: StatusReader
    receiver: EventReceiver
    signer: LocalSigner

    @property
    def directory(self) -> TestDirectory:
        """The directory that it listens to."""
        return self.reached.directory

    async def hear(self, subject: str, *, order: Order | None = None) -> HttpResponse:
        """Let the directory push what it says of a subject."""
        token = self.directory.event(IDENTIFIER, subject, order=order, now=self.reached.now)
        return await self.receiver.respond(delivery(token))


def delivery(token: str, **changes: Any) -> HttpRequest:
    """Return the request that delivers a token."""
    headers = (("content-type", MEDIA_TYPE),)
    return replace(HttpRequest("POST", "/ecosystem/events", headers=headers, body=token.encode()), **changes)


async def _nothing(_order: Order) -> dict[str, int]:
    return {"caches": 1}


def make_member(
    clock: Clock,
    *,
    reached: ReachedDirectory | None = None,
    keeper: StateKeeper | None = None,
    clean_up: CleanUp = _nothing,
    observer: Observer | None = None,
    rules: ReaderRules | None = None,
    keys: KeySet | None = None,
) -> Member:
    """Return a participant that has not asked the directory yet."""
    reached = ReachedDirectory(clock) if reached is None else reached
    observer = SilentObserver() if observer is None else observer
    reader = StatusReader(
        issuer=DIRECTORY,
        feed=FEED,
        jwks_uri=JWKS,
        send=reached.send,
        keeper=MemoryState() if keeper is None else keeper,
        clock=clock,
        observer=observer,
        participant="server",
        rules=rules,
        keys=keys,
    )
    signer = new_signer("participant")
    receiver = EventReceiver(
        reader=reader,
        identifier=IDENTIFIER,
        signer=lambda: signer,
        clean_up=clean_up,
        send=reached.send,
        clock=clock,
        observer=observer,
        participant="server",
    )
    return Member(reached, reader, receiver, signer)


async def join(authority: Authority, **names: Any) -> Member:
    """Let a server take part in an ecosystem in which nobody has ended; ``names`` are of its configuration."""
    names = {"brand": BRAND, **names}
    ending = Offboarder(authority.store, brand=names["brand"], clock=authority.clock)
    member = make_member(authority.clock, clean_up=ending, observer=authority.hearing)
    member.directory.say("software:moneyview", "active", as_of=NOW)
    assert await member.reader.poll()
    participation = Participation(member.reader, ParticipationConfig(**names), receiver=member.receiver)
    authority.deployment = replace(authority.deployment, participation=participation)
    watch = KeyWatch(
        authority.deployment.keys,
        clock=authority.clock,
        observer=authority.hearing,
        ended=participation.keys.ended,
    )
    ending.have_keys_given_up(watch.have_given_up)
    authority.server = AuthorizationServer(authority.deployment, pipelines=authority.server.pipelines)
    return member
