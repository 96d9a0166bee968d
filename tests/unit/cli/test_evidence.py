"""`trustweft evidence`: what people and programs read, and the exit codes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from trustweft.cli import main
from trustweft.cli.evidence import EVIDENCE_FILE, EVIDENCE_KEY
from trustweft.evidence.entries import Entry
from trustweft.evidence.files import LogWriter
from trustweft.evidence.keys import load_or_create_key
from trustweft.evidence.notes import NoteKey

MANUAL = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text(encoding="utf-8")
ORIGIN = "localhost:8446/evidence"


def run(*words: str) -> Result:
    """Type a command."""
    return CliRunner().invoke(main, ["evidence", *words], prog_name="trustweft")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory whose log has an order, a receipt and a probe."""
    key = load_or_create_key(tmp_path / EVIDENCE_KEY)
    writer = LogWriter(tmp_path / EVIDENCE_FILE, origin=ORIGIN, key=key)
    for number, kind in enumerate(("order", "receipt", "probe")):
        at = 1_800_000_000.0 + number
        writer.append([Entry(type=kind, at=at, subject="software:moneyview", body={"order": "o-1"})])
    writer.close()
    (tmp_path / "log.key").write_text(str(NoteKey(ORIGIN, key.public_key().public_bytes_raw())))
    return tmp_path


@pytest.fixture
def exported(data: Path) -> Path:
    """Return an export of it."""
    assert run("export", str(data / "evidence.jsonl"), "--data", str(data)).exit_code == 0
    return data / "evidence.jsonl"


def test_entries_are_listed_and_filtered(data: Path) -> None:
    """As a table and as JSON."""
    assert "order    software:moneyview" in run("list", "--data", str(data)).stdout
    found = json.loads(run("list", "--data", str(data), "--since", "2027-01-15T08:00:01", "--json").stdout)
    assert [(each["index"], each["type"]) for each in found] == [(1, "receipt"), (2, "probe")]
    assert run("list", "--data", str(data), "--type", "nothing").stdout == "There are none.\n"


def test_an_entry_is_shown_with_its_proof(data: Path) -> None:
    """And one that is not there is told."""
    shown = json.loads(run("show", "2", "--data", str(data), "--json").stdout)
    assert (shown["entry"]["type"], len(shown["proof"])) == ("probe", 1)
    assert f"{ORIGIN}\n3\n" in run("show", "2", "--data", str(data)).stdout
    missing = run("show", "3", "--data", str(data))
    assert (missing.exit_code, missing.stderr) == (1, "Error: a log of 3 entries has no entry 3\n")


def test_a_directory_without_a_log_is_told(tmp_path: Path) -> None:
    """By its path."""
    result = run("list", "--data", str(tmp_path))
    assert result.exit_code == 1
    assert "there is no evidence log at" in result.stderr


def test_a_whole_export_ends_with_0(data: Path, exported: Path) -> None:
    """With trusted keys, and with its own, which it says plainly."""
    own = run("verify", str(exported))
    assert own.exit_code == 0
    assert "Signed by the export's own keys; whose they are is not shown." in own.stdout
    trusted = run("verify", str(exported), "--key", str(data / "log.key"), "--json")
    assert (trusted.exit_code, json.loads(trusted.stdout)["own_keys"]) == (0, False)
    assert run("verify", str(exported), "--against", str(exported)).exit_code == 0
    printed = CliRunner().invoke(main, ["evidence", "export", "-", "--data", str(data)])
    assert printed.stdout_bytes == exported.read_bytes()


def test_a_changed_export_ends_with_1_and_names_the_entry(exported: Path) -> None:
    """For people and for programs."""
    exported.write_bytes(exported.read_bytes().replace(b'"type":"receipt"', b'"type":"refusal"'))
    result = run("verify", str(exported))
    assert result.exit_code == 1
    assert "entry.changed: line 7: entry 1 or its proof is not what was signed" in result.stdout
    found = json.loads(run("verify", str(exported), "--json").stdout)
    assert found["good"] is False
    assert {"entry.changed"} <= {each["what"] for each in found["findings"]}


def test_an_export_of_somebody_else_ends_with_1(data: Path, exported: Path) -> None:
    """The trusted key has signed nothing in it."""
    other = load_or_create_key(data / "other" / "key.json").public_key().public_bytes_raw()
    (data / "log.key").write_text(str(NoteKey(ORIGIN, other)))
    assert run("verify", str(exported), "--key", str(data / "log.key")).exit_code == 1


@pytest.mark.parametrize("option", ["file", "--key", "--against"])
def test_what_cannot_be_read_ends_with_2(data: Path, exported: Path, option: str) -> None:
    """The export, a key, a checkpoint."""
    (data / "broken").write_bytes(b"{\xff")
    words = [str(data / "broken")] if option == "file" else [str(exported), option, str(data / "broken")]
    result = run("verify", *words, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["good"] is False


def test_the_manual_shows_what_the_commands_print(
    data: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every example of docs/evidence.md, but for keys and hashes, which are new each time."""
    monkeypatch.chdir(data)
    found = re.findall(r"```console\n\$ trustweft evidence (.*)\n((?:.*\n)*?)```", MANUAL)
    assert len(found) == 5
    for command, shown in found:
        if "receipt-forged" in command:
            forged = exported.read_bytes().replace(b'"type":"receipt"', b'"type":"refusal"')
            (data / "receipt-forged.jsonl").write_bytes(forged)
        words = shlex.split(command)
        printed = run(*words, *([] if words[0] == "verify" else ["--data", str(data)])).output
        assert _plain(printed) == _plain(shown), command


def _plain(text: str) -> list[str]:
    lines = (
        re.sub(r"\+[0-9a-f]{8}\+\S+|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{91}=", "*", line)
        for line in text.splitlines()
    )
    return [line.rstrip() for line in lines]
