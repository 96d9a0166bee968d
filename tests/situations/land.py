"""Three banks, ten applications and a directory: each participant a process with a store of its own, joined by HTTP.

The register is written before anybody starts, as a directory's operators would have done over the years; everything
that happens afterwards goes over the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ecosystem import free_base_ports, run_trustweft
from situations.processes import Participant
from support.town import OPERATOR
from trustweft.cli.assembly.parts import Surroundings
from trustweft.cli.data_directory import DataDirectory, Ports
from trustweft.cli.directory_settings import ResourceDirectory, ServerDirectory
from trustweft.cli.registry import add_client, add_user
from trustweft.cli.settings import (
    ClientKeySettings,
    ClientSettings,
    KeySettings,
    ListenSettings,
    MoneyViewSettings,
    ResourceServerSettings,
    ResourceSettings,
    RevocationSettings,
    ServerSettings,
    StorageSettings,
    TlsSettings,
)
from trustweft.cli.toml_text import to_toml
from trustweft.cli.trust_anchor_settings import OutboundSettings, TrustAnchor
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk, read_private_jwk, thumbprint
from trustweft.crypto.local_authority import load_or_create_authority, load_or_create_server_certificate
from trustweft.directory.commands import Add, Command, Move
from trustweft.directory.config import DirectoryConfig
from trustweft.directory.events import Moved
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Api, Authorisation, Brand, Key, Organisation, Role, Software
from trustweft.directory.terms import terms_of
from trustweft.net.event_addresses import RECEIPT_KEYS_PATH
from trustweft.net.event_receiver import EVENTS_PATH
from trustweft.profile import load_profile
from trustweft.resource.participation import ParticipationConfig as GuardNames
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.files import make_private_directory, read_private_file, write_private_file
from trustweft.runtime.observability import SilentObserver
from trustweft.server.config import ScopeDefinition, ServerConfig
from trustweft.server.login.passwords import Passwords
from trustweft.server.participation import ParticipationConfig as ServerNames
from trustweft.store.register import SqliteRegisterStore
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trustweft.directory.events import Event
    from trustweft.directory.objects import Facts
    from trustweft.directory.terms import Terms

__all__ = [
    "APPLICATIONS",
    "EVERYWHERE",
    "PASSWORD",
    "PEOPLE",
    "Bank",
    "Land",
    "Order",
    "bring",
    "directory_alone",
    "land",
]

BANKS: Final = 3
APPLICATIONS: Final = tuple(f"app{number}" for number in range(1, 11))
EVERYWHERE: Final = APPLICATIONS[:8]  # registered at every bank; the others at their own alone
PEOPLE: Final = ("alice", "bob")
PASSWORD: Final = "correct horse battery staple, twice"
SCOPE: Final = ("openid", "accounts", "payments")
PAYMENTS: Final = "payments"
_AUTHORITY: Final = "../ca/certificate.pem"
_TLS: Final = TlsSettings(certificate="../tls/certificate.pem", private_key="../tls/private-key.pem")


class Order(NamedTuple):
    """An order, and from when on it holds, in seconds since the epoch."""

    id: str
    effective_at: float


@dataclass
class Bank:
    """A bank: an authorization server, and a resource server that takes its tokens."""

    number: int
    server: Participant
    resource: Participant

    @property
    def name(self) -> str:
        """Its name in the directory."""
        return f"bank-{self.number}"

    @property
    def both(self) -> tuple[Participant, Participant]:
        """Its processes."""
        return self.server, self.resource


@dataclass
class Land:
    """Everything that runs.

    Attributes:
        data: the folder of all of them; each participant reads its own part of it alone.
    """

    data: DataDirectory
    directory: Participant
    banks: tuple[Bank, ...]
    applications: tuple[Participant, ...]
    surroundings: Surroundings = field(
        default_factory=lambda: Surroundings(SystemClock(), SystemEntropy(), SilentObserver())
    )

    @property
    def participants(self) -> tuple[Participant, ...]:
        """All of them, the directory first."""
        return (self.directory, *(each for bank in self.banks for each in bank.both), *self.applications)

    def application(self, name: str) -> Participant:
        """Return the process of an application."""
        return self.applications[APPLICATIONS.index(name)]

    def bank_of(self, name: str) -> Bank:
        """Return the bank that an application's own pages lead to."""
        return self.banks[APPLICATIONS.index(name) % BANKS]

    def key_of(self, name: str) -> str:
        """Return the thumbprint of the key that an application authenticates with."""
        (key,) = self.ring_of(name).key_set().keys
        return thumbprint(key.key)

    def ring_of(self, name: str) -> KeyRing:
        """Return the keys that an application publishes."""
        return KeyRing.load_or_create(
            self.data.path / name / "keys", algorithms=("ES256",), now=self.surroundings.clock.now()
        )

    def decide(self, *commands: Command) -> tuple[Event, ...]:
        """Have the directory's operator decide something, in its register."""
        return asyncio.run(self._decide(commands))

    async def _decide(self, commands: tuple[Command, ...]) -> tuple[Event, ...]:
        events: list[Event] = []
        async with SqliteRegisterStore.open(self.data.file("directory/register.sqlite")) as store:
            keeper = Keeper(store, clock=self.surroundings.clock, terms=_terms)
            for command in commands:
                events += await keeper.carry_out(command, actor=OPERATOR)
        return tuple(events)

    @property
    def revision(self) -> int:
        """How often what the directory tells has changed."""
        return asyncio.run(self._revision())

    async def _revision(self) -> int:
        async with SqliteRegisterStore.open(self.data.file("directory/register.sqlite")) as store:
            keeper = Keeper(store, clock=self.surroundings.clock, terms=_terms)
            return (await keeper.read()).now.revision

    def order(self, subject: str, action: str) -> Order:
        """Give an order."""
        command = Move(subject=parse_subject(subject), action=action, reason="a situation")
        (event,) = self.decide(command)
        assert isinstance(event, Moved)
        assert event.order is not None
        return Order(event.order, event.at)

    def report(self, order: Order) -> dict[str, Any]:
        """Return what `trustweft offboard report` says of an order."""
        done = run_trustweft("offboard", "report", order.id, "--data", str(self.data.path), "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@cache
def _terms() -> Terms:
    return terms_of(load_profile("fapi2-security"), without_certification=("brand", "software"))


@contextlib.contextmanager
def land(folder: Path) -> Iterator[Land]:
    """Found it, start everybody, and stop them in the end."""
    built = _found(folder)
    try:
        for participant in built.participants:
            participant.start()
        for participant in built.participants:
            participant.wait()
        yield built
    finally:
        with contextlib.ExitStack() as stack:
            for participant in built.participants:
                stack.callback(participant.stop)


@contextlib.contextmanager
def directory_alone(folder: Path) -> Iterator[tuple[Land, int]]:
    """Start a directory that knows nobody yet; yield it with a port for whoever follows it."""
    first, port = free_base_ports(2)
    data = _clear(folder, first)
    built = Land(data, _participant(data, "directory", "directory", data.ports.directory, "/jwks"), (), ())
    _settle_directory(built)
    try:
        built.directory.start()
        built.directory.wait()
        yield built, port
    finally:
        built.directory.stop()


def _clear(folder: Path, port: int) -> DataDirectory:
    """Return a new data directory with an authority, and a certificate for everybody."""
    clock = SystemClock()
    data = DataDirectory.open_or_create(folder / "land", base_port=port, clock=clock)
    authority = load_or_create_authority(data.path / "ca", now=clock.now())
    load_or_create_server_certificate(data.path / "tls", authority=authority, now=clock.now())
    return data


def _found(folder: Path) -> Land:
    first, base, *bases = free_base_ports(2 + BANKS)
    data = _clear(folder, first)
    directory = _participant(data, "directory", "directory", data.ports.directory, "/jwks")
    banks = tuple(_bank(data, number, Ports(ports)) for number, ports in enumerate(bases, 1))
    applications = tuple(
        _participant(data, "client", name, base + number, "/jwks") for number, name in enumerate(APPLICATIONS)
    )
    built = Land(data, directory, banks, applications)
    _settle_directory(built)
    for bank in banks:
        customers = asyncio.run(_open_bank(built, bank))
        _settle_bank(built, bank, customers)
    for name in APPLICATIONS:
        _settle_application(built, name)
    built.decide(*_everybody(built))
    return built


def _participant(data: DataDirectory, kind: str, name: str, port: int, page: str) -> Participant:
    make_private_directory(data.path / name)
    return Participant(kind, data.path / name, f"https://localhost:{port}", page, data.authority)


def _bank(data: DataDirectory, number: int, ports: Ports) -> Bank:
    return Bank(
        number,
        server=_participant(data, "server", f"server{number}", ports.server, "/jwks"),
        resource=_participant(
            data, "resource", f"resource{number}", ports.resource, "/.well-known/oauth-protected-resource"
        ),
    )


def _port(participant: Participant) -> int:
    return int(participant.url.rpartition(":")[2])


def _write(participant: Participant, settings: msgspec.Struct) -> None:
    path = participant.folder / f"{participant.kind}.toml"
    write_private_file(path, to_toml(settings, heading="A situation.").encode())


def _new_key(path: Path) -> None:
    write_private_file(path, msgspec.json.encode(private_jwk(generate_private_key("ES256"))))


def _public(path: Path) -> dict[str, Any]:
    key = read_private_jwk(msgspec.json.decode(read_private_file(path))).public_key()
    return {**public_jwk(key), "kid": thumbprint(key)[:16], "alg": "ES256", "use": "sig"}


def _settle_directory(built: Land) -> None:
    directory = built.directory
    settings = TrustAnchor(
        directory=DirectoryConfig(
            issuer=directory.url,
            organization_name="The directory of a land",
            without_certification=("brand", "software"),
        ),
        listen=ListenSettings(port=_port(directory)),
        tls=_TLS,
        outbound=OutboundSettings(trust=_AUTHORITY, allowed_hosts=("localhost",)),
    )
    _write(directory, settings)


def _following(built: Land, identifier: str) -> dict[str, Any]:
    directory = built.directory.url
    return {
        "issuer": directory,
        "feed": f"{directory}/status",
        "jwks_uri": f"{directory}/jwks",
        "identifier": identifier,
        "state_file": "status.json",
        "trust": _AUTHORITY,
        "allowed_hosts": ("localhost",),
    }


def _settle_bank(built: Land, bank: Bank, customers: dict[str, str]) -> None:
    issuer, api = bank.server.url, bank.resource.url
    own = {name: f"{name}-{bank.number}" for name in ("accounts", "payments")}
    audiences = {"openid": issuer, "accounts": api, "payments": api}
    server = ServerSettings(
        server=ServerConfig(
            issuer=issuer,
            display_name=f"Bank {bank.number}",
            organization_name=f"Bank {bank.number}",
            scopes=tuple(
                ScopeDefinition(name=name, audience=audience, title=name, explanation=name)
                for name, audience in audiences.items()
            ),
        ),
        listen=ListenSettings(port=_port(bank.server)),
        tls=_TLS,
        storage=StorageSettings(path="store.sqlite"),
        keys=KeySettings(directory="keys", nonce_secret_file="nonce-secret"),  # a file's name
        client_keys=ClientKeySettings(trust=_AUTHORITY, allowed_hosts=("localhost",)),
        directory=ServerDirectory(
            **_following(built, issuer),
            names=ServerNames(brand=bank.name, apis=own, roles={PAYMENTS: "payer"}, payments=(PAYMENTS,)),
        ),
    )
    resource = ResourceSettings(
        resource=ResourceServerSettings(
            issuer=issuer,
            audience=api,
            base_urls=(api,),
            nonce_secret_file="nonce-secret",  # a file's name
            trust=_AUTHORITY,
        ),
        listen=ListenSettings(port=_port(bank.resource)),
        tls=_TLS,
        storage=StorageSettings(path="replays.sqlite"),
        revocation=RevocationSettings(
            endpoint=f"{issuer}/introspect", client_id=bank.name, private_key_file="key.json"
        ),
        customers=customers,
        directory=ResourceDirectory(
            **_following(built, api),
            names=GuardNames(
                issuer_brand=bank.name, apis=own, roles={PAYMENTS: "payer"}, payments=(PAYMENTS,)
            ),
        ),
    )
    _write(bank.server, server)
    _write(bank.resource, resource)


async def _open_bank(built: Land, bank: Bank) -> dict[str, str]:
    """Register clients and people at a bank; return its customers by subject identifier."""
    _new_key(bank.resource.folder / "key.json")
    passwords = Passwords(entropy=built.surroundings.entropy)
    async with SqliteStore.open(bank.server.folder / "store.sqlite") as store:
        for metadata in _clients_of(built, bank):
            await add_client(store, msgspec.json.encode(metadata), surroundings=built.surroundings)
        for name in PEOPLE:
            await add_user(
                store,
                username=name,
                password=PASSWORD,
                name=name.title(),
                email=f"{name}@example.com",
                passwords=passwords,
                surroundings=built.surroundings,
            )
        people = {name: await store.find_user(name) for name in PEOPLE}
    passwords.close()
    return {user.subject: name for name, user in people.items() if user is not None}


def _clients_of(built: Land, bank: Bank) -> Iterator[dict[str, object]]:
    common = {"token_endpoint_auth_method": "private_key_jwt", "dpop_bound_access_tokens": True}
    yield {
        **common,
        "client_id": bank.name,
        "client_name": f"The API of bank {bank.number}",
        "organization_name": bank.name,
        "grant_types": [],
        "response_types": [],
        "resource_server_for": [bank.resource.url],
        "jwks": {"keys": [_public(bank.resource.folder / "key.json")]},
    }
    for name, application in zip(APPLICATIONS, built.applications, strict=True):
        if name in EVERYWHERE or built.bank_of(name) is bank:
            yield {
                **common,
                "client_id": name,
                "client_name": name,
                "organization_name": f"firm-{name}",
                "organisation_id": f"firm-{name}",
                "redirect_uris": [f"{application.url}/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "scope": " ".join(SCOPE),
                "jwks_uri": f"{application.url}/jwks",
            }


def _settle_application(built: Land, name: str) -> None:
    application, bank = built.application(name), built.bank_of(name)
    _new_key(application.folder / "proof.json")
    settings = ClientSettings(
        moneyview=MoneyViewSettings(
            issuer=bank.server.url,
            client_id=name,
            base_url=application.url,
            bank_url=bank.resource.url,
            bank_name=f"Bank {bank.number}",
            scope=("openid", "accounts"),
            assertion_keys="keys",
            proof_key_file="proof.json",
            trust=_AUTHORITY,
            name=name,
        ),
        listen=ListenSettings(port=_port(application)),
        tls=_TLS,
    )
    _write(application, settings)


def _everybody(built: Land) -> Iterator[Command]:
    """Yield what brings everybody into the directory, parents first."""
    admitted = ("verify", "sign-terms", "activate")
    for bank in built.banks:
        yield from bring(f"organisation:{bank.name}", Organisation(name=bank.name), admitted)
        issuer, api = bank.server.url, bank.resource.url
        brand = Brand(
            organisation=bank.name,
            name=bank.name,
            issuer=issuer,
            events_endpoint=f"{issuer}{EVENTS_PATH}",
            jwks_uri=f"{issuer}/jwks",
        )
        yield from bring(f"brand:{bank.name}", brand, ("list",))
        for family in ("accounts", "payments"):
            facts = Api(
                brand=bank.name,
                family=family,
                resource=api,
                events_endpoint=f"{api}{EVENTS_PATH}",
                jwks_uri=f"{api}{RECEIPT_KEYS_PATH}",
            )
            yield from bring(f"api:{family}-{bank.number}", facts, ("list",))
    for name in APPLICATIONS:
        yield from _application(built, name, admitted)


def _application(built: Land, name: str, admitted: tuple[str, ...]) -> Iterator[Command]:
    firm = f"firm-{name}"
    yield from bring(f"organisation:{firm}", Organisation(name=firm), admitted)
    families = {"reader": "accounts", "payer": "payments"}
    for role, family in families.items():
        apis = tuple(f"{family}-{bank.number}" for bank in built.banks)
        yield from bring(f"role:{firm}~{role}", Role(organisation=firm, role=role, apis=apis), ("grant",))
    yield from bring(f"software:{name}", Software(organisation=firm, name=name), ())
    yield from bring(f"key:{built.key_of(name)}", Key(owner=f"software:{name}"), ("activate",))
    yield Move(subject=parse_subject(f"software:{name}"), action="go-live", reason="a situation")
    for role, family in families.items():
        for bank in built.banks:
            api = f"{family}-{bank.number}"
            facts = Authorisation(software=name, api=api, role=f"{firm}~{role}")
            yield from bring(f"api:{name}~{api}", facts, ("grant",))


def bring(name: str, facts: Facts, actions: tuple[str, ...]) -> Iterator[Command]:
    """Yield what enters something and brings it to life."""
    subject = parse_subject(name)
    yield Add(subject=subject, facts=facts)
    for action in actions:
        yield Move(subject=subject, action=action, reason="a situation")
