"""`trustweft tour`: the whole flow as a newcomer sees it, as a machine reads it, as a page shows it."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from functools import cache
from typing import TYPE_CHECKING

import pytest

from ecosystem import free_base_port, run_trustweft
from trustweft.cli.tour.steps import ITINERARY
from trustweft.profile import load_requirements

if TYPE_CHECKING:
    from pathlib import Path

    from ecosystem import Ecosystem

# The main job of the product's description, in its order.
MAIN_JOB = (
    "discovery",
    "pushed request",
    "redirect",
    "login",
    "consent",
    "callback",
    "token",
    "API call",
    "refresh",
    "introspection",
    "revocation",
    "refused call",
)


@cache
def toured(data: Path) -> subprocess.CompletedProcess[str]:
    """Run the tour once for all tests that read it."""
    return run_trustweft("tour", "--json", "--data", str(data))


@pytest.fixture
def document(ecosystem: Ecosystem) -> dict[str, object]:
    """The tour as JSON."""
    done = toured(ecosystem.data)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def steps_of(document: dict[str, object]) -> list[dict[str, object]]:
    """Return the steps."""
    steps = document["steps"]
    assert isinstance(steps, list)
    return steps


def test_every_step_is_in_order(document: dict[str, object]) -> None:
    """The contract: ok for the whole, and name, request, response, clauses and ok for each step."""
    assert document["ok"] is True
    for step in steps_of(document):
        assert {"name", "request", "response", "clauses", "ok"} <= set(step)
        assert step["ok"] is True
        assert step["request"]
        assert step["response"]


def test_the_main_job_is_walked_in_its_order(document: dict[str, object]) -> None:
    """At least twelve steps, from discovery to the call that is refused after revocation."""
    names = [step["name"] for step in steps_of(document)]
    assert [name for name in names if name in MAIN_JOB] == list(MAIN_JOB)
    assert len(names) == len(set(names))


def test_the_messages_are_those_of_the_wire(document: dict[str, object], ecosystem: Ecosystem) -> None:
    """The token request went to the token endpoint with assertion and proof, and a token came back."""
    step = next(step for step in steps_of(document) if step["name"] == "token")
    request, response = step["request"], step["response"]
    assert isinstance(request, dict)
    assert isinstance(response, dict)
    assert (request["method"], request["url"]) == ("POST", f"{ecosystem.issuer}/token")
    assert "client_assertion=eyJ" in request["body"]
    assert "dpop" in dict(request["headers"])
    assert (response["status"], json.loads(response["body"])["token_type"]) == (200, "DPoP")


def test_no_password_cookie_or_private_key_is_told(ecosystem: Ecosystem) -> None:
    """What would still work afterwards is masked."""
    told = toured(ecosystem.data).stdout
    assert [password for password in ecosystem.passwords.values() if password in told] == []
    assert "password=****" in told
    assert "csrf=****" in told
    for line in told.split("__Host-trustweft-server-")[1:]:
        assert line.partition("=")[2].startswith(("****", ";"))


def test_a_person_reads_the_same_in_the_terminal(ecosystem: Ecosystem, tmp_path: Path) -> None:
    """Each step with its title and what was refused, and the verdict at the end; the page is written beside it."""
    page = tmp_path / "tour.html"
    done = run_trustweft("tour", "--data", str(ecosystem.data), "--html", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert [stop.title for stop in ITINERARY if not stop.waits and stop.title not in done.stdout] == []
    assert "refused: The code in the hands of another client (code.other-client)" in done.stdout
    assert "steps went as the profile says" in done.stdout
    text = page.read_text(encoding="utf-8")
    drawing = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + len("</svg>")])  # noqa: S314  # our own
    arrows = [node for node in drawing.iter() if node.get("class") == "line"]
    assert len(arrows) > 2 * len(MAIN_JOB)
    assert "<script" not in text


def test_without_an_ecosystem_the_tour_says_how_to_start_one(tmp_path: Path) -> None:
    """A directory that holds none is named, and the command that makes one."""
    done = run_trustweft("tour", "--data", str(tmp_path / "nowhere"))
    assert (done.returncode, "trustweft up --data" in done.stderr) == (1, True)


def test_where_nobody_answers_the_tour_fails_at_its_first_step(ecosystem: Ecosystem, tmp_path: Path) -> None:
    """An ecosystem that does not run is not in order."""
    stopped = tmp_path / "stopped"
    subprocess.run(["cp", "-a", str(ecosystem.data), str(stopped)], check=True)
    record = json.loads((stopped / "ecosystem.json").read_text())
    (stopped / "ecosystem.json").write_text(json.dumps({**record, "base_port": free_base_port()}))
    done = run_trustweft("tour", "--json", "--data", str(stopped))
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"]) == (1, False)
    assert [(step["name"], step["ok"]) for step in document["steps"]] == [("discovery", False)]


def test_every_clause_of_a_step_exists(document: dict[str, object]) -> None:
    """Steps and refusals name requirements of the profile's specification."""
    known = {requirement.id for requirement in load_requirements("FAPI2-SP")}
    named: set[str] = set()
    for step in steps_of(document):
        clauses, refusals = step["clauses"], step["refusals"]
        assert isinstance(clauses, list)
        assert isinstance(refusals, list)
        named.update(clauses, *(refusal["clauses"] for refusal in refusals))
    named.update(clause for stop in ITINERARY for clause in stop.clauses)
    assert named - known == set()
    assert len(named) > 40
