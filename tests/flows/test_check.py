"""`trustweft check` as people and machines call it, against an ecosystem that runs."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import msgspec

from ecosystem import free_base_port, run_trustweft
from trustweft.audit.registry import all_checks

if TYPE_CHECKING:
    from pathlib import Path

    from ecosystem import Ecosystem

FEW = ("--only", "TK-01", "--only", "META")


def test_the_json_lists_every_check_and_keeps_its_contract(ecosystem: Ecosystem) -> None:
    done = run_trustweft("check", "--data", str(ecosystem.data), "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    document = json.loads(done.stdout)
    assert {"target", "grade", "summary", "checks", "chains"} <= set(document)
    assert document["target"] == ecosystem.issuer
    assert [each["id"] for each in document["checks"]] == [each.id for each in all_checks()]
    assert sum(document["summary"].values()) == len(all_checks())
    wanted = {"id", "verdict", "reason", "requirements", "role", "severity", "evidence"}
    assert all(wanted <= set(each) for each in document["checks"])
    assert document["summary"]["FAIL"] == document["summary"]["SUSPECTED"] == 0
    assert document["grade"] == "A"
    assert document["reached"]["missing"] == []
    broken = [each["id"] for each in document["checks"] if "the check itself broke" in each["reason"]]
    assert broken == []


def test_reports_are_written_beside_what_is_printed(ecosystem: Ecosystem, tmp_path: Path) -> None:
    names = {kind: tmp_path / f"report.{kind}" for kind in ("html", "sarif", "junit")}
    options = [text for kind, path in names.items() for text in (f"--{kind}", str(path))]
    done = run_trustweft("check", "--data", str(ecosystem.data), *FEW, *options)
    assert done.returncode == 0, done.stderr
    assert "Grade A." in done.stdout
    assert "Grade A." in names["html"].read_text()
    assert json.loads(names["sarif"].read_text())["version"] == "2.1.0"
    assert ET.parse(names["junit"]).find("testsuite") is not None  # noqa: S314  # our own text


def test_secrets_stand_in_no_report(ecosystem: Ecosystem) -> None:
    done = run_trustweft("check", "--data", str(ecosystem.data), "--only", "TK", "--json")
    assert all(password not in done.stdout for password in ecosystem.passwords.values())
    assert "eyJ" not in done.stdout


def test_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    """There is nobody at the address, and it does not notice."""
    path = tmp_path / "nowhere.toml"
    path.write_text('issuer = "https://localhost:9"\nhosts = ["api.example"]\n')
    done = run_trustweft("check", "--target", str(path), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert {each["id"] for each in plan["checks"]} <= {each.id for each in all_checks()}
    assert all(each["sends"] for each in plan["checks"])
    assert plan["hosts"] == ["api.example", "localhost"]
    assert run_trustweft("check", "--target", str(path)).returncode == 2


def test_a_check_is_carried_out_again_by_its_id(ecosystem: Ecosystem) -> None:
    done = run_trustweft("check", "replay", "TK-01", "--data", str(ecosystem.data))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS TK-01")
    assert "> POST " in done.stdout
    assert run_trustweft("check", "replay", "NO-99", "--data", str(ecosystem.data)).returncode == 2


def test_every_check_explains_itself() -> None:
    for each in (all_checks()[0], all_checks()[-1]):
        done = run_trustweft("check", "explain", each.id.lower())
        assert done.returncode == 0
        assert each.title in done.stdout


def test_a_first_target_file_names_what_is_missing(ecosystem: Ecosystem, tmp_path: Path) -> None:
    path = tmp_path / "bank.toml"
    arguments = (
        "check",
        "init",
        ecosystem.issuer,
        "--trust",
        str(ecosystem.authority),
        "--output",
        str(path),
    )
    done = run_trustweft(*arguments)
    assert done.returncode == 0, done.stderr
    assert "two users" in done.stderr
    assert msgspec.toml.decode(path.read_bytes())["clients"][0]["authentication"] == "private_key_jwt"
    assert path.stat().st_mode & 0o077 == 0
    assert run_trustweft(*arguments).returncode == 2, "a file that is there is never overwritten"


def test_a_first_target_file_is_made_of_no_server_that_does_not_answer(
    ecosystem: Ecosystem, tmp_path: Path
) -> None:
    """The authorities are what is missing only where the certificate was what failed."""
    nobody = f"https://localhost:{free_base_port()}"
    for issuer, hinted in ((nobody, False), (ecosystem.issuer, True)):
        path = tmp_path / "target.toml"
        done = run_trustweft("check", "init", issuer, "--output", str(path))
        assert done.returncode == 2
        assert "cannot be asked" in done.stderr
        assert ("`trust` names the authorities" in done.stderr) is hinted
        assert not path.exists()


def test_nonsense_is_refused_with_2_and_a_sentence(tmp_path: Path) -> None:
    for arguments in (
        ("--data", str(tmp_path / "nowhere")),
        ("--only", "NO"),
        ("--html", str(tmp_path / "no" / "folder.html")),
    ):
        done = run_trustweft("check", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
