"""The directory in the box, as `trustweft up` runs it: everybody is on board, and whoever is stopped is refused."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port, run_trustweft, running_ecosystem
from situations.customers import Customer
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.directory_register import open_keeper
from trustweft.directory.commands import Move
from trustweft.directory.events import Actor
from trustweft.directory.identifiers import parse_subject
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

PATIENCE = 20.0
OPERATOR = Actor(id="olga", part="operator")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecosystem]:
    """An ecosystem of its own: what happens to its participants happens to nobody else."""
    with running_ecosystem(tmp_path_factory.mktemp("box") / "data") as running:
        yield running


def order(ecosystem: Ecosystem, subject: str, action: str) -> None:
    """Carry a command out beside the running directory, as the command line does."""

    async def run() -> None:
        async with open_keeper(DataDirectory.open(ecosystem.data), clock=SystemClock()) as keeper:
            move = Move(subject=parse_subject(subject), action=action, reason="in a test")
            await keeper.carry_out(move, actor=OPERATOR)

    asyncio.run(run())


def begin(ecosystem: Ecosystem, application: int) -> int:
    """Start a flow at a sample application: 303 where its request was taken, 502 where the bank refused it."""
    url = f"https://localhost:{ecosystem.base_port + application}"
    with httpx2.Client(verify=ecosystem.trust) as browser:
        csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"{url}/").text)
        assert csrf is not None
        return browser.post(f"{url}/connect", data={"csrf": csrf[1]}).status_code


def soon(holds: Callable[[], bool]) -> bool:
    """Wait until something is so, as nobody tells when it happens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds():
            return True
    return False


def test_the_home_page_names_everybody(box: Ecosystem) -> None:
    """The directory and both applications are there, and ready."""
    page = httpx2.get(f"{box.home}/", verify=box.trust).text
    missing = [port for port in (1, 3, 4, 5, 6) if f"https://localhost:{box.base_port + port}" not in page]
    assert (missing, page.count(">Starting<")) == ([], 0)


def test_everybody_is_on_board_and_nobody_is_called_certified(box: Ecosystem) -> None:
    """What was not audited yet is live because this directory does without, and says so."""
    found = json.loads(run_trustweft("onboard", "status", "--json", "--data", str(box.data)).stdout)
    states = {each["subject"]: (each["state"], each["counts_as"]) for each in found["participants"]}
    assert states["brand:harbour-bank"] == ("listed", "active")
    assert states["software:paypilot"] == states["software:moneyview"] == ("live", "active")
    assert {counts for _, counts in states.values()} == {"active"}


def test_both_applications_start_a_flow_until_one_is_stopped(box: Ecosystem) -> None:
    """Whoever is suspended is refused, the other one is not; whoever may go on goes on."""
    assert (begin(box, 4), begin(box, 6)) == (303, 303)
    order(box, "software:paypilot", "suspend")
    assert soon(lambda: begin(box, 6) == 502)
    assert begin(box, 4) == 303
    order(box, "software:paypilot", "resume")
    assert soon(lambda: begin(box, 6) == 303)


def test_server_and_bank_acknowledge_what_they_were_told(box: Ecosystem) -> None:
    """Both send receipts for an order, and the directory verifies them with the keys that they publish."""
    order(box, "organisation:paypilot", "suspend")

    def receipts() -> set[str]:
        words = ("evidence", "list", "--type", "receipt", "--json", "--data", str(box.data))
        listed = json.loads(run_trustweft(*words).stdout)
        return {str(each["subject"]) for each in listed if each["subject"] == "organisation:paypilot"}

    assert soon(lambda: receipts() == {"organisation:paypilot"})
    order(box, "organisation:paypilot", "resume")
    shown = httpx2.get(f"{box.bank}/ecosystem/jwks", verify=box.trust).json()
    assert [set(each) & {"d", "k"} for each in shown["keys"]] == [set()]
    assert httpx2.post(f"{box.bank}/ecosystem/jwks", verify=box.trust).headers["trustweft-reason"] == (
        "receipt-keys.method"
    )


def test_with_the_bank_ends_what_its_applications_have_of_it(box: Ecosystem) -> None:
    """Suspended, nothing is sent to it; ended, tokens, sessions and what was known of it are forgotten, and counted."""
    authority = box.data / "ca" / "certificate.pem"
    with closing(
        Customer(box.moneyview, authority=authority, name="alice", password=box.passwords["alice"])
    ) as alice:
        assert alice.connect()
        order(box, "brand:harbour-bank", "suspend")
        assert soon(lambda: begin(box, 4) == 400)
        order(box, "brand:harbour-bank", "resume")
        assert soon(lambda: begin(box, 4) == 303)
        assert alice.look()
        words = ("brand:harbour-bank", "--reason", "the bank closes", "--no-probe", "--json")
        given = json.loads(run_trustweft("offboard", *words, "--data", str(box.data)).stdout)
        found = {each["id"]: each["receipt"]["counts"] for each in given["participants"]}
        under_way = found["software:moneyview"].pop("interactions")
        assert under_way > 0  # those of `begin`, who never came back
        assert found["software:moneyview"] == {
            "access_tokens": 1,
            "refresh_tokens": 1,
            "caches": 2,
            "sessions": 1,
        }
        other = found["software:paypilot"]  # nobody came back to it, though some went
        assert (other["access_tokens"], other["sessions"]) == (0, 0)
        assert found[box.issuer]["refresh_tokens"] == 1
        assert found[box.issuer]["grants"] >= 1
        assert not alice.look()
    assert begin(box, 4) == 400


def make_older(data: Path) -> None:
    """Turn a data directory into one of the version before there was a directory."""
    shutil.rmtree(data / "directory")
    shutil.rmtree(data / "second-client")
    (data / "client-keys" / "paypilot-proof.json").unlink()
    for name in ("server", "resource", "client"):
        (data / name / "status.json").unlink()
        path = data / name / f"{name}.toml"
        before, _, _ = path.read_text(encoding="utf-8").partition("# Who takes part, the directory says.")
        path.write_text(before, encoding="utf-8")
    with closing(sqlite3.connect(data / "server" / "trustweft.sqlite")) as store:
        store.execute("DELETE FROM clients WHERE client_id = 'paypilot'")
        for client_id, metadata in store.execute("SELECT client_id, metadata FROM clients").fetchall():
            document = json.loads(metadata)
            document.pop("organisation_id")
            known = (json.dumps(document).encode(), client_id)
            store.execute("UPDATE clients SET metadata = ? WHERE client_id = ?", known)
        store.commit()


def test_a_data_directory_of_an_earlier_version_is_on_boarded_at_its_next_start(tmp_path: Path) -> None:
    """Its clients keep what they have, and know who answers for them; the second one is new."""
    data, base = tmp_path / "data", free_base_port()
    with running_ecosystem(data, base_port=base):
        pass
    make_older(data)
    with running_ecosystem(data, base_port=base) as running:
        assert (begin(running, 4), begin(running, 6)) == (303, 303)
        words = ("clients", "show", "moneyview", "--data", str(data))
        assert json.loads(run_trustweft(*words).stdout)["organisation_id"] == "moneyview"
        found = json.loads(run_trustweft("onboard", "status", "--json", "--data", str(data)).stdout)
        assert {each["counts_as"] for each in found["participants"]} == {"active"}
        assert run_trustweft("clients", "remove", "paypilot", "--data", str(data)).returncode == 0
    with running_ecosystem(data, base_port=base) as running:
        assert run_trustweft("clients", "show", "paypilot", "--data", str(data)).returncode == 1
        assert begin(running, 4) == 303
