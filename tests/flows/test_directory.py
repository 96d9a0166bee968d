"""The directory as it runs: an authorization server and a bank follow it over HTTPS, and nothing else joins them.

Commands go into the register beside the running directory, as `trustweft offboard` does it. The third participant is
played by the test, so that it can be away.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import pytest

from ecosystem import START_SECONDS, Ecosystem, free_base_port, run_trustweft, running_ecosystem
from served import served
from support.anchor import Listener
from support.directory import new_signer
from support.town import OPERATOR
from trustweft.cli.assembly.parts import read_key
from trustweft.client import (
    Client,
    ClientConfiguration,
    Dpop,
    PrivateKeyJwt,
    PublishedKeys,
    ServerRefusedError,
)
from trustweft.client.driving import drive
from trustweft.client.registration import Software as SoftwareSide
from trustweft.client.registration import register
from trustweft.crypto import jws
from trustweft.crypto.key_rotation import retire
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key, public_jwk, thumbprint
from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import (
    Api,
    Brand,
    Certification,
    Key,
    Organisation,
    Role,
    Software,
)
from trustweft.directory.terms import terms_of
from trustweft.evidence.reader import LogReader
from trustweft.net.asgi import application
from trustweft.profile import load_profile
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.ecosystem_status import verify_status_list
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.protocol.offboarding import verify_receipt
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from trustweft.runtime.observability import SilentObserver
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor, Event
    from trustweft.evidence.reader import Logged

PATIENCE = 30.0
BUDGET = 5.0  # seconds, as the profile has it for refusal by push

DIRECTORY = """
applied_profile = "../../profile.toml"
[directory]
issuer = "{directory}"
organization_name = "Directory"
[listen]
port = {port}
[tls]
certificate = "../../tls/certificate.pem"
private_key = "../../tls/private-key.pem"
[outbound]
trust = "../../ca/certificate.pem"
allowed_hosts = ["localhost"]
"""
FOLLOWING = """
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
REGISTRATION = """
[registration]
trust = "../ca/certificate.pem"
allowed_hosts = ["localhost"]
roles = {{ reader = ["openid", "accounts"] }}
[[registration.directories]]
issuer = "{directory}"
jwks_uri = "{directory}/jwks"
"""


@dataclass
class Third:
    """A participant that the test plays: it keeps what it was told, and may be away."""

    signer: LocalSigner = field(default_factory=lambda: new_signer("third-1"))
    bank: LocalSigner | None = None
    there: threading.Event = field(default_factory=threading.Event)
    tokens: list[str] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer the directory; while it is away nothing is accepted."""
        if request.path == "/jwks":
            return json_response(_jwks(self.signer))
        if request.path == "/bank-jwks":
            assert self.bank is not None
            return json_response(_jwks(self.bank))
        if not self.there.is_set():
            return HttpResponse(503)
        self.tokens.append(request.body.decode())
        self.heard.set()
        return HttpResponse(202)


def _jwks(signer: LocalSigner) -> dict[str, Any]:
    return {"keys": [{**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256"}]}


@dataclass
class Scene:
    """Everything that runs."""

    ecosystem: Ecosystem
    directory: str
    third: Third
    third_url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """Where it keeps everything."""
        return self.ecosystem.data

    def http(self) -> httpx2.Client:
        """Return a connection."""
        return httpx2.Client(verify=self.ecosystem.trust, timeout=20)

    def do(self, *commands: Command, actor: Actor = OPERATOR) -> list[Event]:
        """Carry commands out beside the running directory."""
        return asyncio.run(_carry_out(self.data, commands, actor))

    def move(self, subject: str, action: str) -> tuple[str, float]:
        """Take an arrow that is an order; return its id, and when it was given."""
        (event,) = self.do(Move(subject=parse_subject(subject), action=action, reason="in a test"))
        return str(getattr(event, "order", "")), event.at

    def start_directory(self) -> None:
        """Start it, and wait until it answers."""
        with (self.data.parent / "directory.log").open("ab") as sink:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "trustweft",
                    "serve",
                    "directory",
                    "--config",
                    str(self.data / "beside" / "directory" / "directory.toml"),
                ],
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)

        def answers() -> bool:
            assert process.poll() is None, (self.data.parent / "directory.log").read_text()[-3_000:]
            with contextlib.suppress(httpx2.HTTPError), self.http() as http:
                return http.get(f"{self.directory}/jwks").status_code == 200
            return False

        wait_until(answers, START_SECONDS)

    def stop_directory(self) -> None:
        """Stop it as an operator does."""
        process = self.processes.pop()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0

    def kill_directory(self) -> None:
        """Kill it."""
        process = self.processes.pop()
        process.kill()
        process.wait()

    def receipts(self, order: str) -> dict[str, Logged]:
        """Return the receipts for an order that are evidence, by participant."""
        reader = LogReader(self.data / "beside" / "directory" / "evidence.sqlite")
        found = [each for each in reader.list(type="receipt") if each.entry.body["order"] == order]
        reader.close()
        return {each.entry.body["participant"]: each for each in found}

    def wait_for_receipts(self, order: str, *participants: str) -> dict[str, Logged]:
        """Wait until these participants' receipts are evidence."""
        wait_until(lambda: set(participants) <= set(self.receipts(order)))
        return self.receipts(order)

    def enter_software(self, name: str) -> LocalSigner:
        """On-board a software; return its key."""
        signer = new_signer(f"{name}-1")
        software, key = parse_subject(f"software:{name}"), f"key:{thumbprint(signer.public_key)}"
        facts = Software(
            organisation="makers",
            name=name,
            metadata={"scope": "openid accounts", "redirect_uris": []},
        )
        jwk = {**public_jwk(signer.public_key), "kid": signer.key_id}
        certification = Certification(
            covers=str(software),
            method="check",
            run="run",
            tested_at=time.time(),
            valid_until=time.time() + 86_400,
        )
        self.do(
            Add(subject=software, facts=facts),
            Move(subject=software, action="certify"),
            Add(subject=parse_subject(f"certification:{name}"), facts=certification),
            Move(subject=parse_subject(f"certification:{name}"), action="accept"),
            Add(subject=parse_subject(key), facts=Key(owner=str(software), jwk=jwk)),
            Move(subject=parse_subject(key), action="activate"),
            Move(subject=software, action="go-live"),
        )
        return signer

    def statement(self, name: str, signer: LocalSigner, http: httpx2.Client) -> httpx2.Response:
        """Ask the directory for a software statement."""
        token = create_client_assertion(
            signer,
            client_id=name,
            issuer=self.directory,
            now=time.time(),
            lifetime=60,
            jti=SystemEntropy().token(),
        )
        return http.post(
            f"{self.directory}/software-statements",
            content=urlencode({"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )

    def register(self, name: str, http: httpx2.Client) -> Client:
        """On-board a software and register it at the authorization server."""
        signer = self.enter_software(name)
        answers: list[httpx2.Response] = []

        def is_known() -> bool:
            answers.append(self.statement(name, signer, http))
            return answers[-1].status_code == 200

        wait_until(is_known)
        told = drive(
            register(
                SoftwareSide(software_id=name, signer=signer, clock=SystemClock(), entropy=SystemEntropy()),
                endpoint=f"{self.ecosystem.issuer}/register",
                metadata={"grant_types": ["client_credentials"], "scope": "accounts"},
                issuer=self.ecosystem.issuer,
                software_statement=answers[-1].text,
            ),
            http,
        )
        configuration = ClientConfiguration(
            issuer=self.ecosystem.issuer,
            client_id=told.client_id,
            authentication=PrivateKeyJwt(PublishedKeys(signer)),
            sender_constraint=Dpop(LocalSigner("ES256", generate_private_key("ES256"))),
            scope=("accounts",),
        )
        return Client(configuration, http, clock=SystemClock(), entropy=SystemEntropy())


def wait_until(fulfilled: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Look again and again: what is waited for tells nobody when it happens."""
    deadline = time.monotonic() + seconds
    look = threading.Event()
    while not fulfilled():
        assert time.monotonic() < deadline, "it did not happen"
        look.wait(0.05)


async def _carry_out(data: Path, commands: tuple[Command, ...], actor: Actor) -> list[Event]:
    async with SqliteRegisterStore.open(data / "beside" / "directory" / "register.sqlite") as store:
        terms = terms_of(load_profile("fapi2-security"))
        keeper = Keeper(store, clock=SystemClock(), terms=lambda: terms)
        return [event for command in commands for event in await keeper.carry_out(command, actor=actor)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The ecosystem that `trustweft up` makes, and a directory beside it that both servers follow instead of its own."""
    folder = tmp_path_factory.mktemp("directory")
    data, base = folder / "data", free_base_port()
    with running_ecosystem(data, base_port=base):
        pass
    directory, third = (
        f"https://localhost:{base + 7}",
        Third(bank=read_key(data / "client-keys" / "bank.json")),
    )
    for each in (data / "beside", data / "beside" / "directory"):
        each.mkdir(mode=0o700)
    (data / "beside" / "directory" / "directory.toml").write_text(
        DIRECTORY.format(directory=directory, port=base + 7)
    )
    for name, port, role in (("server", base + 1, "brand"), ("resource", base + 3, "issuer_brand")):
        path, identifier = data / name / f"{name}.toml", f"https://localhost:{port}"
        # Instead of the directory that is in the box, which goes on by itself.
        text = path.read_text(encoding="utf-8").partition("[directory]")[0]
        text += FOLLOWING.format(directory=directory, identifier=identifier, names=f'{role} = "harbour"')
        if name == "server":
            text += REGISTRATION.format(directory=directory)
        path.write_text(text, encoding="utf-8")
        (data / name / "status.json").unlink()  # what the other directory said
    with served(
        lambda: application(
            third.respond, participant="third", observer=SilentObserver(), body_limit=300_000
        ),
        port=base + 8,
        certificate=data / "tls" / "certificate.pem",
        private_key=data / "tls" / "private-key.pem",
    ) as third_url:
        asyncio.run(_carry_out(data, _founding(base, third_url), OPERATOR))
        made = Scene(Ecosystem(data, base, data.parent / "data.log"), directory, third, third_url)
        made.start_directory()
        with running_ecosystem(data, base_port=base):
            yield made
        made.stop_directory()


def _founding(base: int, third: str) -> tuple[Command, ...]:
    """Return what brings the banks, and who makes applications, into the register."""
    server, bank = f"https://localhost:{base + 1}", f"https://localhost:{base + 3}"
    certification = Certification(
        covers="brand:harbour",
        method="check",
        run="run",
        tested_at=1.0,
        valid_until=time.time() + 86_400,
    )
    commands: list[Command] = []
    for subject, facts, actions in (
        ("organisation:harbour", Organisation(name="Harbour"), ("verify", "sign-terms", "activate")),
        ("organisation:makers", Organisation(name="Makers"), ("verify", "sign-terms", "activate")),
        ("role:makers~reader", Role(organisation="makers", role="reader", apis=("accounts",)), ("grant",)),
        (
            "brand:harbour",
            Brand(
                organisation="harbour",
                name="Harbour",
                issuer=server,
                events_endpoint=f"{server}/ecosystem/events",
                jwks_uri=f"{server}/jwks",
            ),
            ("certify",),
        ),
        ("certification:harbour", certification, ("accept",)),
        ("brand:harbour", None, ("list",)),
        (
            "api:accounts",
            Api(
                brand="harbour",
                family="accounts",
                resource=bank,
                events_endpoint=f"{bank}/ecosystem/events",
                jwks_uri=f"{third}/bank-jwks",
            ),
            ("certify", "list"),
        ),
        (
            "api:third",
            Api(
                brand="harbour",
                family="third",
                resource=third,
                events_endpoint=f"{third}/events",
                jwks_uri=f"{third}/jwks",
            ),
            ("certify", "list"),
        ),
    ):
        if facts is not None:
            commands.append(Add(subject=parse_subject(subject), facts=facts))
        commands += [Move(subject=parse_subject(subject), action=action) for action in actions]
    return tuple(commands)


def is_refused(client: Client) -> bool:
    """Say whether the authorization server refuses a client."""
    try:
        client.client_credentials(("accounts",), name="again")
    except ServerRefusedError as refused:
        return refused.error == "invalid_client"
    return False


def reason_at_bank(scene: Scene, client: Client, http: httpx2.Client) -> str | None:
    """Return why the bank refuses a token that the client holds."""
    answer = http.get(f"{scene.ecosystem.bank}/accounts", auth=client.auth("own"))
    return answer.headers.get("trustweft-reason")


def test_an_order_is_refused_everywhere_within_the_budget_and_proved(scene: Scene, tmp_path: Path) -> None:
    """From the statement to a token, to the order, to refusals and receipts, to an export that verifies."""
    scene.third.there.set()
    with scene.http() as http:
        client = scene.register("planner", http)
        client.client_credentials(("accounts",), name="own")
        assert not (reason_at_bank(scene, client, http) or "").startswith("guard.participant")
        order, at = scene.move("software:planner", "revoke")
        wait_until(lambda: is_refused(client), BUDGET)
        wait_until(lambda: reason_at_bank(scene, client, http) == "guard.participant-ended", BUDGET)
        kept = scene.wait_for_receipts(order, scene.ecosystem.issuer, scene.ecosystem.bank)
        keys = KeySet.read(http.get(f"{scene.ecosystem.issuer}/jwks").json())
    receipt = verify_receipt(
        kept[scene.ecosystem.issuer].entry.body["token"],
        keys=keys,
        issuer=scene.ecosystem.issuer,
        audience=scene.directory,
        now=time.time(),
        tolerance=60,
    )
    assert receipt.counts["registrations"] == 1
    assert receipt.refused_at - at < BUDGET
    export = tmp_path / "evidence.jsonl"
    assert (
        run_trustweft("evidence", "export", str(export), "--data", str(scene.data / "beside")).returncode == 0
    )
    verified = run_trustweft("evidence", "verify", str(export))
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout.startswith("Good:")


def test_a_suspension_is_taken_back_and_nothing_is_lost(scene: Scene) -> None:
    """The registration and its tokens work again once the order to go on arrived."""
    scene.third.there.set()
    with scene.http() as http:
        client = scene.register("reader", http)
        client.client_credentials(("accounts",), name="own")
        stopped, _ = scene.move("software:reader", "suspend")
        wait_until(lambda: is_refused(client), BUDGET)
        scene.wait_for_receipts(stopped, scene.ecosystem.issuer, scene.ecosystem.bank)
        scene.move("software:reader", "resume")
        wait_until(lambda: not is_refused(client))


def test_who_is_away_is_told_when_it_is_back_and_delays_nobody(scene: Scene) -> None:
    """The others' receipts are there long before; its own is accepted afterwards."""
    scene.third.there.clear()
    scene.enter_software("absent")
    order, _ = scene.move("software:absent", "revoke")
    scene.wait_for_receipts(order, scene.ecosystem.issuer, scene.ecosystem.bank)
    scene.third.tokens.clear()
    scene.third.heard.clear()
    scene.third.there.set()
    wait_until(lambda: any(_speaks_of(token, order) for token in scene.third.tokens), 60)
    receipt = Listener(scene.third_url, scene.third.signer).receipt(
        order, now=time.time(), aud=scene.directory
    )
    with scene.http() as http:
        answer = http.post(
            f"{scene.directory}/receipts",
            content=receipt,
            headers={"content-type": "application/offboarding-receipt+jwt"},
        )
    assert answer.status_code == 202, answer.text
    assert scene.third_url in scene.receipts(order)


def _speaks_of(token: str, order: str) -> bool:
    claims = jws.parse(token, limit=300_000).unverified_claims()
    return f"'{order}'" in repr(claims["events"])


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_directory_that_was_away_loses_nothing(scene: Scene, killed: bool) -> None:  # noqa: FBT001
    """An order that was given meanwhile is delivered, receipted and evidence, once."""
    scene.third.there.set()
    name = f"meanwhile-{killed}".lower()
    scene.enter_software(name)
    (scene.kill_directory if killed else scene.stop_directory)()
    order, _ = scene.move(f"software:{name}", "revoke")
    scene.start_directory()
    scene.wait_for_receipts(order, scene.ecosystem.issuer, scene.ecosystem.bank)
    reader = LogReader(scene.data / "beside" / "directory" / "evidence.sqlite")
    sequences = [each.entry.body["sequence"] for each in reader.list(type="event")]
    orders = [each.entry.body["order"] for each in reader.list(type="order")]
    reader.close()
    assert sequences == list(range(1, len(sequences) + 1))
    assert orders.count(order) == 1
    assert len(set(orders)) == len(orders)


def test_readers_wait_for_what_is_new(scene: Scene) -> None:
    """A long poll is answered when something changes; whoever has everything is told so."""
    with scene.http() as http:
        first = http.get(f"{scene.directory}/status")
        tag = first.headers["etag"]
        revision = tag.strip('"')
        unchanged = http.get(f"{scene.directory}/status?since={revision}", headers={"if-none-match": tag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        answers: list[httpx2.Response] = []

        def wait() -> None:
            with scene.http() as own:
                answers.append(
                    own.get(
                        f"{scene.directory}/status?since={revision}&wait=15",
                        headers={"if-none-match": tag},
                    )
                )

        waiting = threading.Thread(target=wait)
        waiting.start()
        scene.enter_software("news")
        waiting.join()
        keys = KeySet.read(http.get(f"{scene.directory}/jwks").json())
        (answer,) = answers
        told = verify_status_list(
            answer.text, keys=keys, issuer=scene.directory, now=time.time(), tolerance=5
        )
        assert told.since == int(revision)
        assert told.subjects


def test_after_a_key_was_taken_out_the_participants_believe_the_next_one(scene: Scene) -> None:
    """What the removed key signs is refused, and orders go on to arrive."""
    scene.third.there.set()
    ring = KeyRing.load_or_create(scene.data / "beside" / "directory" / "keys", now=time.time())
    old = ring.signer()
    retire(ring.directory, old.key_id or "", compromised=True, now=time.time())
    with scene.http() as http:
        wait_until(
            lambda: (
                old.key_id not in [each["kid"] for each in http.get(f"{scene.directory}/jwks").json()["keys"]]
            )
        )
        signer = scene.enter_software("later")
        wait_until(lambda: scene.statement("later", signer, http).status_code == 200)
    order, _ = scene.move("software:later", "revoke")
    # The participants look for keys again when they meet one that they do not know, within a cool-down.
    scene.wait_for_receipts(order, scene.ecosystem.issuer, scene.ecosystem.bank)


def test_an_amended_endpoint_counts_at_once(scene: Scene) -> None:
    """Who moves is told at its new address."""
    facts = Api(
        brand="harbour",
        family="third",
        resource=scene.third_url,
        events_endpoint=f"{scene.third_url}/elsewhere",
        jwks_uri=f"{scene.third_url}/jwks",
    )
    scene.third.there.set()
    scene.do(Amend(subject=parse_subject("api:third"), facts=facts))
    scene.third.tokens.clear()
    scene.enter_software("moved")
    order, _ = scene.move("software:moved", "suspend")
    wait_until(lambda: any(_speaks_of(token, order) for token in scene.third.tokens))
