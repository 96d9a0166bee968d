"""`trustweft onboard`: what people and programs read on the way in, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from support.profile_files import changed_profile
from trustweft.audit.registry import all_checks
from trustweft.cli import main
from trustweft.cli.box_directory import prepare_directory
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.directory_register import SETTINGS
from trustweft.cli.first_start import prepare_settings
from trustweft.crypto.keys import generate_private_key, private_jwk, public_jwk
from trustweft.crypto.local_authority import create_self_signed, load_or_create_authority
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.files import write_private_file

if TYPE_CHECKING:
    from click.testing import Result

ISSUER = "https://login.acme.example"
METADATA = {
    "client_name": "Acme Pay",
    "organization_name": "Acme Ltd",
    "redirect_uris": ["https://pay.acme.example/callback"],
    "grant_types": ["authorization_code"],
    "scope": "accounts",
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks_uri": "https://pay.acme.example/jwks",
}


class Desk:
    """Somebody at the command line of an ecosystem that has not been started yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = DataDirectory.open_or_create(folder / "data", base_port=23_450, clock=SystemClock())
        load_or_create_authority(self.data.path / "ca", now=time.time())
        prepare_settings(self.data, customers={})
        prepare_directory(self.data)
        self.asks_for_proof()

    def asks_for_proof(self) -> None:
        """Have the directory ask for certifications, as the profile does."""
        path = self.data.path / SETTINGS
        text = path.read_text(encoding="utf-8")
        write_private_file(path, text.replace('["brand", "software"]', "[]").encode())

    def run(self, *words: str) -> Result:
        """Type a command."""
        return CliRunner().invoke(
            main, ["onboard", *words, "--data", str(self.data.path)], prog_name="trustweft"
        )

    def text(self, *words: str) -> str:
        """Type a command that succeeds, and read it."""
        done = self.run(*words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *words: str) -> Any:
        """The same, for programs."""
        return json.loads(self.text(*words, "--json"))

    def refusal(self, *words: str) -> str:
        """Type a command that is refused, and read why, on one line."""
        done = self.run(*words)
        assert (done.exit_code, done.stdout) == (1, ""), done.output
        (line,) = done.stderr.splitlines()
        return line.removeprefix("Error: ")

    def file(self, name: str, content: bytes | str | object) -> str:
        """Write a file for its owner alone, and return its path."""
        path = self.folder / name
        octets = content if isinstance(content, bytes) else json.dumps(content).encode()
        write_private_file(path, content.encode() if isinstance(content, str) else octets)
        return str(path)

    def admit(self) -> None:
        """Bring an organisation in."""
        self.text("apply", "acme", "--name", "Acme Ltd")
        self.text("verify", "acme", "--evidence", "entry 4711")
        self.text("sign", "acme", "--terms", "1")
        self.text("admit", "acme")
        self.text("role", "acme", "account-information", "--api", "accounts")

    def enter(self) -> None:
        """Bring its software and its authorization server, as far as what they have to show."""
        self.admit()
        metadata = self.file("metadata.json", METADATA)
        self.text("software", "acme", "acme-pay", "--name", "Acme Pay", "--metadata", metadata)
        self.text("brand", "acme", "acme", "--name", "Acme", "--issuer", ISSUER)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as OpenSSL writes it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def csr(key: ec.EllipticCurvePrivateKey, name: str = "acme-pay") -> bytes:
    """Return a certificate request."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def run_document(**changes: Any) -> dict[str, Any]:
    """Return what `trustweft check --json` prints of a deployment in which nothing fails."""
    checks = [{"id": each.id, "verdict": "PASS", "role": each.role.value} for each in all_checks()]
    return {
        "target": ISSUER,
        "application": "https://pay.acme.example",
        "profile": "fapi2-security",
        "started_at": time.time() - 60,
        "checks": checks,
        "reached": {"clients": ["tour"], "locked_out": []},
        **changes,
    }


def test_each_step_says_what_happened_and_what_comes_next(desk: Desk) -> None:
    """From the application to the role, every command leads to the following one."""
    said = [
        desk.text("apply", "acme", "--name", "Acme Ltd", "--security-contact", "security@acme.example"),
        desk.text("verify", "acme", "--evidence", "entry 4711", "--as", "olga"),
        desk.text("sign", "acme", "--terms", "2027-01"),
        desk.text("admit", "organisation:acme"),
        desk.text("role", "acme", "account-information", "--api", "accounts"),
    ]
    assert said[0].startswith("Entered organisation:acme.\nEntered contact:acme-security.\nNext: ")
    assert said[1].startswith("organisation:acme: applied → verified (by olga).\nNext: ")
    following = [each.splitlines()[-1].partition(" onboard ")[2] for each in said]
    assert following == [
        'verify acme --evidence "REGISTER ENTRY"',
        "sign acme --terms VERSION",
        "admit acme",
        "role acme ROLE --api FAMILY",
        'software acme ID --name "NAME" --metadata FILE',
    ]


def test_software_comes_with_a_request_a_proof_and_goes_live(desk: Desk) -> None:
    """The built-in authority signs its request; the run certifies it; then it may be authorised for an API."""
    desk.enter()
    key = ec.generate_private_key(ec.SECP256R1())
    output = desk.folder / "certificate.pem"
    said = desk.text("key", "acme-pay", "--csr", desk.file("acme.csr", csr(key)), "--output", str(output))
    issued = x509.load_pem_x509_certificate(output.read_bytes())
    assert issued.public_key() == key.public_key()
    assert said.count("→") == 2
    assert desk.refusal("live", "acme-pay").startswith("register.not-certified")
    run = desk.file("run.json", run_document())
    desk.text("prove", "acme-pay", "--run", run)
    desk.text("live", "acme-pay")
    said = desk.text("authorise", "acme-pay", "accounts", "--role", "account-information")
    assert said.endswith("software:acme-pay is on board.\n")
    document = desk.json("status", "acme-pay")
    assert (document["state"], document["counts_as"], document["next"]) == ("live", "active", None)
    assert {each["state"] for each in document["steps"]} == {"done"}
    assert list((desk.data.path / "directory" / "runs").iterdir()) != []


def test_what_is_so_already_is_left_as_it_is(desk: Desk) -> None:
    """Whoever types a command twice is told so, and may read the same from JSON."""
    desk.enter()
    assert "is so already" in desk.text("admit", "acme")
    again = desk.json("role", "acme", "account-information")
    assert (again["events"], again["subject"]) == ([], "organisation:acme")


def test_a_brand_offers_its_api_once_it_is_listed(desk: Desk) -> None:
    """Before, the API is declared and waits."""
    desk.enter()
    words = ("api", "acme", "accounts", "--resource", "https://api.acme.example")
    assert "Entered api:accounts." in desk.text(*words[:1], "brand:acme", *words[2:])
    run = desk.file("run.json", run_document())
    desk.text("prove", "brand:acme", "--run", run)
    desk.text("live", "brand:acme")
    said = desk.text(*words[:1], "brand:acme", *words[2:])
    assert "api:accounts: declared → listed" in said


def test_a_name_that_may_mean_several_is_asked_about(desk: Desk) -> None:
    """And one that means nothing is told with what there is."""
    desk.enter()
    assert desk.refusal("status", "acme") == "acme may mean organisation:acme or brand:acme: say which"
    assert "it knows brand:acme, organisation:acme, software:acme-pay" in desk.refusal("status", "nobody")
    assert desk.refusal("live", "role:acme~account-information").endswith("is no brand or software")


def test_everybody_is_listed_with_the_next_command(desk: Desk) -> None:
    """As a table, and as JSON with what waits for a second person."""
    desk.enter()
    assert "onboard key software:acme-pay" in " ".join(desk.text("status").split())
    document = desk.json("status")
    assert [each["subject"] for each in document["participants"]] == [
        "organisation:acme",
        "software:acme-pay",
        "brand:acme",
    ]
    assert document["proposals"] == []


def test_two_people_are_two_people(desk: Desk) -> None:
    """Who proposed it cannot agree to it; somebody else can, or declines."""
    profile = changed_profile(desk.folder / "two.toml", two_people=["organisation.activate"])
    write_private_file(desk.data.applied_profile, profile.read_bytes())
    desk.text("apply", "acme", "--name", "Acme Ltd")
    desk.text("verify", "acme", "--evidence", "entry")
    desk.text("sign", "acme", "--terms", "1")
    said = desk.text("admit", "acme", "--as", "olga")
    number = desk.json("status")["proposals"][0]["number"]
    assert f"proposes activate (number {number}); a second person has to agree." in said
    assert f"onboard approve {number} --as SOMEBODY-ELSE" in said
    assert "waits for a second person, other than olga" in desk.text("status")
    assert desk.refusal("approve", str(number), "--as", "olga").startswith("register.own-proposal")
    assert "declined number" in desk.text("decline", str(number), "--reason", "not yet", "--as", "otto")
    assert desk.refusal("approve", str(number), "--as", "otto").startswith("register.no-proposal")
    number = desk.json("admit", "acme", "--as", "olga")["events"][0]["sequence"]
    assert "contracted → active (by olga and otto)" in desk.text("approve", str(number), "--as", "otto")


def test_who_acts_is_who_they_are_known_as(desk: Desk) -> None:
    """A name that is none, and a customer, act for nobody."""
    done = desk.run("status", "--as", "olga; rm -rf")
    assert (done.exit_code, "a person is named by" in done.stderr) == (2, True)


# Keys.


def test_a_key_that_is_announced_waits_for_its_proof(desk: Desk) -> None:
    """The proof is made where the private key is, for this directory and this software alone."""
    desk.enter()
    private = generate_private_key("ES256")
    jwk = desk.file("public.json", public_jwk(private.public_key()))
    secret = desk.file("private.json", private_jwk(private))
    assert "Entered key:" in desk.text("key", "acme-pay", "--jwk", jwk)
    assert desk.json("status", "acme-pay")["next"].endswith("key software:acme-pay --jwk FILE --proof FILE")
    elsewhere = desk.text("proof", "software:other", "--key", secret)
    words = ("key", "acme-pay", "--jwk", jwk, "--proof")
    assert desk.refusal(*words, desk.file("e.jwt", elsewhere)).startswith("key-proof.subject")
    foreign = desk.text("proof", "software:acme-pay", "--key", secret, "--directory", "https://other.example")
    assert desk.refusal(*words, desk.file("f.jwt", foreign)).startswith("key-proof.audience")
    proof = desk.text("proof", "software:acme-pay", "--key", secret)
    assert "announced → active" in desk.text(*words, desk.file("p.jwt", proof))


def test_a_private_key_is_no_key_to_announce(desk: Desk) -> None:
    """It is refused, and a file that others can read is not read."""
    desk.enter()
    secret = desk.file("private.json", private_jwk(generate_private_key("ES256")))
    assert desk.refusal("key", "acme-pay", "--jwk", secret).startswith("jwk.private")
    open_file = desk.folder / "open.json"
    open_file.write_text("{}")
    open_file.chmod(0o644)
    assert "others can read" in desk.refusal("proof", "software:acme-pay", "--key", str(open_file))


def test_a_certificate_is_brought_with_a_proof(desk: Desk) -> None:
    """One that vouches for itself passes by this profile; without a proof nothing passes."""
    desk.enter()
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = create_self_signed(key, common_name="acme-pay", now=time.time())
    file = desk.file("own.pem", certificate.public_bytes(Encoding.PEM))
    assert desk.run("key", "acme-pay", "--certificate", file).exit_code == 2
    other = desk.file("other.pem", pem(ec.generate_private_key(ec.SECP256R1())))
    stolen = desk.text("proof", "software:acme-pay", "--key", other)
    words = ("key", "acme-pay", "--certificate", file, "--proof")
    assert desk.refusal(*words, desk.file("s.jwt", stolen)).startswith("key-proof.bad-signature")
    proof = desk.text("proof", "software:acme-pay", "--key", desk.file("own-key.pem", pem(key)))
    assert "requested → valid" in desk.text(*words, desk.file("p.jwt", proof))


def test_a_request_for_another_name_gets_nothing(desk: Desk) -> None:
    """Nobody's request is taken for somebody else's, and the directory knows of nothing."""
    desk.enter()
    key = ec.generate_private_key(ec.SECP256R1())
    file = desk.file("other.csr", csr(key, "another"))
    assert desk.refusal("key", "acme-pay", "--csr", file).startswith("certificate-request.name")
    # Servers know clients by the name in a certificate, and an organisation may be called like another's software.
    desk.text("apply", "acme-pay-too", "--name", "Acme Pay Too")
    file = desk.file("organisation.csr", csr(key, "acme-pay-too"))
    assert "to software alone" in desk.run("key", "organisation:acme-pay-too", "--csr", file).output
    assert {each["id"]: each["state"] for each in desk.json("status", "acme-pay")["steps"]}["key"] == "open"


@pytest.mark.parametrize(
    "words",
    [(), ("--jwk", "a", "--csr", "a"), ("--jwk", "a", "--output", "b")],
    ids=["none", "two", "output"],
)
def test_a_key_comes_one_way(desk: Desk, words: tuple[str, ...]) -> None:
    """Neither none nor two, and only a request is answered with a certificate."""
    file = desk.file("a", {})
    done = desk.run("key", "acme-pay", *(file if each == "a" else each for each in words))
    assert (done.exit_code, "Usage:" in done.stderr) == (2, True)


# Proof.

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no run": ({"checks": "none"}, "unreadable"),
    "another deployment": ({"target": "https://login.other.example"}, "other-subject"),
    "a week old": ({"started_at": time.time() - 8 * 86_400}, "too-old"),
    "of tomorrow": ({"started_at": time.time() + 86_400}, "too-old"),
    "another profile": ({"profile": "oauth2-bcp"}, "other-profile"),
    "nobody logged in": ({"reached": {"clients": [], "locked_out": []}}, "too-little"),
    "somebody was locked out": ({"reached": {"clients": ["a"], "locked_out": ["b"]}}, "too-little"),
    "one check alone": ({"checks": run_document()["checks"][:1]}, "too-little"),
    "nothing came to an end": (
        {"checks": [{**each, "verdict": "INCONCLUSIVE"} for each in run_document()["checks"]]},
        "too-little",
    ),
    "nothing applied": (
        {"checks": [{**each, "verdict": "NOT_APPLICABLE"} for each in run_document()["checks"]]},
        "too-little",
    ),
    **{
        f"a check that is {verdict}": (
            {"checks": [*run_document()["checks"][1:], {**run_document()["checks"][0], "verdict": verdict}]},
            "fails",
        )
        for verdict in ("FAIL", "SUSPECTED")
    },
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_run_that_proves_nothing_certifies_nobody(desk: Desk, changes: dict[str, Any], reason: str) -> None:
    """Each for its reason, and nothing is kept."""
    desk.enter()
    file = desk.file("run.json", run_document(**changes))
    assert desk.refusal("prove", "brand:acme", "--run", file).startswith(f"proof.{reason}")
    assert not (desk.data.path / "directory" / "runs").exists()


@pytest.mark.parametrize("application", ["", "https://pay.acme", "https://pay.acme.example.evil"])
def test_a_run_against_another_application_does_not_certify_a_software(desk: Desk, application: str) -> None:
    """Nor does one against none, or against an address that only begins like its own."""
    desk.enter()
    file = desk.file("run.json", run_document(application=application))
    assert desk.refusal("prove", "acme-pay", "--run", file).startswith("proof.other-subject")


def log(**changes: Any) -> dict[str, Any]:
    """Return an exported log of the conformance suite, as far as it is read."""
    info = {
        "testName": "fapi2-security-profile-final-happy-flow",
        "planId": "p1",
        "status": "FINISHED",
        "result": "PASSED",
        "started": "2026-01-01T00:00:00Z",
        "config": {"server": {"discoveryUrl": f"{ISSUER}/.well-known/openid-configuration"}},
        **changes,
    }
    return {"testInfo": info, "results": []}


def stamped(seconds: float) -> str:
    """Return a time so long ago as the suite writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def test_a_conformance_result_certifies_too(desk: Desk) -> None:
    """All modules of one plan, each finished and passed; whether it was warned, or skipped something, is no failure."""
    desk.enter()
    logs = [log(started=stamped(60)), log(started=stamped(50), result="WARNING")]
    said = desk.text("prove", "brand:acme", "--conformance", desk.file("plan.json", logs))
    assert "declared → certified" in said
    software = log(started=stamped(9), config={"client": {"redirect_uri": METADATA["redirect_uris"][0]}})
    desk.text("prove", "acme-pay", "--conformance", desk.file("client.json", software))


CONFORMANCE: dict[str, tuple[Any, str]] = {
    "no log": ({"testInfo": 7}, "unreadable"),
    "nothing": ([], "unreadable"),
    "a time that is none": (log(started="yesterday"), "unreadable"),
    "another server": (
        log(started=stamped(9), config={"server": {"discoveryUrl": "https://x.example"}}),
        "other-subject",
    ),
    "no configuration": (log(started=stamped(9), config=None), "other-subject"),
    "old": (log(), "too-old"),
    "failed": (log(started=stamped(9), result="FAILED"), "fails"),
    "to be reviewed": (log(started=stamped(9), result="REVIEW"), "fails"),
    "interrupted": (log(started=stamped(9), status="INTERRUPTED"), "fails"),
    "two plans": ([log(started=stamped(9)), log(started=stamped(9), planId="p2")], "too-little"),
    "skipped alone": (log(started=stamped(9), result="SKIPPED"), "too-little"),
}


@pytest.mark.parametrize(("document", "reason"), CONFORMANCE.values(), ids=CONFORMANCE)
def test_logs_that_prove_nothing_certify_nobody(desk: Desk, document: Any, reason: str) -> None:
    """Each for its reason."""
    desk.enter()
    file = desk.file("plan.json", document)
    assert desk.refusal("prove", "brand:acme", "--conformance", file).startswith(f"proof.{reason}")


# Addresses and metadata.


@pytest.mark.parametrize(
    "url", ["http://a.example", "a.example", "https://a.example?x=1", "https://a.example#x"]
)
def test_participants_have_https_addresses(desk: Desk, url: str) -> None:
    """Without query and fragment."""
    desk.admit()
    done = desk.run("brand", "acme", "acme", "--name", "Acme", "--issuer", url)
    assert (done.exit_code, "an https URL" in done.stderr) == (2, True)


def test_metadata_that_no_server_would_take_are_refused(desk: Desk) -> None:
    """A redirect over http, say; what the file says otherwise is kept as it is."""
    desk.admit()
    file = desk.file("m.json", {**METADATA, "redirect_uris": ["http://pay.acme.example/callback"]})
    words = ("software", "acme", "acme-pay", "--name", "Acme Pay", "--metadata")
    assert desk.refusal(*words, file).startswith("client-metadata.redirect-uri")
    assert desk.refusal(*words, desk.file("n.json", b"[")).startswith("json.")
    assert "Entered software:acme-pay." in desk.text(*words, desk.file("ok.json", METADATA))


# The manual.

MANUAL = (Path(__file__).parents[3] / "docs" / "onboarding.md").read_text(encoding="utf-8")
_MADE_UP = re.compile(r"[A-Za-z0-9_-]{43}|(?<=acme-pay-)[0-9a-f]{12}")


def transcripts() -> list[str]:
    """Return what the manual shows of the command line, block by block."""
    return re.findall(r"```console\n(.*?)```", MANUAL, re.DOTALL)


def play(desk: Desk, transcript: str) -> str:
    """Type the commands of a transcript, and return what it looks like now."""
    played = []
    for typed in re.findall(r"^\$ trustweft onboard (.*)$", transcript, re.MULTILINE):
        done = desk.run(*shlex.split(typed))
        played += [f"$ trustweft onboard {typed}\n", done.stdout, done.stderr]
    return "".join(played)


def test_the_manual_shows_what_is_printed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command in it, in its order; only thumbprints and digests are others each time."""
    monkeypatch.setattr("trustweft.cli.person._account", lambda: "olga")
    monkeypatch.setattr("trustweft.cli.onboard.narration.own_name", lambda: "trustweft")
    monkeypatch.chdir(desk.folder)
    desk.file("acme-pay.json", METADATA)
    desk.file("acme-pay.csr", csr(ec.generate_private_key(ec.SECP256R1())))
    desk.file("run.json", run_document())
    alone, certified, together = transcripts()
    for transcript in (alone, certified):
        assert _MADE_UP.sub("…", play(desk, transcript)) == _MADE_UP.sub("…", transcript)
    other = Desk(desk.folder / "other")
    profile = changed_profile(desk.folder / "two.toml", two_people=["organisation.activate"])
    write_private_file(other.data.applied_profile, profile.read_bytes())
    other.text("apply", "acme", "--name", "Acme Ltd")
    other.text("verify", "acme", "--evidence", "entry")
    other.text("sign", "acme", "--terms", "1")
    assert play(other, together) == together
