"""A large ecosystem for the console to show: fifty organisations in all sorts of states, and an evidence log."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecosystem import run_trustweft
from served import served
from support.console import TWO_PEOPLE
from support.town import Town, settle
from trustweft.cli.console import CONSOLE_FILE
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.evidence import EVIDENCE_FILE
from trustweft.directory.events import encode_event
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import (
    Api,
    Authorisation,
    Brand,
    Certificate,
    Certification,
    Key,
    Organisation,
    Role,
    Software,
)
from trustweft.evidence.entries import Entry
from trustweft.evidence.files import LogWriter
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.store.people import SqliteConsoleStore
from trustweft.store.register import SqliteRegisterStore
from trustweft.web.console.application import create_console
from trustweft.web.console.parts import ConsoleSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ecosystem import Ecosystem
    from trustweft.directory.events import Event
    from trustweft.net.asgi import Application

DAY: Final = 86_400.0
ORGANISATIONS: Final = 50
REGISTER_FILE: Final = "directory/register.sqlite"
_PLACES: Final = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Rowan")
_TRADES: Final = ("Bank", "Savings", "Pay", "Ledger", "Insurance")
HOSTILE: Final = "<script>document.title='mine'</script>\u202eknab"


@dataclass(frozen=True)
class City:
    """A console that is served, and the data directory that commands use beside it."""

    origin: str
    data: Path

    def invite(self, name: str, part: str, *more: str) -> str:
        """Invite somebody at the command line, as an operator does; return the link."""
        done = run_trustweft("console", "invite", name, "--part", part, *more, "--data", str(self.data))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def served_city(ecosystem: Ecosystem, folder: Path, *, port: int) -> Iterator[City]:
    """Serve the console of the city on localhost, with the certificate of a running ecosystem."""
    clock = SystemClock()
    data = DataDirectory.open_or_create(folder / "city", base_port=port, clock=clock)
    origin = f"https://localhost:{port}"
    data.file("directory/directory.toml").write_text(f'[directory]\nissuer = "{origin}"\n')
    town = make_city(clock.now())
    # In a thread: in this one a browser may keep a loop running.
    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, _keep(data.path, town.register.events)).result()
    _log(data.path / EVIDENCE_FILE, town.register.events)

    def create() -> Application:
        # The files are let go at the end of the process: nobody is told of anything that is not in them.
        keeper = Keeper(
            SqliteRegisterStore.open(data.path / REGISTER_FILE), clock=clock, terms=lambda: TWO_PEOPLE
        )
        return create_console(
            ConsoleSettings(origin=origin, name="Weft Valley directory", evidence=data.path / EVIDENCE_FILE),
            keeper=keeper,
            accounts=SqliteConsoleStore.open(data.path / CONSOLE_FILE),
            terms=lambda: TWO_PEOPLE,
            clock=clock,
            entropy=SystemEntropy(),
            observer=SilentObserver(),
        )

    tls = ecosystem.data / "tls"
    with served(
        create,
        port=port,
        certificate=tls / "certificate.pem",
        private_key=tls / "private-key.pem",
    ):
        yield City(origin, data.path)


async def _keep(data: Path, events: Sequence[Event]) -> None:
    async with SqliteRegisterStore.open(data / REGISTER_FILE) as register:
        await register.append(events, expected=0)


def _log(path: Path, events: Sequence[Event]) -> None:
    """Write what a running directory writes: each event, each order, and what participants said to it."""
    log = LogWriter(path, origin="localhost/evidence", key=Ed25519PrivateKey.generate())
    entries = []
    for event in events:
        body = msgspec.json.decode(encode_event(event))
        entries.append(Entry(type="event", at=event.at, subject=event.subject, body=body))
        order = body.get("order")
        if order:
            entries.append(Entry(type="order", at=event.at, subject=event.subject, body={"order": order}))
            for brand in ("https://harbour.example", "https://alder.example"):
                receipt = {"order": order, "participant": brand, "received_at": event.at + 0.4}
                entries.append(Entry(type="receipt", at=event.at + 0.4, subject=event.subject, body=receipt))
    log.append(entries)
    log.close()


def make_city(now: float) -> Town:
    """Return a town that grew: banks with brands and APIs, and companies with software."""
    town = Town()
    town.now = now - 30 * DAY
    settle(town)
    for number in range(ORGANISATIONS - 3):
        _enter_organisation(town, number, now=now)
    town.enter("organisation:evil", Organisation(name=HOSTILE))
    _stop(town)
    town.terms = TWO_PEOPLE
    return town


def _enter_organisation(town: Town, number: int, *, now: float) -> None:
    identifier = f"o-{number:02}"
    name = f"{_PLACES[number % 10]} {_TRADES[number // 10]}"
    organisation = f"organisation:{identifier}"
    if number % 11 == 10:  # on its way in
        town.enter(organisation, Organisation(name=name, jurisdiction="NL"), "verify")
        return
    facts = Organisation(name=name, jurisdiction="NL", registration=f"R-{number:05}", register="Licences")
    town.enter(organisation, facts, "verify", "sign-terms", "activate")
    owner = f"brand:{identifier}" if number % 3 == 0 else f"software:{identifier}"
    if number % 3 == 0:
        town.enter(
            owner,
            Brand(organisation=identifier, name=name, issuer=f"https://{identifier}.example"),
            "certify",
        )
    else:
        town.enter(
            f"role:{identifier}~reader",
            Role(organisation=identifier, role="reader", apis=("accounts",)),
            "grant",
        )
        town.enter(owner, Software(organisation=identifier, name=f"{name} app"), "certify")
    town.enter(
        f"certification:{identifier}",
        Certification(
            covers=owner,
            method="check",
            run=f"run-{number}",
            tested_at=now - 20 * DAY,
            valid_until=now + (20 + 9 * number) * DAY,
        ),
        "accept",
    )
    thumbprint = f"{identifier}-signing-key".ljust(43, "x")
    town.enter(f"key:{thumbprint}", Key(owner=owner, valid_until=now + (5 + 7 * number) * DAY), "activate")
    town.enter(
        "certificate:" + f"{identifier}-transport".ljust(43, "y"),
        Certificate(owner=owner, key=thumbprint, valid_until=now + (15 + 7 * number) * DAY),
        "issue",
    )
    if number % 3 == 0:
        town.move(owner, "list")
        town.enter(
            f"api:{identifier}", Api(brand=identifier, family="accounts", version="2"), "certify", "list"
        )
        return
    if number % 7 != 0:
        town.move(owner, "go-live")
        town.enter(
            f"api:{identifier}~accounts",
            Authorisation(software=identifier, api="accounts", role=f"{identifier}~reader"),
            "grant",
        )


def _stop(town: Town) -> None:
    """Stop some of them, so that every state is there to be seen."""
    town.move("organisation:o-04", "suspend", reason="Its licence is being looked into")
    town.move("organisation:o-08", "revoke", reason="The authority took its licence back")
    town.move("software:o-05", "suspend", reason="It asks for more than it needs")
    town.move("brand:o-06", "degrade")
    town.move("key:" + "o-01-signing-key".ljust(43, "x"), "compromise", reason="Found in a public repository")
    town.move("certification:o-03", "revoke", reason="The run was of another version")
    town.move("organisation:o-12", "give-notice")
