"""The hostile server is a good server but for one thing: what relies on it has what it relies on."""

from __future__ import annotations

import json
from types import MappingProxyType
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from trustweft.audit.forging import read_parts
from trustweft.audit.hostile.application import Addresses, Application
from trustweft.audit.hostile.scenario import DENIED, HONEST, SECOND, Place
from trustweft.audit.hostile.scenarios import all_scenarios, scenarios_of
from trustweft.audit.hostile.signing import ServerKeys
from trustweft.audit.registry import all_checks
from trustweft.protocol.http import HttpRequest, HttpResponse
from trustweft.protocol.metadata import read_server_metadata
from trustweft.protocol.pkce import create_challenge, create_verifier
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

BASE = "https://localhost:1"
ADDRESSES = Addresses(
    places=MappingProxyType(
        {
            Place.GOOD: BASE,
            Place.SELF_SIGNED: "https://localhost:2",
            Place.OTHER_NAME: "https://localhost:3",
            Place.EXPIRED: "https://localhost:4",
        }
    ),
    counterfeit="https://localhost:5",
    plaintext="http://localhost:6",
)
FORM = (("content-type", "application/x-www-form-urlencoded"),)
ASKED = {
    "response_type": "code",
    "client_id": "client",
    "redirect_uri": "https://client.example/callback",
    "scope": "openid accounts",
    "state": "state",
    "nonce": "nonce",
}


@pytest.fixture
def stage() -> Application:
    """The hostile server, with an issuer for each scenario."""
    return make_stage(fixed=False)


def make_stage(*, fixed: bool) -> Application:
    return Application(
        all_scenarios(),
        addresses=ADDRESSES,
        keys=ServerKeys("ES256"),
        pushing_required=True,
        fixed=fixed,
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def get(stage: Application, path: str, *, base: str = BASE, **query: str) -> HttpResponse:
    return stage.respond(HttpRequest("GET", path, urlencode(query).encode()), base=base)


def post(stage: Application, path: str, form: dict[str, str], *headers: tuple[str, str]) -> HttpResponse:
    body = urlencode(form).encode()
    return stage.respond(HttpRequest("POST", path, b"", FORM + headers, body), base=BASE)


def answer_of(stage: Application, scenario: str, **more: str) -> list[tuple[str, str]]:
    response = get(stage, f"/{scenario}/authorize", **ASKED, **more)
    return parse_qsl(urlsplit(dict(response.headers)["location"]).query)


def redeem(stage: Application, scenario: str, code: str, **more: str) -> HttpResponse:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"], **more}
    return post(stage, f"/{scenario}/token", form)


def test_each_scenario_belongs_to_a_check_and_says_what_a_client_must_do() -> None:
    checks = {each.id for each in all_checks()}
    names = [each.id for each in all_scenarios()]
    assert set(names) - checks == {HONEST, SECOND, DENIED}
    assert len(set(names)) == len(names)
    assert all(each.must for each in all_scenarios())
    assert [each.id for each in scenarios_of(["RP-06-nonce"])] == [HONEST, SECOND, DENIED, "RP-06-nonce"]


def test_our_client_could_believe_the_honest_metadata(stage: Application) -> None:
    for path in (
        f"/.well-known/oauth-authorization-server/{HONEST}",
        f"/{HONEST}/.well-known/openid-configuration",
    ):
        document = json.loads(get(stage, path).body)
        assert (
            read_server_metadata(document, issuer=f"{BASE}/{HONEST}").token_endpoint
            == f"{BASE}/{HONEST}/token"
        )


def test_a_pushed_request_is_answered_as_one_that_came_through_the_browser(stage: Application) -> None:
    pushed = json.loads(post(stage, f"/{HONEST}/par", ASKED).body)["request_uri"]
    response = get(stage, f"/{HONEST}/authorize", client_id="client", request_uri=pushed)
    query = parse_qs(urlsplit(dict(response.headers)["location"]).query)
    assert (query["state"], query["iss"]) == (["state"], [f"{BASE}/{HONEST}"])


def test_a_code_needs_its_verifier_and_works_once(stage: Application) -> None:
    verifier = create_verifier(SystemEntropy())
    challenge = {"code_challenge": create_challenge(verifier), "code_challenge_method": "S256"}
    code = dict(answer_of(stage, HONEST, **challenge))["code"]
    assert redeem(stage, HONEST, code).status == 400
    assert redeem(stage, HONEST, code, code_verifier=create_verifier(SystemEntropy())).status == 400
    assert redeem(stage, HONEST, code, code_verifier=verifier).status == 200
    assert redeem(stage, HONEST, code, code_verifier=verifier).status == 400


def test_a_bound_token_needs_a_proof_at_the_api(stage: Application) -> None:
    code = dict(answer_of(stage, HONEST))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    tokens = json.loads(post(stage, f"/{HONEST}/token", form, ("dpop", "a proof")).body)
    assert tokens["token_type"] == "DPoP"
    for scheme, proof, status in (
        ("Bearer", (), 401),
        ("DPoP", (), 401),
        ("DPoP", (("dpop", "a proof"),), 200),
    ):
        headers = (("authorization", f"{scheme} {tokens['access_token']}"), *proof)
        assert (
            stage.respond(HttpRequest("GET", f"/{HONEST}/api/accounts", b"", headers), base=BASE).status
            == status
        )


def test_a_scenario_changes_one_thing_and_the_journal_says_where(stage: Application) -> None:
    assert dict(answer_of(stage, "RP-02-iss-other"))["iss"] == f"{BASE}/{SECOND}"
    answer = dict(answer_of(stage, "RP-06-nonce"))
    assert answer["iss"] == f"{BASE}/RP-06-nonce"
    tokens = json.loads(redeem(stage, "RP-06-nonce", answer["code"]).body)
    claims = read_parts(tokens["id_token"])[1]
    assert claims["aud"] == "client"
    assert claims["nonce"] != ASKED["nonce"]
    arrivals = stage.journal.of("RP-06-nonce")
    assert [(each.endpoint, each.deviates) for each in arrivals] == [("authorize", False), ("token", True)]


def test_with_one_issuer_the_scenario_that_is_on_is_played() -> None:
    stage = make_stage(fixed=True)
    stage.on = "RP-01-state-missing"
    assert stage.issuer("RP-01-state-missing") == BASE
    response = get(stage, "/authorize", **ASKED)
    assert "state" not in parse_qs(urlsplit(dict(response.headers)["location"]).query)
    assert [each.endpoint for each in stage.journal.of("RP-01-state-missing")] == ["authorize"]


def test_whoever_comes_to_a_place_where_nobody_should_is_written_down(stage: Application) -> None:
    get(stage, "/RP-11-redirected-token/api", base=ADDRESSES.counterfeit)
    stage.respond(HttpRequest("POST", "/RP-03-plaintext-endpoint/token", b"", FORM), base=ADDRESSES.plaintext)
    assert [each.endpoint for each in stage.journal.of("RP-11-redirected-token")] == ["counterfeit"]
    assert [each.endpoint for each in stage.journal.of("RP-03-plaintext-endpoint")] == ["plaintext"]


def test_the_one_who_says_no_gives_no_code(stage: Application) -> None:
    assert dict(answer_of(stage, DENIED))["error"] == "access_denied"
