"""The ecosystem of `trustweft up` with a directory that everybody in it is entered in, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ecosystem import STOP_SECONDS, free_base_port, run_trustweft, running_ecosystem
from served import served
from support.town import OPERATOR
from trustweft.cli.assembly.parts import read_key
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import public_jwk, thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
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
    User,
)
from trustweft.directory.terms import terms_of
from trustweft.net.asgi import application
from trustweft.profile import load_profile
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import write_private_file
from trustweft.runtime.observability import SilentObserver
from trustweft.store.register import SqliteRegisterStore
from trustweft.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem
    from trustweft.directory.objects import Facts

__all__ = ["Ground", "proving_ground"]

PATIENCE: Final = 30.0
_FOLLOW: Final = """
[directory]
issuer = "{directory}"
feed = "{directory}/status"
jwks_uri = "{directory}/jwks"
identifier = "{identifier}"
state_file = "status.json"
trust = "../ca/certificate.pem"
allowed_hosts = ["localhost"]

[directory.names]
{names}
"""
_DIRECTORY: Final = """
profile = "fapi2-security"

[directory]
issuer = "{directory}"
organization_name = "The directory of a test"

[listen]
port = {port}

[tls]
certificate = "../tls/certificate.pem"
private_key = "../tls/private-key.pem"

[outbound]
trust = "../ca/certificate.pem"
allowed_hosts = ["localhost"]
"""


@dataclass
class Ground:
    """What runs."""

    ecosystem: Ecosystem

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.ecosystem.data

    @property
    def directory(self) -> str:
        """The directory's base URL."""
        return f"https://localhost:{self.ecosystem.base_port + 5}"

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        return run_trustweft(*words, "--data", str(self.data))

    def json(self, *words: str) -> dict[str, Any]:
        """Type a command, and read its JSON."""
        done = self.type(*words, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def offboard(self, subject: str, *more: str) -> dict[str, Any]:
        """Off-board somebody, and return the report of it."""
        given = self.json("offboard", subject, "--reason", "in a test", *more)
        return self.json("offboard", "report", given["id"])

    def enter(self, *entries: tuple[str, Facts, tuple[str, ...]]) -> None:
        """Enter things in the register, beside the directory that runs."""
        asyncio.run(_enter(self.data, entries))

    def subject_of(self, username: str) -> str:
        """Return the subject identifier of a demo user."""
        customers = tomllib.loads((self.data / "resource/resource.toml").read_text("utf-8"))["customers"]
        return str(next(subject for subject, name in customers.items() if name == username))


@contextlib.contextmanager
def proving_ground(folder: Path) -> Iterator[Ground]:
    """Start everything, with everybody in the register, and stop it in the end."""
    data, base = folder / "data", free_base_port()
    with running_ecosystem(data, base_port=base):
        pass
    issuer, bank, directory = (f"https://localhost:{base + number}" for number in (1, 3, 5))
    _settings(data, issuer=issuer, bank=bank, directory=directory)
    asyncio.run(_name_organisations(data))
    asyncio.run(
        _enter(data, _everybody(data, issuer=issuer, bank=bank, keys=f"https://localhost:{base + 8}"))
    )
    bank_key = read_key(data / "client-keys/bank.json")
    published = {"keys": [{**public_jwk(bank_key.public_key), "kid": bank_key.key_id, "alg": "ES256"}]}

    async def respond(_request: HttpRequest) -> HttpResponse:
        return json_response(published)

    with contextlib.ExitStack() as stack:
        stack.enter_context(
            served(
                lambda: application(
                    respond,
                    participant="bank keys",
                    observer=SilentObserver(),
                    body_limit=1_024,
                    endpoint_of=lambda path: path,
                ),
                port=base + 8,
                certificate=data / "tls/certificate.pem",
                private_key=data / "tls/private-key.pem",
            )
        )
        stack.enter_context(_serving_directory(data, directory))
        yield Ground(stack.enter_context(running_ecosystem(data, base_port=base)))


def _settings(data: Path, *, issuer: str, bank: str, directory: str) -> None:
    for name, identifier, names in (
        (
            "server",
            issuer,
            'brand = "harbour-bank"\napis = { accounts = "accounts" }\nroles = { payments = "payer" }\n',
        ),
        (
            "resource",
            bank,
            'issuer_brand = "harbour-bank"\napi = "accounts"\nroles = { payments = "payer" }\n',
        ),
    ):
        with (data / name / f"{name}.toml").open("a", encoding="utf-8") as settings:
            settings.write(_FOLLOW.format(directory=directory, identifier=identifier, names=names))
    (data / "directory").mkdir(mode=0o700, exist_ok=True)
    text = _DIRECTORY.format(directory=directory, port=directory.rpartition(":")[2])
    write_private_file(data / "directory/directory.toml", text.encode())


def _everybody(data: Path, *, issuer: str, bank: str, keys: str) -> list[tuple[str, Facts, tuple[str, ...]]]:
    """Return who takes part: each subject, its facts, and how it comes to life; parents come first."""
    entered, granted = ("verify", "sign-terms", "activate"), ("grant",)
    moneyview = KeyRing.load_or_create(data / "client/keys", algorithms=("ES256",), now=time.time())
    (moneyview_key,) = moneyview.key_set().keys
    stranger = read_key(data / "client-keys/tour-stranger.json")
    shown = x509.load_pem_x509_certificate((data / "client-keys/tour-certificate.pem").read_bytes())
    certificate = certificate_thumbprint(shown.public_bytes(Encoding.DER))
    firms = ("harbour", "moneyview-firm", "tour-firm", "certificate-firm")
    active = ("activate",)
    return [
        *((f"organisation:{name}", Organisation(name=name), entered) for name in firms),
        (
            "brand:harbour-bank",
            Brand(
                organisation="harbour",
                name="Harbour",
                issuer=issuer,
                events_endpoint=f"{issuer}/ecosystem/events",
                jwks_uri=f"{issuer}/jwks",
            ),
            ("certify", "list"),
        ),
        (
            "api:accounts",
            Api(
                brand="harbour-bank",
                family="accounts",
                resource=bank,
                events_endpoint=f"{bank}/ecosystem/events",
                jwks_uri=keys,
            ),
            ("certify", "list"),
        ),
        *(
            (f"role:{firm}~{role}", Role(organisation=firm, role=role, apis=apis), granted)
            for firm, role, apis in (
                ("moneyview-firm", "reader", ("accounts",)),
                ("tour-firm", "reader", ("accounts",)),
                ("tour-firm", "payer", ("payments",)),
                ("certificate-firm", "reader", ("accounts",)),
            )
        ),
        ("software:moneyview", Software(organisation="moneyview-firm", name="MoneyView"), ("certify",)),
        ("software:tour", Software(organisation="tour-firm", name="Tour"), ("certify",)),
        ("software:tour-stranger", Software(organisation="tour-firm", name="Stranger"), ("certify",)),
        (
            "software:tour-certificate",
            Software(organisation="certificate-firm", name="By certificate"),
            ("certify",),
        ),
        (f"key:{thumbprint(moneyview_key.key)}", Key(owner="software:moneyview"), active),
        (f"key:{thumbprint(stranger.public_key)}", Key(owner="software:tour-stranger"), active),
        (
            f"key:{thumbprint(read_key(data / 'client-keys/tour.json').public_key)}",
            Key(owner="software:tour"),
            active,
        ),
        ("key:" + "C" * 43, Key(owner="software:tour-certificate"), active),
        (
            f"certificate:{certificate}",
            Certificate(owner="software:tour-certificate"),
            ("issue",),
        ),
        *(
            (f"software:{name}", Software(organisation="", name=""), ("go-live",))
            for name in ("moneyview", "tour", "tour-stranger", "tour-certificate")
        ),
        *(
            (
                f"certification:{covers.replace(':', '-')}",
                Certification(
                    covers=covers,
                    method="check",
                    run="a test",
                    tested_at=time.time(),
                    valid_until=time.time() + 86_400,
                ),
                ("accept",),
            )
            for covers in (
                "brand:harbour-bank",
                *(f"software:{name}" for name in ("moneyview", "tour", "tour-stranger", "tour-certificate")),
            )
        ),
        *(
            (f"api:{software}~{api}", Authorisation(software=software, api=api, role=role), granted)
            for software, api, role in (
                ("moneyview", "accounts", "moneyview-firm~reader"),
                ("tour", "accounts", "tour-firm~reader"),
                ("tour", "payments", "tour-firm~payer"),
                ("tour-stranger", "accounts", "tour-firm~reader"),
                ("tour-certificate", "accounts", "certificate-firm~reader"),
            )
        ),
        *(
            (f"user:{subject}", User(organisation="harbour", part="customer", name=name), active)
            for subject, name in tomllib.loads((data / "resource/resource.toml").read_text("utf-8"))[
                "customers"
            ].items()
        ),
    ]


async def _name_organisations(data: Path) -> None:
    """Say of each client who answers for it, as a registration by the directory's statement does."""
    async with SqliteStore.open(data / "server/trustweft.sqlite") as store:
        for client_id, organisation in (
            ("moneyview", "moneyview-firm"),
            ("tour", "tour-firm"),
            ("tour-stranger", "tour-firm"),
            ("tour-certificate", "certificate-firm"),
        ):
            old = await store.find_client(client_id)
            assert old is not None
            new = {**msgspec.json.decode(old), "organisation_id": organisation}
            assert await store.replace_client(client_id, old=old, new=msgspec.json.encode(new))


async def _enter(data: Path, entries: Any) -> None:
    # What a certification is worth is on-boarding's matter; here everybody is certified.
    terms = msgspec.structs.replace(terms_of(load_profile("fapi2-security")), certified=frozenset())
    async with SqliteRegisterStore.open(data / "directory/register.sqlite") as store:
        keeper = Keeper(store, clock=SystemClock(), terms=lambda: terms)
        for name, facts, actions in entries:
            subject = parse_subject(name)
            if (await keeper.read()).now.get(name) is None:
                await keeper.carry_out(Add(subject=subject, facts=facts), actor=OPERATOR)
            for action in actions:
                await keeper.carry_out(
                    Move(subject=subject, action=action, reason="as it should be"), actor=OPERATOR
                )


@contextlib.contextmanager
def _serving_directory(data: Path, directory: str) -> Iterator[None]:
    with (data / "directory.log").open("ab") as sink:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "trustweft",
                "serve",
                "directory",
                "--config",
                str(data / "directory/directory.toml"),
            ],
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(data, directory):
            assert process.poll() is None, (data / "directory.log").read_text("utf-8")[-4_000:]
            assert time.monotonic() < deadline
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _answers(data: Path, directory: str) -> bool:
    trust = ssl.create_default_context(cafile=str(data / "ca/certificate.pem"))
    try:
        return httpx2.get(f"{directory}/jwks", verify=trust, timeout=5).status_code == httpx2.codes.OK
    except (httpx2.HTTPError, OSError):
        return False
