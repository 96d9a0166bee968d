"""A hundred authorization servers are told of one order over TLS: each refuses within the budget, and says when.

They are simulated as far as clients are concerned, not as followers: each has a receiver, keys and receipts of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from ecosystem import free_base_port
from local_tls import LocalTls, make_local_tls
from support.directory import new_signer
from support.town import OPERATOR
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.assembly.trust_anchor import assemble_directory
from trustweft.cli.settings import ListenSettings, TlsSettings
from trustweft.cli.trust_anchor_settings import OutboundSettings, TrustAnchor
from trustweft.crypto.keys import public_jwk
from trustweft.directory.commands import Add, Move
from trustweft.directory.config import DirectoryConfig
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Brand, Certification, Organisation
from trustweft.directory.terms import terms_of
from trustweft.evidence.reader import LogReader
from trustweft.net.asgi import application
from trustweft.net.event_receiver import EventReceiver
from trustweft.net.fetch import Fetcher
from trustweft.net.serving import Listener, serve
from trustweft.net.status_reader import StatusReader
from trustweft.net.status_state import MemoryState
from trustweft.profile import load_profile
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.protocol.offboarding import read_kept_receipt
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.directory.commands import Command
    from trustweft.protocol.offboarding import Order, Receipt

pytestmark = pytest.mark.anyio

SERVERS: Final = 100
AWAY: Final = 7  # the number of the one that never answers
BUDGET: Final = 5.0  # seconds: refusal by push in the profile
PATIENCE: Final = 120.0


@dataclass
class Crowd:
    """A hundred servers behind one listener, told apart by their paths."""

    url: str
    directory: str
    trust: Path

    def __post_init__(self) -> None:
        self.signer = new_signer("crowd-1")
        fetcher = Fetcher(trust=self.trust, allowed_hosts=("localhost",))
        self.receivers = {
            str(number): EventReceiver(
                reader=StatusReader(
                    issuer=self.directory,
                    feed=f"{self.directory}/status",
                    jwks_uri=f"{self.directory}/jwks",
                    send=fetcher.send,
                    keeper=MemoryState(),
                    clock=SystemClock(),
                    observer=SilentObserver(),
                    participant=str(number),
                ),
                identifier=f"{self.url}/{number}",
                signer=lambda: self.signer,
                clean_up=_clean_up,
                send=fetcher.send,
                clock=SystemClock(),
                observer=SilentObserver(),
                participant=str(number),
            )
            for number in range(SERVERS)
        }

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer for all of them; one is away: it takes the connection and says nothing."""
        _, number, what = request.path.split("/")
        if what == "jwks":
            jwk = public_jwk(self.signer.public_key)
            return json_response({"keys": [{**jwk, "kid": self.signer.key_id, "alg": "ES256"}]})
        if number == str(AWAY):
            await asyncio.sleep(60)
        return await self.receivers[number].respond(request)


async def _clean_up(_order: Order) -> dict[str, int]:
    return {"grants": 1}


def _commands(crowd: str) -> list[Command]:
    """Return what enters the servers."""

    def enter(subject: str, facts: Any, *actions: str) -> list[Command]:
        named = parse_subject(subject)
        return [Add(subject=named, facts=facts), *(Move(subject=named, action=each) for each in actions)]

    certified = enter("organisation:bank", Organisation(name="B"), "verify", "sign-terms", "activate")
    for number in range(SERVERS):
        at = f"{crowd}/{number}"
        brand = Brand(
            organisation="bank",
            name="B",
            issuer=at,
            events_endpoint=f"{at}/events",
            jwks_uri=f"{at}/jwks",
        )
        certified += enter(f"brand:b{number}", brand, "certify")
        run = Certification(
            covers=f"brand:b{number}",
            method="check",
            run="r",
            tested_at=1.0,
            valid_until=time.time() + 86_400,
        )
        certified += enter(f"certification:b{number}", run, "accept")
        certified.append(Move(subject=parse_subject(f"brand:b{number}"), action="list"))
    return certified


@contextlib.asynccontextmanager
async def _running(folder: Path, tls: LocalTls) -> Any:
    """Run the directory and the crowd; yield who carries commands out, and where the evidence is."""
    base = free_base_port()
    directory, crowd_url = f"https://localhost:{base}", f"https://localhost:{base + 1}"
    certificate = TlsSettings(
        certificate=str(tls.server.certificate_file), private_key=str(tls.server.private_key_file)
    )
    settings = TrustAnchor(
        directory=DirectoryConfig(issuer=directory, organization_name="Directory"),
        listen=ListenSettings(port=base),
        tls=certificate,
        outbound=OutboundSettings(trust=str(tls.authority.certificate_file), allowed_hosts=("localhost",)),
    )
    crowd = Crowd(crowd_url, directory, tls.authority.certificate_file)
    terms = terms_of(load_profile("fapi2-security"))
    async with SqliteRegisterStore.open(folder / "register.sqlite") as store:
        keeper = Keeper(store, clock=SystemClock(), terms=lambda: terms)
        for command in _commands(crowd_url):
            await keeper.carry_out(command, actor=OPERATOR)
        surroundings = Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
        assembled = assemble_directory(settings, base=folder, surroundings=surroundings)
        listener = Listener(
            name="crowd",
            application=application(
                crowd.respond, participant="crowd", observer=SilentObserver(), body_limit=300_000
            ),
            host="localhost",
            port=base + 1,
            certificate=tls.server.certificate_file,
            private_key=tls.server.private_key_file,
        )
        stop, ready = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.ensure_future(each()) for each in assembled.background]
        tasks += [
            asyncio.ensure_future(receiver.run())
            for number, receiver in crowd.receivers.items()
            if number != str(AWAY)
        ]
        serving = asyncio.create_task(serve([*assembled.listeners, listener], stop=stop, on_ready=ready.set))
        await ready.wait()
        try:
            yield keeper, crowd
        finally:
            stop.set()
            await serving
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for close in reversed(assembled.close):
                await close()


async def _receipts(folder: Path, order: str, *, count: int) -> list[Receipt]:
    """Wait until so many receipts are evidence."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.closing(LogReader(folder / "evidence.sqlite")) as reader:
                kept = [each.entry.body for each in reader.list(type="receipt")]
            found = [read_kept_receipt(body["token"]) for body in kept if body["order"] == order]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)  # bounded polling: what is waited for tells nobody when it happens


async def test_a_hundred_servers_refuse_within_the_budget(tmp_path: Path) -> None:
    """The 95th percentile of what their receipts say; the one that is away delays nobody and is the one that lacks."""
    tls, folder = make_local_tls(tmp_path), tmp_path / "directory"
    folder.mkdir(mode=0o700)
    async with _running(folder, tls) as (keeper, crowd):
        subject = parse_subject("brand:b0")
        (event,) = await keeper.carry_out(
            Move(subject=subject, action="suspend", reason="measured"), actor=OPERATOR
        )
        receipts = await _receipts(folder, event.order, count=SERVERS - 1)
        known = {name for name, each in crowd.receivers.items() if each.reader.refusal_of(["brand:b0"])}
    times = sorted(receipt.refused_at - event.at for receipt in receipts)
    assert statistics.quantiles(times, n=20)[-1] < BUDGET
    told = {receipt.iss.rpartition("/")[2] for receipt in receipts}
    assert told == known == {str(number) for number in range(SERVERS)} - {str(AWAY)}
