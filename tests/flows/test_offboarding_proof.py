"""Somebody is off-boarded in a running ecosystem, over TLS: everybody refuses them, nobody else, and it can be shown."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ecosystem import run_trustweft
from support.proving_ground import Ground, proving_ground
from trustweft.audit.offboarding.attempts import Outcome
from trustweft.audit.offboarding.holding import call_with, refresh_use
from trustweft.cli.assembly.parts import read_key
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.offboard.box import Box
from trustweft.crypto.keys import thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.directory.objects import Api
from trustweft.net.remote_keys import KeyRefresh
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 5.0  # seconds: `[offboarding] refusal_by_push` of the profile
PATIENCE = 30.0


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One ecosystem for all of them: each test takes somebody else out."""
    with proving_ground(tmp_path_factory.mktemp("offboarding")) as found:
        yield found


def refused(report: dict[str, Any], *, everybody: bool = False) -> dict[str, set[str]]:
    """Return what was refused, by the kind of participant, having held that it was in time and for good.

    Where it concerns everybody there is nobody who must go on.
    """
    assert report["laggards"] == [], json.dumps(report, indent=1)
    assert report["control_ok"] is (None if everybody else True), report
    assert report["p50"] <= report["p95"] <= report["max"] <= BUDGET
    for participant in report["participants"]:
        assert participant["receipt"] is not None, report
        assert participant["came_back"] == []
        assert None not in participant["refused"].values(), report
    return {each["kind"]: set(each["refused"]) for each in report["participants"]}


def counts(report: dict[str, Any]) -> dict[str, int]:
    """Return what the server says that it ended."""
    found: dict[str, int] = next(each for each in report["participants"] if each["kind"] == "server")[
        "receipt"
    ]["counts"]
    return found


def test_a_suspension_is_proven_and_taken_back_with_every_grant(ground: Ground) -> None:
    """Everything is refused meanwhile, permission can be taken back, and what was held works again afterwards."""
    with closing(Box(DataDirectory.open(ground.data), SystemClock(), code_seconds=50)) as box:
        party = box.clients["moneyview"]
        refresh = refresh_use(box.deployment, box.deployment.fresh_access(party, box.deployment.users[0]))
        assert refresh().outcome is Outcome.ACCEPTED
        report = ground.offboard("moneyview", "--kind", "suspend")
        assert refused(report) == {
            "server": {"request_uri", "code", "refresh_token", "access_token", "client_key"},
            "resource": {"access_token"},
        }
        assert report["withdrawal_ok"] is True
        assert not any(counts(report).values())
        assert refresh().outcome is Outcome.REFUSED
        resumed = ground.json("offboard", "resume", "moneyview", "--reason", "it was a drill")
        assert (resumed["action"], resumed["laggards"]) == ("resume", [])
        assert [each["receipt"] is not None for each in resumed["participants"]] == [True, True]
        assert refresh().outcome is Outcome.ACCEPTED


def test_a_role_that_is_lost_takes_its_scope_and_leaves_the_rest(ground: Ground) -> None:
    """Payments stop; the same client goes on reading accounts, which is the control."""
    report = ground.offboard("role:trustweft~payment-initiation")
    assert report["subjects"] == ["api:tour~payments"]
    assert refused(report)["server"] == {"code", "refresh_token"}
    assert refused(report)["resource"] >= set()


def test_a_role_of_several_clients_is_tried_with_each_of_them(ground: Ground) -> None:
    """Also with one that asks no user; whoever has another scope keeps that."""
    report = ground.offboard("role:trustweft~account-information", "--kind", "suspend")
    assert refused(report) == {"server": {"code", "refresh_token"}, "resource": {"access_token"}}
    assert report["participants"][0]["void"] == []
    ground.json("offboard", "resume", "role:trustweft~account-information", "--reason", "over")


def test_an_authorisation_for_an_api_that_is_lost_leaves_the_other_scopes(ground: Ground) -> None:
    """The client asks for accounts in vain, and still learns who its user is."""
    report = ground.offboard("tour-stranger~accounts")
    assert refused(report)["server"] == {"code", "refresh_token"}


def test_a_user_who_is_off_boarded_has_no_tokens_any_more(ground: Ground) -> None:
    """Whatever was permitted ends; another user of the same client goes on."""
    report = ground.offboard("bob")  # whom the directory did not know until now
    assert report["subject"] == f"user:harbour-bank~{ground.subject_of('bob')}"
    found = refused(report)
    assert found["server"] >= {"code", "refresh_token"}
    assert found["resource"] == {"access_token"}
    assert counts(report)["grants"] > 0


def test_a_compromised_key_proves_nothing_any_more(ground: Ground) -> None:
    """An assertion that it signs is refused, and with it codes and refresh tokens that came by it."""
    key = thumbprint(read_key(ground.data / "client-keys/tour-stranger.json").public_key)
    report = ground.offboard(f"key:{key}")
    assert report["action"] == "compromise"
    assert refused(report)["server"] == {"client_key", "code", "refresh_token"}


def test_a_key_of_the_bank_that_is_compromised_opens_nothing_and_another_takes_its_place(
    ground: Ground,
) -> None:
    """Its tokens are refused by who verifies them; the bank signs with a new key, and its customers go on."""
    with closing(Box(DataDirectory.open(ground.data), SystemClock(), code_seconds=50)) as box:
        report = ground.offboard(f"key:{box.token_key}")
        assert report["action"] == "compromise"
        assert refused(report, everybody=True) == {
            "server": {"access_token"},
            "resource": {"access_token"},
            "client": set(),
        }
        later = Box(DataDirectory.open(ground.data), SystemClock(), code_seconds=50)
        assert later.token_key != box.token_key
        later.close()
        party, user = box.clients["tour"], box.deployment.users[0]
        (call,) = box.holder(party, user, scope="accounts").calls

        def is_served() -> bool:
            access = box.deployment.fresh_access(party, user)
            return call_with(box.deployment, call, access)().outcome is Outcome.ACCEPTED

        # A guard that has just fetched the bank's keys asks for them again some seconds later, long before its cool-down.
        deadline = time.monotonic() + KeyRefresh().cool_down / 2
        while not is_served():
            assert time.monotonic() < deadline


def test_a_certificate_that_is_revoked_opens_nothing_any_more(ground: Ground) -> None:
    """Neither the token endpoint nor, with a token that is bound to it, an API."""
    shown = x509.load_pem_x509_certificate((ground.data / "client-keys/tour-certificate.pem").read_bytes())
    report = ground.offboard(f"certificate:{certificate_thumbprint(shown.public_bytes(Encoding.DER))}")
    assert refused(report) == {"server": {"client_key"}, "resource": {"access_token"}}


def test_an_organisation_takes_its_software_along(ground: Ground) -> None:
    """The order names what goes with it; the client of its software is refused everywhere."""
    report = ground.offboard("organisation:paypilot")
    assert {"software:paypilot", "role:paypilot~account-information"} <= set(report["subjects"])
    assert refused(report)["server"] >= {"request_uri", "code", "refresh_token", "client_key"}
    assert counts(report)["registrations"] == 1


def test_a_software_that_is_revoked_is_refused_everywhere_and_the_evidence_verifies(
    ground: Ground, tmp_path: Any
) -> None:
    """Every kind of credential, at every participant, within the budget; who answers nothing is named, once it is due."""
    silent = "https://localhost:9/api"
    facts = Api(
        brand="harbour-bank",
        family="accounts",
        resource=silent,
        events_endpoint="https://localhost:9/ecosystem/events",
    )
    ground.enter("api:silent", facts, "certify", "list")
    given = ground.json("offboard", "moneyview", "--reason", "licence revoked", "--wait", "1")
    page = tmp_path / "case.html"
    deadline = time.monotonic() + PATIENCE
    while True:
        report = ground.json("offboard", "report", given["id"], "--html", str(page))
        if report["laggards"] or time.monotonic() > deadline:
            break
    assert report["laggards"] == [silent]
    assert (report["subject"], report["reason"], report["control_ok"]) == (
        "software:moneyview",
        "licence revoked",
        True,
    )
    server, bank, _ = report["participants"]
    assert set(server["refused"]) == {"request_uri", "code", "refresh_token", "access_token", "client_key"}
    assert set(bank["refused"]) == {"access_token"}
    assert report["max"] <= BUDGET
    assert server["receipt"]["counts"]["registrations"] == 1
    assert server["receipt"]["counts"]["grants"] > 0
    assert silent in page.read_text(encoding="utf-8")
    assert "LATE: 1 participant is late" in ground.type("offboard", "report", given["id"]).stdout

    assert list((ground.data / "directory/probes").glob("*")) == []
    entries = [each["type"] for each in ground.json("evidence", "list", "--subject", "software:moneyview")]
    assert {"event", "order", "receipt", "probe"} <= set(entries)
    exported = tmp_path / "evidence.jsonl"
    assert ground.type("evidence", "export", str(exported)).returncode == 0
    verified = run_trustweft("evidence", "verify", str(exported))
    assert verified.returncode == 0, verified.stdout
