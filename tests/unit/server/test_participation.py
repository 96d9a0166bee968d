"""What a server does once the directory has spoken of a client, a person, a key, an API or the server itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.authority import BANK, Authority, make_authority
from support.details import PAYMENT, detail
from support.drafts import Draft
from support.participants import BRAND, IDENTIFIER, delivery, join
from support.requests import (
    access_token,
    code_request,
    introspection_request,
    pushed_request,
    refresh_request,
    revocation_request,
    userinfo_request,
)
from support.visits import begin_visit, push
from trustweft.crypto import jws
from trustweft.crypto.keys import thumbprint
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.protocol.offboarding import Action

pytestmark = pytest.mark.anyio
SOFTWARE = "software:moneyview"


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """Return a server with clients and people."""
    authority = await make_authority(tmp_path / "keys")
    yield authority
    authority.close()


async def test_what_is_suspended_is_refused_and_comes_back_whole(authority: Authority) -> None:
    """A suspended client gets nothing new, a person can still take back, and after the suspension all is as before."""
    member = await join(authority)
    token, _ = await authority.issue_refresh_token()
    kept, _ = await authority.issue_refresh_token()
    member.directory.say(SOFTWARE, "suspended", cause="suspended")
    order = member.directory.order(SOFTWARE, "suspend")
    assert (await member.hear(SOFTWARE, order=order)).status == 202
    assert await member.receiver.carry_out() == 0
    for draft in (
        pushed_request(authority),
        code_request(authority, await authority.issue_code()),
        refresh_request(authority, kept),
    ):
        answer = await authority.send(draft)
        assert (answer.status, answer.reason) == (401, "participation.suspended")
    assert (await authority.send((await begin_visit(authority)).page())).reason == "participation.application"
    assert (await authority.send(revocation_request(authority, token))).status == 200
    member.directory.say(SOFTWARE, "active")
    assert (await member.hear(SOFTWARE)).status == 202
    assert (await authority.send(refresh_request(authority, kept))).status == 200
    assert (await authority.send(refresh_request(authority, token))).reason == "refresh-token.grant-ended"


async def test_what_ended_is_refused_at_once_and_then_gone(authority: Authority) -> None:
    """Everything in flight is refused before it is cleaned up, and counted when it is; others keep what they have."""
    member = await join(authority)
    kept, _ = await authority.issue_refresh_token(authority.otherapp)
    issued, (token, _) = await authority.issue_code(), await authority.issue_refresh_token()
    await push(authority)
    await begin_visit(authority)
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    order = member.directory.order(SOFTWARE, "revoke")
    assert (await member.hear(SOFTWARE, order=order)).status == 202
    for draft in (code_request(authority, issued), refresh_request(authority, token)):
        assert (await authority.send(draft)).reason == "participation.ended"
    assert (await authority.send(revocation_request(authority, token))).reason == "participation.ended"
    assert await member.receiver.carry_out() == 0
    counts = jws.parse(member.reached.receipts[0].decode()).unverified_claims()["counts"]
    assert counts == {
        "request_uris": 2,
        "interactions": 1,
        "codes": 1,
        "refresh_tokens": 1,
        "grants": 2,
        "registrations": 1,
    }
    assert await authority.store.find_refresh_token(digest_of(token), now=authority.clock.now()) is None
    assert (await authority.send(pushed_request(authority))).reason == "client.unknown"
    assert (await authority.send(refresh_request(authority, kept, authority.otherapp))).status == 200


@pytest.mark.parametrize(("action", "compromised"), [("compromise", True), ("retire", False)])
async def test_a_key_of_its_own_that_has_ended_signs_no_more(
    authority: Authority, action: Action, *, compromised: bool
) -> None:
    """Nobody believes it any more: another one takes its place at once, and only one however often it is told."""
    member, keys = await join(authority), authority.deployment.keys
    before = keys.signer()
    key = f"key:{thumbprint(before.public_key)}"
    others = {each.record.key_id for each in keys.statuses} - {before.key_id}
    for _ in range(2):
        member.directory.say(key, "ended", cause="compromised" if compromised else "retired")
        await member.hear(key, order=member.directory.order(key, action))
        assert await member.receiver.carry_out() == 0
    assert keys.signer().key_id not in {before.key_id, *others}
    assert before.key_id not in {each.key_id for each in keys.key_set().keys}
    (retired,) = [each.record for each in keys.statuses if each.record.key_id == before.key_id]
    assert retired.compromised is compromised
    assert len(keys.statuses) == len(others) + 2


async def test_a_key_that_cannot_be_given_up_holds_up_its_own_order_alone(authority: Authority) -> None:
    """The folder of the keys is open to others: that is told, and whoever else has to go is gone, with a receipt."""
    member, keys = await join(authority), authority.deployment.keys
    before = keys.signer()
    key = f"key:{thumbprint(before.public_key)}"
    keys.directory.path.chmod(0o755)
    member.directory.say(key, "ended", cause="compromised")
    await member.hear(key, order=member.directory.order(key, "compromise"))
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    await member.hear(SOFTWARE, order=member.directory.order(SOFTWARE, "revoke"))
    assert await member.receiver.carry_out() == 1
    (receipt,) = member.reached.receipts
    counts: Any = jws.parse(receipt.decode()).unverified_claims()["counts"]
    assert counts["registrations"] == 1
    assert keys.signer().key_id == before.key_id
    keys.directory.path.chmod(0o700)
    assert await member.receiver.carry_out() == 0
    assert keys.signer().key_id != before.key_id


async def test_what_a_key_that_has_ended_signed_says_nothing_here_either(authority: Authority) -> None:
    """From the directory's word on, whether or not an order came: at the user's claims, in introspection, nowhere."""
    member = await join(authority)
    grant = await authority.grant(authority.moneyview)
    token = access_token(authority)
    asked = introspection_request(
        authority, access_token(authority, grant=grant, audience=(BANK,), scope=("accounts",))
    )
    assert (await authority.send(userinfo_request(authority, token=token))).status == 200
    assert (await authority.send(asked)).json["active"] is True
    key = f"key:{thumbprint(authority.deployment.keys.signer().public_key)}"
    member.directory.say(key, "ended", cause="compromised")
    await member.hear(key)
    refused = await authority.send(userinfo_request(authority, token=token))
    assert (refused.status, refused.reason) == (401, "access-token.unknown-key")
    again = introspection_request(
        authority, access_token(authority, grant=grant, audience=(BANK,), scope=("accounts",))
    )
    assert (await authority.send(again)).json == {"active": False}


async def test_an_order_about_an_organisation_ends_its_software(authority: Authority) -> None:
    """Clients are found by what they are registered as: software, organisation, or their identifier."""
    member = await join(authority)
    await authority.reregister(authority.moneyview, organisation_id="mv", software_id="mv-app")
    member.directory.say("organisation:mv", "ended", cause="withdrawn")
    order = member.directory.order("organisation:mv", "withdraw")
    await member.hear("organisation:mv", order=order)
    assert (await authority.send(pushed_request(authority))).reason == "participation.ended"
    assert await member.receiver.carry_out() == 0
    assert await authority.store.find_client("moneyview") is None
    assert await authority.store.find_client("otherapp") is not None


async def test_tokens_of_those_who_do_not_take_part_are_not_active(authority: Authority) -> None:
    """Introspection and userinfo refuse a token whose client, person or key is refused, however valid it is."""
    member = await join(authority)
    grant = await authority.grant(authority.moneyview)
    token = access_token(authority, grant=grant, audience=(BANK,), scope=("accounts",))
    asked = introspection_request(authority, token)
    assert (await authority.send(asked)).json["active"] is True
    subjects = (SOFTWARE, f"user:{BRAND}~{authority.alice.subject}", f"key:{authority.moneyview.jkt}")
    for subject in subjects:
        member.directory.say(subject, "suspended", cause="suspended")
        await member.hear(subject)
        assert (await authority.send(introspection_request(authority, token))).json == {"active": False}
        assert (await authority.send(userinfo_request(authority))).status == 401
        member.directory.say(subject, "active")
        await member.hear(subject)
    assert (await authority.send(introspection_request(authority, token))).json["active"] is True


@pytest.mark.parametrize("stranger", ["user:{}", "user:other-bank~{}"])
async def test_the_customer_of_another_bank_is_nobody_here(authority: Authority, stranger: str) -> None:
    """Whoever may stop its own people stops nobody else's by giving one of them the same identifier."""
    member = await join(authority)
    subject = stranger.format(authority.alice.subject)
    token, _ = await authority.issue_refresh_token()
    member.directory.say(subject, "ended", cause="revoked")
    assert (await member.hear(subject, order=member.directory.order(subject, "revoke"))).status == 202
    assert await member.receiver.carry_out() == 0
    assert jws.parse(member.reached.receipts[0].decode()).unverified_claims()["counts"] == dict.fromkeys(
        ("request_uris", "interactions", "codes", "refresh_tokens", "grants", "registrations"), 0
    )
    assert (await authority.send(refresh_request(authority, token))).status == 200


async def test_a_lost_api_leaves_the_rest(authority: Authority) -> None:
    """A refresh returns less once an API or a role is lost, and all again once it is back."""
    member = await join(authority, apis={"payments": "pay"}, roles={"accounts": "reader"})
    await authority.reregister(authority.moneyview, organisation_id="mv")
    token, _ = await authority.issue_refresh_token(scope=("openid", "accounts", "payments"))
    for subject, left in (("api:moneyview~pay", "openid accounts"), ("role:mv~reader", "openid payments")):
        member.directory.say(subject, "ended", cause="withdrawn")
        await member.hear(subject)
        assert (await authority.send(refresh_request(authority, token))).json["scope"] == left
        member.directory.say(subject, "active")
        await member.hear(subject)
    answer = await authority.send(refresh_request(authority, token))
    assert answer.json.get("scope", "openid accounts payments") == "openid accounts payments"


async def test_details_of_a_lost_api_go_as_scope_values_do(authority: Authority) -> None:
    """A refresh leaves them out, and what is asked for of them alone is refused; a request is narrowed likewise."""
    await join_without_payments(authority)
    details = (detail(PAYMENT),)
    both, _ = await authority.issue_refresh_token(scope=("accounts",), details=details)
    alone, _ = await authority.issue_refresh_token(scope=(), details=details)
    answer = await authority.send(refresh_request(authority, both))
    assert (answer.status, answer.json.get("authorization_details")) == (200, None)
    assert (await authority.send(refresh_request(authority, alone))).reason == "participation.scope"
    again = refresh_request(authority, both, authorization_details=json.dumps([PAYMENT]))
    assert (await authority.send(again)).reason == "authorization-details.wider"
    asked = pushed_request(authority, scope="accounts", authorization_details=json.dumps([PAYMENT]))
    uri = (await authority.send(asked)).json["request_uri"]
    kept = await authority.store.find_pushed_request(digest_of(uri.rpartition(":")[2]))
    assert kept is not None
    assert (kept.scope, kept.authorization_details) == (("accounts",), ())


async def test_introspection_tells_what_is_left_of_a_token(authority: Authority) -> None:
    """Whoever asks the server, and no directory, serves nobody with what was lost since the token was issued."""
    await join_without_payments(authority)
    grant, details = await authority.grant(authority.moneyview), (detail(PAYMENT),)

    async def told(**held: Any) -> dict[str, object]:
        token = access_token(authority, grant=grant, audience=(BANK,), **held)
        answer: dict[str, object] = (await authority.send(introspection_request(authority, token))).json
        return answer

    both = await told(scope=("accounts", "payments"), details=details)
    assert (both["active"], both["scope"], "authorization_details" in both) == (True, "accounts", False)
    assert await told(scope=("payments",)) == {"active": False}
    assert await told(scope=(), details=details) == {"active": False}


async def join_without_payments(authority: Authority) -> None:
    """Let the directory take payments from MoneyView, by scope and by details."""
    member = await join(authority, apis={"payments": "pay", PAYMENT["type"]: "pay"})
    member.directory.say("api:moneyview~pay", "ended", cause="withdrawn")
    await member.hear("api:moneyview~pay")


async def test_whom_the_directory_knows_has_what_it_was_granted_and_no_more(authority: Authority) -> None:
    """A software that registered itself for more gets no token for that: what was never granted is in no list."""
    member = await join(authority, apis={"accounts": "read", "payments": "pay"}, roles={"payments": "payer"})
    await authority.reregister(authority.moneyview, organisation_id="mv")
    token, _ = await authority.issue_refresh_token(scope=("openid", "accounts", "payments"))

    async def granted() -> object:
        answer = await authority.send(refresh_request(authority, token))
        return answer.json.get("scope", "openid accounts payments")

    for subject, left in (
        (SOFTWARE, "openid"),  # which the directory knows
        ("api:moneyview~read", "openid accounts"),
        ("api:moneyview~pay", "openid accounts payments"),
        ("organisation:mv", "openid accounts"),
        ("role:mv~payer", "openid accounts payments"),
    ):
        member.directory.say(subject, "active")
        await member.hear(subject)
        assert await granted() == left


async def test_a_server_whose_brand_is_suspended_gives_nothing(authority: Authority) -> None:
    """The server holds itself to what the directory says of it."""
    member = await join(authority, brand="harbour-bank")
    assert (await authority.send(pushed_request(authority))).status == 201
    member.directory.say("brand:harbour-bank", "suspended", cause="suspended")
    await member.hear("brand:harbour-bank")
    assert (await authority.send(pushed_request(authority))).reason == "participation.suspended"


async def test_payments_stop_before_data_when_the_directory_is_away(authority: Authority) -> None:
    """After ten minutes without it a refresh for data works, and one for payments is refused for now."""
    member = await join(authority, payments=("payments",))
    token, _ = await authority.issue_refresh_token(scope=("accounts", "payments"))
    member.reached.away = True
    authority.clock.advance(600)
    assert (await authority.send(refresh_request(authority, token, scope="accounts"))).status == 200
    answer = await authority.send(refresh_request(authority, token))
    assert (answer.status, answer.reason, answer.header("retry-after")) == (503, "status.stale", "2")


async def test_events_arrive_over_http(authority: Authority) -> None:
    """The endpoint answers as RFC 8935 has it: 202, or the code for what is wrong."""
    member = await join(authority)
    member.directory.say(SOFTWARE, "suspended", cause="suspended")
    request = delivery(member.directory.event(IDENTIFIER, SOFTWARE))
    draft = Draft("POST", request.path, headers=list(request.headers), body=request.body)
    assert (await authority.send(draft)).status == 202
    wrong = delivery(member.directory.event("https://other.example", SOFTWARE))
    answer = await authority.send(Draft("POST", wrong.path, headers=list(wrong.headers), body=wrong.body))
    assert (answer.status, answer.json["err"]) == (400, "invalid_audience")
