"""The hostile server plays its scenarios to clients of many kinds: good ones come out well, a careless one does not."""

from __future__ import annotations

import json
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ecosystem import run_trustweft
from relying.careless import careless_application
from tools import NODE_FOLDER, need
from trustweft.audit.hostile.hosting import free_ports
from trustweft.audit.registry import all_checks
from trustweft.audit.relying.setting import Staging
from trustweft.audit.run import Options, audit_client
from trustweft.audit.target import RelyingParty, Target
from trustweft.audit.verdict import Role, Verdict
from trustweft.crypto.local_authority import create_self_signed, load_or_create_authority
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecosystem import Ecosystem
    from trustweft.audit.results import Result, Run

PROGRAMS = Path(__file__).parents[1] / "relying"
CHECKS = tuple(each for each in all_checks() if each.role is Role.CLIENT)
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}


def play(folder: Path, relying: RelyingParty, checks: Iterable[str] | None = None) -> Run:
    chosen = CHECKS if checks is None else [each for each in CHECKS if each.id in set(checks)]
    staging = Staging(folder=folder / "stage", authority=folder / "authority")
    return audit_client(
        Target(relying_party=relying, rate=1000.0),
        Options(checks=chosen, staging=staging),
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def alarms(run: Run) -> dict[str, str]:
    return {each.id: f"{each.verdict}: {each.reason}" for each in run.checks if each.verdict in FOUND}


def verdicts(run: Run) -> dict[str, Verdict]:
    return {each.id: each.verdict for each in run.checks}


def program(*arguments: str) -> RelyingParty:
    return RelyingParty(command=(sys.executable, *map(str, arguments)), callback_by="stdin")


def unclear(run: Run) -> dict[str, str]:
    return {each.id: each.reason for each in run.checks if each.verdict is Verdict.INCONCLUSIVE}


def test_our_library_comes_out_well(tmp_path: Path) -> None:
    run = play(tmp_path, program(str(PROGRAMS / "probe.py")))
    assert alarms(run) == {}
    assert unclear(run) == {}
    assert run.profile == "fapi2-security"
    assert verdicts(run)["RP-15-userinfo-subject"] is Verdict.PASS
    assert verdicts(run)["RP-13-other-connection"] is Verdict.PASS


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
def test_clients_of_others_come_out_well(library: str, tmp_path: Path) -> None:
    need("node", package="nodejs")
    need(str(NODE_FOLDER / "node_modules" / library / "package.json"), package="npm")
    run = play(tmp_path, program(str(PROGRAMS / "node_client.py"), library))
    assert alarms(run) == {}
    assert unclear(run) == {}


def test_a_client_with_one_issuer_meets_the_scenarios_one_by_one(tmp_path: Path) -> None:
    relying = RelyingParty(
        command=(sys.executable, str(PROGRAMS / "probe.py")),
        callback_by="stdin",
        server="https://localhost:19877",
    )
    checks = {"RP-02-iss-other", "RP-06-nonce", "RP-16-self-signed", "RP-16-other-name", "RP-16-expired"}
    run = play(tmp_path, relying, checks)
    assert verdicts(run) == dict.fromkeys(checks, Verdict.PASS)


@pytest.mark.parametrize("one_issuer", [False, True], ids=["an issuer each", "one issuer"])
@pytest.mark.parametrize("careless", [False, True], ids=["careful", "careless"])
def test_a_client_without_discovery_meets_certificates_too_and_its_own_is_seen(
    tmp_path: Path, *, one_issuer: bool, careless: bool
) -> None:
    """Its browser, which is the auditor's, does not stop at the certificate before the client comes to it."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = create_self_signed(key, common_name="by-certificate", now=SystemClock().now(), days=1)
    pem = tmp_path / "client.pem"
    pem.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    arguments = [str(PROGRAMS / "certificate_client.py"), str(pem), *(["insecure"] if careless else [])]
    relying = program(*arguments)
    if one_issuer:
        relying = msgspec.structs.replace(relying, server=f"https://localhost:{free_ports(1)[0]}")
    checks = {"RP-16-self-signed", "RP-16-other-name", "RP-16-expired"}
    staging = Staging(folder=tmp_path / "stage", authority=tmp_path / "authority")
    run = audit_client(
        Target(relying_party=relying, rate=1000.0, profile="fapi2-security"),
        Options(
            checks=[each for each in CHECKS if each.id in checks | {"RP-11-bound-token"}], staging=staging
        ),
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )
    expected = dict.fromkeys(checks, Verdict.FAIL if careless else Verdict.PASS)
    assert verdicts(run) == {**expected, "RP-11-bound-token": Verdict.PASS}


def test_a_careless_client_is_found_out(tmp_path: Path) -> None:
    authority = load_or_create_authority(tmp_path / "authority", now=SystemClock().now())
    trust = ssl.create_default_context(cafile=str(authority.certificate_file))
    with careless_application(trust) as base:
        relying = RelyingParty(start=f"{base}/login?issuer={{issuer}}", callback=f"{base}/callback")
        run = play(tmp_path, relying)
    assert run.profile == "oauth2-bcp"
    assert set(alarms(run)) == {
        "RP-01-no-session",
        "RP-01-other-session",
        "RP-01-replayed",
        "RP-02-iss-missing",
        "RP-02-iss-other",
        "RP-02-iss-similar",
        "RP-02-two-issuers",
        "RP-04-injection-defence",
        "RP-05-injected-code",
        "RP-09-unknown-type",
        "RP-14-forced-start",
        "RP-14-other-user",
        "RP-14-session-renewed",
        "RP-19-session-cookie",
    }
    assert unclear(run) == {}
    assert run.grade == "F"


def test_each_finding_shows_control_and_attack(tmp_path: Path) -> None:
    authority = load_or_create_authority(tmp_path / "authority", now=SystemClock().now())
    trust = ssl.create_default_context(cafile=str(authority.certificate_file))
    with careless_application(trust) as base:
        relying = RelyingParty(start=f"{base}/login?issuer={{issuer}}", callback=f"{base}/callback")
        run = play(tmp_path, relying, {"RP-02-iss-other", "RP-01-no-session"})
    for result in run.checks:
        assert result.verdict is Verdict.FAIL
        assert {"control", "attack"} <= kinds(result)
        assert "secret" not in str([each.request.body for each in result.evidence]).replace("[secret", "")


def kinds(result: Result) -> set[str]:
    return {each.kind for each in result.evidence}


def test_moneyview_is_led_to_the_hostile_server_by_the_command(ecosystem: Ecosystem) -> None:
    only = ("RP-01", "RP-06-issuer", "RP-05", "RP-16")
    options = [text for name in only for text in ("--only", name)]
    done = run_trustweft("check", "client", "--data", str(ecosystem.data), *options, "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    results = {each["id"]: each["verdict"] for each in json.loads(done.stdout)["checks"]}
    assert set(results.values()) == {"PASS"}
    assert {"RP-01-no-session", "RP-05-injected-code", "RP-06-issuer", "RP-16-expired"} <= set(results)


def test_the_command_says_where_the_server_is_and_what_the_client_must_do(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    command = json.dumps([sys.executable, str(PROGRAMS / "probe.py")])
    file.write_text(f'[relying_party]\ncommand = {command}\ncallback_by = "stdin"\n')
    done = run_trustweft("check", "client", "--target", str(file), "--only", "RP-06-nonce")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "takes every client_id" in done.stdout
    assert "Authority to trust: " in done.stdout
    assert "RP-06-nonce: the client must not log anybody in" in done.stdout
    assert "/.well-known/oauth-authorization-server/RP-06-nonce" in done.stdout
    assert "Grade A. 2 PASS." in done.stdout


def test_a_target_without_an_issuer_is_for_clients_alone(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    file.write_text('[relying_party]\ncommand = ["true"]\n')
    done = run_trustweft("check", "--target", str(file))
    assert done.returncode == 2
    assert "trustweft check client" in done.stderr
