"""`trustweft offboard`: who is meant, what is answered, who has to approve, and that no probe is lost."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from ecosystem import free_base_port
from served import served
from support.profile_files import changed_profile
from support.town import OPERATOR, SECOND, make_town
from trustweft.audit.offboarding.attempts import Held
from trustweft.audit.offboarding.probing import Prober
from trustweft.cli import main
from trustweft.cli.assembly.parts import read_key
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.evidence import EVIDENCE_FILE, EVIDENCE_KEY
from trustweft.cli.first_start import prepare_settings
from trustweft.cli.offboard.carrying_out import hold
from trustweft.cli.offboard.sending import keep_probe
from trustweft.crypto.keys import KeySet, VerificationKey, generate_private_key, private_jwk
from trustweft.crypto.local_authority import load_or_create_authority, load_or_create_server_certificate
from trustweft.directory.commands import Add, Approve
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import User
from trustweft.evidence.entries import Entry
from trustweft.evidence.files import LogWriter
from trustweft.evidence.keys import load_or_create_key
from trustweft.net.asgi import application
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.protocol.offboarding import Receipt, create_receipt
from trustweft.protocol.offboarding_probe import (
    PROBE_MEDIA_TYPE,
    Probe,
    ProbedParticipant,
    create_probe,
    verify_probe,
)
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import write_private_file
from trustweft.runtime.observability import SilentObserver
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.directory.commands import Command
    from trustweft.directory.terms import Terms

ISSUER = "https://harbour.example"
REASON = ("--reason", "licence revoked")
ALICE = "3f9c0b52"
CUSTOMER = f"user:harbour-bank~{ALICE}"


@dataclass
class Box:
    """A data directory whose register has a bank and an application in it."""

    path: Path
    data: DataDirectory
    terms: Terms

    def do(self, command: Command) -> None:
        """Carry out a command of the directory, as the operator."""

        async def work() -> None:
            async with SqliteRegisterStore.open(self.path / "directory/register.sqlite") as store:
                keeper = Keeper(store, clock=SystemClock(), terms=lambda: self.terms)
                await keeper.carry_out(command, actor=OPERATOR)

        asyncio.run(work())

    def run(self, *words: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(main, ["offboard", *words, "--data", str(self.path)], prog_name="trustweft")

    def json(self, *words: str) -> dict[str, Any]:
        """Type a command, and read its JSON."""
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    def approve(self, proposal: int) -> None:
        """Be the second person."""

        async def work() -> None:
            async with SqliteRegisterStore.open(self.path / "directory/register.sqlite") as store:
                keeper = Keeper(store, clock=SystemClock(), terms=lambda: self.terms)
                await keeper.carry_out(Approve(proposal=proposal), actor=SECOND)

        asyncio.run(work())

    def proposals(self) -> list[int]:
        """Return what waits for a second person."""

        async def work() -> list[int]:
            async with SqliteRegisterStore.open(self.path / "directory/register.sqlite") as store:
                keeper = Keeper(store, clock=SystemClock(), terms=lambda: self.terms)
                return list((await keeper.read()).now.proposals)

        return asyncio.run(work())


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """The data directory, made as a start makes it, with everybody in the register active."""
    now = time.time()
    data = DataDirectory.open_or_create(tmp_path / "data", base_port=free_base_port(), clock=SystemClock())
    authority = load_or_create_authority(data.path / "ca", now=now)
    load_or_create_server_certificate(data.path / "tls", authority=authority, now=now)
    prepare_settings(data, customers={ALICE: "alice", "c2": "nina", "c3": "twin", "c4": "twin"})
    write_private_file(
        data.file("directory/probe-key.json"), msgspec.json.encode(private_jwk(generate_private_key("ES256")))
    )
    town = make_town()

    async def enter() -> None:
        async with SqliteRegisterStore.open(data.path / "directory/register.sqlite") as store:
            await store.append(town.register.events, expected=0)

    asyncio.run(enter())
    return Box(data.path, data, town.terms)


def order(box: Box, subject: str = "software:moneyview", *more: str) -> dict[str, Any]:
    """Give an order without a probe, and wait for nobody."""
    return box.json(subject, *REASON, "--no-probe", "--wait", "0", *more)


def test_an_order_answers_with_its_id_and_the_report_has_the_contracts_members(box: Box) -> None:
    """What machines read; nobody tried, so that no figure is claimed."""
    given = order(box)
    assert given["id"].startswith("order-")
    report = box.json("report", given["id"])
    assert {
        name: report[name]
        for name in ("subject", "reason", "control_ok", "p50", "p95", "max", "laggards", "probes")
    } == {
        "subject": "software:moneyview",
        "reason": "licence revoked",
        "control_ok": None,
        "p50": None,
        "p95": None,
        "max": None,
        "laggards": [],
        "probes": 0,
    }
    assert report["ordered_at"] == given["ordered_at"]
    (server,) = report["participants"]
    assert (server["id"], server["receipt"], server["refused"]) == (ISSUER, None, {})
    assert "api:moneyview~accounts" in report["subjects"]


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("nobody", "the directory knows nobody called nobody"),
        ("harbour-bank", "say which: organisation:harbour-bank, brand:harbour-bank"),
        ("certification:moneyview", "a certification is not off-boarded"),
        ("software:nobody", "register.unknown-subject"),
        ("robot:x", "register.malformed-subject"),
    ],
)
def test_who_is_not_one_is_told(box: Box, subject: str, said: str) -> None:
    """A name that means nobody, or several, gives no order."""
    result = box.run(subject, *REASON, "--no-probe", "--wait", "0")
    assert result.exit_code == 1
    assert said in result.output


def test_a_software_is_meant_before_the_organisation_behind_it(box: Box) -> None:
    """It is the least that could be meant, and it is said."""
    done = box.run("moneyview", *REASON, "--no-probe", "--wait", "0")
    assert "moneyview is taken for software:moneyview, and not for organisation:moneyview." in done.stderr
    assert ": software:moneyview revoked" in done.stdout


def test_an_id_that_one_has_needs_no_kind(box: Box) -> None:
    """Also one with a joint, and the key's default is that it is compromised."""
    assert order(box, "moneyview~accounts")["subject"] == "api:moneyview~accounts"
    assert order(box, "mia")["action"] == "revoke"
    given = order(box, "K" * 43)
    assert (given["subject"], given["action"]) == (f"key:{'K' * 43}", "compromise")
    assert given["deadlines"]["refuse"] == 5


@pytest.mark.parametrize("name", ["alice", "user:alice", ALICE, f"user:{ALICE}", CUSTOMER])
def test_a_customer_is_entered_with_the_order_that_speaks_of_her(box: Box, name: str) -> None:
    """By the name of the log-in or by the server's, under the server's alone, and once."""
    assert order(box, name, "--kind", "suspend")["subject"] == CUSTOMER
    resumed = box.json("resume", name, "--reason", "closed", "--wait", "0")
    assert resumed["subject"] == CUSTOMER
    assert order(box, name)["action"] == "revoke"
    kept = (box.path / "directory/register.sqlite").read_bytes()
    assert ALICE.encode() in kept
    assert b"alice" not in kept


def test_a_customer_of_whom_there_is_nothing_to_say_is_not_entered(box: Box) -> None:
    """Neither for what cannot be done to a person, nor where a name may be two people's."""
    done = box.run("alice", "--kind", "compromise", *REASON, "--no-probe", "--wait", "0")
    assert "no compromise of a user is possible" in done.output
    twin = box.run("twin", *REASON, "--no-probe", "--wait", "0")
    assert "say which: user:harbour-bank~c3 (a customer), user:harbour-bank~c4 (a customer)" in twin.output
    assert ALICE.encode() not in (box.path / "directory/register.sqlite").read_bytes()


def test_nobody_is_stopped_for_having_a_name_like_somebody(box: Box) -> None:
    """The administrator is called as a customer of the bank is called: who is meant has to be said, and can be."""
    box.do(Add(subject=parse_subject("user:nina"), facts=User(organisation="moneyview")))
    result = box.run("nina", *REASON, "--no-probe", "--wait", "0")
    assert result.exit_code == 1
    assert "say which: user:harbour-bank~c2 (a customer), user:nina" in result.output
    assert order(box, "user:harbour-bank~c2")["subject"] == "user:harbour-bank~c2"
    assert "user:nina is invited" in box.run("user:nina", *REASON, "--no-probe", "--wait", "0").output


def test_a_customer_whose_entry_was_cut_off_is_taken_up_where_it_ended(box: Box) -> None:
    """Entered, and not brought to life."""
    box.do(
        Add(
            subject=parse_subject(CUSTOMER),
            facts=User(organisation="harbour-bank", part="customer", brand="harbour-bank"),
        )
    )
    assert order(box, "alice")["subject"] == CUSTOMER


def test_an_account_under_a_customers_identifier_is_not_taken_for_the_customer(box: Box) -> None:
    """Somebody entered an administrator by that name."""
    box.do(Add(subject=parse_subject(f"user:{ALICE}"), facts=User(organisation="moneyview")))
    assert order(box, "alice", "--kind", "suspend")["subject"] == CUSTOMER
    result = box.run(ALICE, *REASON, "--no-probe", "--wait", "0")
    assert f"say which: {CUSTOMER} (a customer), user:{ALICE}" in result.output


def test_what_the_subject_cannot_do_says_what_it_can(box: Box) -> None:
    """A suspension is taken back with resume, and what has ended stays so."""
    assert order(box, "software:moneyview", "--kind", "suspend")["action"] == "suspend"
    again = box.run("software:moneyview", "--kind", "suspend", *REASON, "--no-probe")
    assert "possible: resume, withdraw, revoke, lapse" in again.output
    resumed = box.json("resume", "software:moneyview", "--reason", "closed", "--wait", "0")
    assert resumed["action"] == "resume"
    order(box)
    ended = box.run("resume", "software:moneyview", "--reason", "closed", "--wait", "0")
    assert ended.exit_code == 1
    assert "software:moneyview is revoked: no resume is possible" in ended.output


def test_an_order_without_a_reason_is_none(box: Box) -> None:
    """Whoever is stopped is told why."""
    assert box.run("software:moneyview", "--no-probe").exit_code == 2
    blank = box.run("software:moneyview", "--reason", " ", "--no-probe")
    assert "register.reason-missing" in blank.output


def two_people(box: Box, profile: Path) -> None:
    """Let a second person have to approve that a software is revoked."""
    changed_profile(profile, two_people=["software.revoke"])
    settings = box.path / "server/server.toml"
    settings.write_text(
        settings.read_text().replace('profile = "fapi2-security"', f'profile = "{profile}"'), "utf-8"
    )
    box.terms = msgspec.structs.replace(box.terms, two_people=frozenset({"software.revoke"}))


def test_an_order_that_waits_goes_on_when_a_second_person_approves(box: Box, tmp_path: Path) -> None:
    """With ``--wait`` the answer is the order's."""
    two_people(box, tmp_path / "two.toml")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(box.run, "software:moneyview", *REASON, "--no-probe", "--wait", "20", "--json")
        while not (found := box.proposals()):
            assert not waiting.done(), waiting.result().output
        box.approve(found[0])
        given = json.loads(waiting.result(60).stdout)
    assert (given["subject"], given["approved_by"]) == ("software:moneyview", SECOND.id)
    assert given["id"].startswith("order-")


def test_where_two_people_decide_the_answer_says_who_and_how(box: Box, tmp_path: Path) -> None:
    """Nothing happens until a second person approves; then the report knows the proposal by its name."""
    two_people(box, tmp_path / "two.toml")
    given = order(box)
    proposal = given["id"]
    assert proposal.startswith("proposal-")
    assert f"trustweft onboard approve {proposal.removeprefix('proposal-')} --as PERSON" in given["waits_for"]
    waiting = box.run("report", proposal)
    assert waiting.exit_code == 1
    assert "waits for a second person" in waiting.output
    box.approve(int(proposal.removeprefix("proposal-")))
    report = box.json("report", proposal)
    assert (report["subject"], report["approved_by"]) == ("software:moneyview", SECOND.id)
    assert "order-" in report["id"]
    assert "led to no order" in box.run("report", "proposal-999").output


def test_an_order_that_nobody_gave_has_no_report(box: Box) -> None:
    """It is said by its reason."""
    result = box.run("report", "order-999")
    assert result.exit_code == 1
    assert "case.unknown-order" in result.output


def test_without_a_key_to_sign_with_nothing_is_done(box: Box) -> None:
    """What was seen would be nobody's word; the order is not given either."""
    (box.path / "directory/probe-key.json").unlink()
    result = box.run("software:moneyview", *REASON)
    assert "--no-probe" in result.output
    assert order(box)["id"].startswith("order-")


def test_an_administrator_acts_for_the_own_organisation_alone(box: Box) -> None:
    """Whoever the directory knows acts as what it knows them as."""
    refused = box.run("brand:harbour-bank", *REASON, "--no-probe", "--wait", "0", "--as", "mia")
    assert "register.not-permitted" in refused.output
    given = order(box, "software:moneyview", "--kind", "withdraw", "--as", "mia")
    assert given["ordered_by"] == "mia"
    assert "--as" in box.run("brand:harbour-bank", *REASON, "--as", "no body").output


def test_receipts_in_the_log_are_told(box: Box, tmp_path: Path) -> None:
    """As text with what was ended, as JSON with counts and times, and on a page that needs nothing else."""
    given = order(box)
    key = load_or_create_key(box.data.file(EVIDENCE_KEY))
    log = LogWriter(box.path / EVIDENCE_FILE, origin="directory/evidence", key=key)
    at = given["effective_at"]
    for name, cleaned in ((given["id"], at + 0.25), ("order-0", at + 9)):
        receipt = Receipt(
            iss=ISSUER,
            aud="https://directory.example",
            order=name,
            iat=int(at),
            refused_at=at + 0.125,
            cleaned_at=cleaned,
            counts={"grants": 3, "codes": 0},
            revision=7,
        )
        token = create_receipt(read_key(box.path / "directory/probe-key.json"), receipt)
        body = {"order": name, "participant": ISSUER, "received_at": at + 0.5, "token": token}
        log.append([Entry(type="receipt", at=at + 0.5, subject="software:moneyview", body=body)])
    log.close()
    (server,) = box.json("report", given["id"])["participants"]
    assert server["receipt"]["counts"] == {"grants": 3, "codes": 0}
    assert (server["receipt"]["refused_after"], server["receipt"]["cleaned_after"]) == (0.125, 0.25)
    page = tmp_path / "case.html"
    text = box.run("report", given["id"], "--html", str(page))
    assert "3 grants, done after 0.25 s" in text.stdout
    written = page.read_text(encoding="utf-8")
    assert "Off-boarding: software:moneyview" in written
    assert "3 grants" in written
    assert "<script" not in written
    assert "http://" not in written.replace("http://www.w3.org/2000/svg", "")


def test_a_page_shows_what_others_wrote_as_text(box: Box, tmp_path: Path) -> None:
    """A reason is words, whatever they are."""
    given = box.json("software:moneyview", "--reason", "<b onclick=x>`</b>", "--no-probe", "--wait", "0")
    page = tmp_path / "case.html"
    box.run("report", given["id"], "--html", str(page))
    assert "<b onclick" not in page.read_text(encoding="utf-8")


@dataclass
class Desk:
    """The directory's side: takes probes, or refuses them."""

    status: int = 202
    taken: list[tuple[str | None, str]] = field(default_factory=list)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Keep what came."""
        self.taken.append((request.header("content-type"), request.body.decode()))
        return HttpResponse(self.status, (("trustweft-reason", "probe.no-key"),))


def keep(box: Box, identifier: str) -> Probe:
    """Keep a probe as if the directory had been away when it was made."""
    probe = Probe(
        iss="prober",
        aud="directory",
        order=identifier,
        iat=int(time.time()),
        participants=(
            ProbedParticipant(
                id=ISSUER, kind="server", before_ok={"client_key": True}, refused={"client_key": 0.25}
            ),
        ),
        control_ok=True,
        finished_at=time.time(),
    )
    keep_probe(box.data, probe, create_probe(read_key(box.path / "directory/probe-key.json"), probe))
    return probe


def test_a_probe_is_kept_until_the_directory_has_it(box: Box) -> None:
    """It is part of the report meanwhile, sent with the next one, and kept where the directory refuses it."""
    identifier = order(box)["id"]
    probe = keep(box, identifier)
    folder, desk = box.path / "directory/probes", Desk(status=400)
    away = box.run("report", identifier)
    assert "The directory is away" in away.stderr
    assert "client's key 0.25 s" in away.stdout
    with served(
        lambda: application(
            desk.respond,
            participant="directory",
            observer=SilentObserver(),
            body_limit=65_536,
            endpoint_of=lambda path: path,
        ),
        port=box.data.ports.directory,
        certificate=box.path / "tls/certificate.pem",
        private_key=box.path / "tls/private-key.pem",
    ):
        assert "refused" in box.run("report", identifier).stderr
        assert len(list(folder.iterdir())) == 1
        desk.status = 202
        sent = box.run("report", identifier)
        assert (sent.exit_code, sent.stderr) == (0, "")
    assert list(folder.iterdir()) == []
    media_type, token = desk.taken[-1]
    signer = read_key(box.path / "directory/probe-key.json")
    keys = KeySet([VerificationKey(signer.public_key, "ES256", signer.key_id)])
    assert media_type == PROBE_MEDIA_TYPE
    found = verify_probe(
        token, keys=keys, issuer="prober", audience="directory", now=time.time(), tolerance=5
    )
    assert found == probe


def test_a_subject_may_be_called_like_a_command(box: Box) -> None:
    """With its kind; and without a register there is nobody."""
    assert "unknown-subject" in box.run("software:report", *REASON, "--no-probe").output
    assert OPERATOR.id != SECOND.id
    (box.path / "directory/register.sqlite").unlink()
    assert "has no directory yet" in box.run("software:moneyview", *REASON).output


def slow(held: Held, *, then: threading.Event | None) -> Prober:
    """Return what has obtained one credential when it comes to a server that drips, or that answers with nonsense."""

    class Slow(Prober):
        def hold(self) -> list[Held]:
            self.held.append(held)
            if then is None:
                raise ValueError("a server that answers with nonsense")
            then.wait()
            self.held.append(held)
            return self.held

    return Slow(sites=(), clock=SystemClock())


def test_nobody_puts_off_an_order_by_answering_slowly_or_with_nonsense() -> None:
    """What came in time is tried, that there was more is said, and nothing comes to it afterwards."""
    held = Held(
        participant=ISSUER, kind="server", credential="client_key", clock=SystemClock(), copies=deque()
    )
    then, problems = threading.Event(), list[str]()
    obtaining = slow(held, then=then)
    found = hold(obtaining, problems, seconds=0.05)
    assert found.held == [held]
    assert "still being obtained" in problems[0]
    then.set()
    while len(obtaining.held) < 2:
        time.sleep(0)
    assert found.held == [held]
    assert hold(slow(held, then=None), problems).held == [held]
    assert "nonsense" in problems[1]
