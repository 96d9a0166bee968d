"""A registration that changes: what it allows no more is over at once, whatever is on its way; the rest goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.authority import CALLBACK, make_authority
from support.client_hosts import jwk_of
from support.details import ACCOUNTS, PAYMENT, TYPES, changed, detail, sent
from support.requests import code_request, credentials_request, pushed_request, refresh_request
from support.visits import authorization_request, begin_visit, push
from trustweft.crypto.keys import LocalSigner, generate_private_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority

pytestmark = pytest.mark.anyio

# What each takes back of what a pushed request of MoneyView asks for.
NARROWER: dict[str, dict[str, Any]] = {
    "redirect URI": {"redirect_uris": ["https://localhost:8444/other"]},
    "scope": {"scope": "openid"},
    "flow": {
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
    },
}


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server with clients and people."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


@pytest.mark.parametrize("changes", NARROWER.values(), ids=NARROWER.keys())
async def test_a_request_that_was_pushed_before_is_not_opened(
    authority: Authority, changes: dict[str, Any]
) -> None:
    """The person sees a page of ours; no answer goes to where none may go any more."""
    pushed = await push(authority)
    await authority.reregister(authority.moneyview, **changes)
    answer = await authority.send(authorization_request(pushed))
    assert (answer.status, answer.reason, answer.values("location")) == (400, "request-uri.withdrawn", [])


@pytest.mark.parametrize("changes", NARROWER.values(), ids=NARROWER.keys())
@pytest.mark.parametrize("step", ["interaction", "login", "cancel", "approve", "deny"])
async def test_an_interaction_under_way_answers_nobody(
    authority: Authority, step: str, changes: dict[str, Any]
) -> None:
    """Whichever page is open: no code, and no refusal either, is sent to the application."""
    visit = await begin_visit(authority, logged_in=step in {"approve", "deny"})
    drafts = {
        "interaction": visit.page(),
        "login": visit.log_in(),
        "cancel": visit.submit("/cancel"),
        "approve": visit.decide(),
        "deny": visit.decide("deny"),
    }
    await authority.reregister(authority.moneyview, **changes)
    answer = await authority.send(drafts[step])
    assert (answer.status, answer.reason, answer.values("location")) == (400, "request-uri.withdrawn", [])


async def test_a_silent_request_is_not_answered_at_a_redirect_uri_that_was_taken_back(
    authority: Authority,
) -> None:
    """`prompt=none` is refused to the client: but only where the client still is."""
    pushed = await push(authority, prompt=("none",))
    await authority.reregister(authority.moneyview, **NARROWER["redirect URI"])
    answer = await authority.send(authorization_request(pushed))
    assert (answer.reason, answer.values("location")) == ("request-uri.withdrawn", [])


async def test_a_code_that_was_sent_to_a_redirect_uri_that_was_taken_back_is_worth_nothing(
    authority: Authority,
) -> None:
    """Who took over the address may have read it. Nothing is burnt: back in place, the code is good again."""
    issued = await authority.issue_code()
    await authority.reregister(authority.moneyview, redirect_uris=["https://localhost:8444/other"])
    answer = await authority.send(code_request(authority, issued))
    assert (answer.json["error"], answer.reason) == ("invalid_grant", "code.redirect-uri-withdrawn")
    await authority.reregister(authority.moneyview, redirect_uris=[CALLBACK])
    assert (await authority.send(code_request(authority, issued))).status == 200


async def test_a_scope_that_was_taken_back_is_in_no_token_any_more(authority: Authority) -> None:
    """Codes and refresh tokens of before give what is left; a grant is not lost for it."""
    issued = await authority.issue_code(scope=("openid", "accounts", "payments"))
    refresh_token, _ = await authority.issue_refresh_token(scope=("accounts", "payments"))
    await authority.reregister(authority.moneyview, scope="openid accounts")
    assert (await authority.send(code_request(authority, issued))).json["scope"] == "openid accounts"
    refreshed = await authority.send(refresh_request(authority, refresh_token))
    assert refreshed.json["scope"] == "accounts"
    asked = await authority.send(refresh_request(authority, refresh_token, scope="payments"))
    assert (asked.json["error"], asked.reason) == ("invalid_grant", "scope.no-longer-offered")
    await authority.reregister(authority.moneyview, scope="openid accounts payments")
    widened = await authority.send(refresh_request(authority, refresh_token))
    assert widened.json["scope"] == "accounts payments"


async def test_a_scope_that_was_taken_back_cannot_be_pushed_or_asked_for(authority: Authority) -> None:
    """New requests are judged by what is registered now."""
    await authority.reregister(authority.moneyview, scope="openid accounts")
    pushed = await authority.send(pushed_request(authority, scope="openid payments"))
    machine = await authority.send(credentials_request(authority, scope="payments"))
    assert {pushed.reason, machine.reason} == {"scope.not-allowed"}


async def test_a_grant_type_that_was_taken_back_gives_nothing(authority: Authority) -> None:
    """A refresh token of before is no use to a client that may not refresh."""
    token, _ = await authority.issue_refresh_token()
    await authority.reregister(authority.moneyview, grant_types=["authorization_code"])
    answer = await authority.send(refresh_request(authority, token))
    assert answer.reason == "grant-type.not-registered"


async def test_a_key_that_was_taken_back_authenticates_nobody_and_the_new_one_keeps_the_grants(
    authority: Authority,
) -> None:
    """A client changes its key without asking people again: both keys for a while, then the new one alone."""
    token, _ = await authority.issue_refresh_token()
    old = authority.moneyview
    new = replace(old, signer=LocalSigner("ES256", generate_private_key("ES256"), "new-key"))
    keys = [jwk_of(old.signer), jwk_of(new.signer)]
    await authority.reregister(old, jwks={"keys": keys})
    both = [(await authority.send(refresh_request(authority, token, party))).status for party in (old, new)]
    await authority.reregister(old, jwks={"keys": keys[1:]})
    after = [(await authority.send(refresh_request(authority, token, party))).status for party in (old, new)]
    assert (both, after) == ([200, 200], [401, 200])


async def test_what_was_added_counts_at_once_and_what_stays_goes_on(authority: Authority) -> None:
    """Another redirect URI beside the old one disturbs nobody."""
    visit = await begin_visit(authority, logged_in=True)
    await authority.reregister(authority.moneyview, redirect_uris=[CALLBACK, "https://localhost:8444/new"])
    answer = await authority.send(visit.decide())
    assert answer.header("location").startswith(f"{CALLBACK}?code=")
    pushed = await authority.send(pushed_request(authority, redirect_uri="https://localhost:8444/new"))
    assert pushed.status == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"authorization_details_types": ["account_information"]},
        {"authorization_details": [changed(PAYMENT, instructedAmount__amount="20.00")]},
    ],
    ids=str,
)
async def test_details_that_were_taken_back_are_in_no_token_any_more(
    authority: Authority, changes: dict[str, Any]
) -> None:
    """A type, or a bound that is tighter now: what was pushed is not opened, what was granted gives what is left."""
    details = (detail(PAYMENT), detail(ACCOUNTS))
    pushed = await push(authority, authorization_details=details)
    issued = await authority.issue_code(authorization_details=details)
    refresh_token, _ = await authority.issue_refresh_token(details=details)
    await authority.reregister(authority.moneyview, **changes)
    answer = await authority.send(authorization_request(pushed))
    assert (answer.status, answer.reason, answer.values("location")) == (400, "request-uri.withdrawn", [])
    for draft in (code_request(authority, issued), refresh_request(authority, refresh_token)):
        assert (await authority.send(draft)).json["authorization_details"] == [ACCOUNTS]
    again = refresh_request(authority, refresh_token, authorization_details=sent(PAYMENT))
    assert (await authority.send(again)).reason == "authorization-details.wider"
    everything = {"authorization_details_types": list(TYPES.definitions), "authorization_details": []}
    await authority.reregister(authority.moneyview, **everything)
    restored = await authority.send(refresh_request(authority, refresh_token))
    assert restored.json["authorization_details"] == [PAYMENT, ACCOUNTS]
