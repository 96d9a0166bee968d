"""Authorization details on their way: asked for, shown, granted, narrowed, told; and never wider than before."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from support.authority import VERIFIER, make_authority
from support.details import ACCOUNTS, BANK, PAYMENT, RATES, RATES_SERVER, changed, detail, sent
from support.requests import (
    access_token,
    code_request,
    credentials_request,
    document_request,
    introspection_request,
    pushed_request,
    refresh_request,
)
from support.visits import Push, authorization_request, begin_visit, push
from trustweft.crypto import jws
from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority, IssuedCode
    from support.drafts import Draft
    from support.wire import Answer

pytestmark = pytest.mark.anyio

SMALLER = changed(PAYMENT, instructedAmount__amount="20.00")
LARGER = changed(PAYMENT, instructedAmount__amount="123.51")
INVALID = "invalid_authorization_details"


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server that knows three types."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


async def pushed_record(authority: Authority, draft: Draft) -> Push:
    """Push a request, and return what was kept of it."""
    answer = await authority.send(draft)
    assert answer.status == 201, answer
    digest = digest_of(answer.json["request_uri"].rpartition(":")[2])
    record = await authority.store.find_pushed_request(digest)
    assert record is not None
    return Push(answer.json["request_uri"], digest, record)


async def refused(authority: Authority, draft: Draft) -> tuple[int, str, str | None]:
    """Send a request; return status, error code and reason id of the refusal."""
    answer = await authority.send(draft)
    return answer.status, answer.json["error"], answer.reason


def claims_of(answer: Answer) -> dict[str, Any]:
    """Return the claims of the access token in an answer."""
    assert answer.status == 200, answer
    return dict(jws.parse(answer.json["access_token"]).unverified_claims())


async def code_for(authority: Authority, *documents: dict[str, Any], **changes: Any) -> IssuedCode:
    """Issue a code with details."""
    return await authority.issue_code(
        authorization_details=tuple(detail(document) for document in documents), **changes
    )


async def test_from_the_pushed_request_to_a_fresh_token(authority: Authority) -> None:
    """What was pushed is shown, granted, and stands in every token, without any scope."""
    draft = pushed_request(authority, authorization_details=sent(PAYMENT, ACCOUNTS)).put("scope", None)
    pushed = await pushed_record(authority, draft)
    assert (pushed.record.scope, pushed.record.authorization_details) == (
        (),
        (detail(PAYMENT), detail(ACCOUNTS)),
    )

    visit = await begin_visit(authority, logged_in=True, pushed=pushed)
    page = html.unescape((await authority.send(visit.page())).body.decode())
    for words in ("Make one payment", "123.50 EUR", "Bob Lindqvist", "Any of your accounts", "Balances"):
        assert words in page
    location = (await authority.send(visit.decide())).header("location")
    (code,) = parse_qs(urlsplit(location).query)["code"]

    draft = credentials_request(authority, grant_type="authorization_code", code=code, code_verifier=VERIFIER)
    tokens = await authority.send(draft.put("redirect_uri", pushed.record.redirect_uri).put("scope", None))
    assert tokens.json["authorization_details"] == [PAYMENT, ACCOUNTS]
    assert "scope" not in tokens.json
    claims = claims_of(tokens)
    assert (claims["aud"], claims["authorization_details"]) == (BANK, [PAYMENT, ACCOUNTS])
    assert "scope" not in claims
    grant = await authority.store.find_grant(claims["grant_id"])
    assert grant is not None
    assert grant.authorization_details == (detail(PAYMENT), detail(ACCOUNTS))

    again = await authority.send(refresh_request(authority, tokens.json["refresh_token"]))
    assert (
        claims_of(again)["authorization_details"]
        == again.json["authorization_details"]
        == [PAYMENT, ACCOUNTS]
    )


async def test_a_request_without_details_is_as_it_was(authority: Authority) -> None:
    """No member, no claim, nothing on the page."""
    answer = await authority.send(code_request(authority, await authority.issue_code()))
    assert "authorization_details" not in answer.json
    assert "authorization_details" not in claims_of(answer)
    visit = await begin_visit(authority, logged_in=True)
    assert b"requested" not in (await authority.send(visit.page())).body


async def test_without_scope_and_details_nothing_is_asked(authority: Authority) -> None:
    """One of both is needed."""
    assert await refused(authority, pushed_request(authority).put("scope", None)) == (
        400,
        "invalid_scope",
        "scope.missing",
    )


@pytest.mark.parametrize(
    ("sent_details", "reason"),
    [
        ("[]", "count"),
        ("{}", "malformed"),
        ('[{"type":"payment_initiation","type":"account_information"}]', "malformed"),
        ("[" * 3_000, "malformed"),
        (sent(changed(RATES, calls=10**40)), "number"),
        (sent(changed(PAYMENT, creditorName="Bob \u202eknaB")), "unprintable"),
        (sent(changed(PAYMENT, creditorName="B\u043eb Lindqvist")), "lookalike"),
        (sent({**PAYMENT, "__proto__": {"admin": True}}), "member-name"),
        (sent({**PAYMENT, "type": "everything"}), "unknown-type"),
        (sent(changed(PAYMENT, instructedAmount__amount=123.5)), "schema"),
        (sent({**PAYMENT, "purpose": "gift"}), "schema"),
        (sent(PAYMENT, changed(PAYMENT, creditorName=...)), "schema"),
        (sent(changed(RATES, locations=["https://other.example"])), "location"),
    ],
    ids=lambda value: value[:50],
)
async def test_details_that_break_a_rule_are_refused(
    authority: Authority, sent_details: str, reason: str
) -> None:
    """Section 5: 400 invalid_authorization_details, where the request is pushed and wherever a token is asked for."""
    expected = (400, INVALID, f"authorization-details.{reason}")
    issued, (token, _) = await code_for(authority, PAYMENT), await authority.issue_refresh_token()
    for draft in (
        pushed_request(authority, authorization_details=sent_details),
        code_request(authority, issued, authorization_details=sent_details),
        refresh_request(authority, token, authorization_details=sent_details),
        credentials_request(authority, authorization_details=sent_details),
    ):
        assert await refused(authority, draft) == expected


async def test_a_hundred_kilobytes_are_not_read(authority: Authority) -> None:
    """Neither as a parameter nor as a body; the bound comes before the reader."""
    for octets, reason in ((9_000, "authorization-details.malformed"), (100_000, "http.body-too-large")):
        padded = sent(PAYMENT)[:-1] + " " * octets + "]"
        answer = await authority.send(pushed_request(authority, authorization_details=padded))
        assert (answer.status in {400, 413}, answer.reason) == (True, reason)


async def test_a_client_asks_for_types_that_it_is_registered_for(authority: Authority) -> None:
    """Whatever else it may have."""
    draft = pushed_request(authority, authority.parties["codeonly"], authorization_details=sent(ACCOUNTS))
    assert await refused(authority, draft) == (400, INVALID, "authorization-details.not-registered")


@pytest.mark.parametrize(
    ("amount", "reason"), [("50.00", None), ("50.01", "authorization-details.beyond-registration")]
)
async def test_a_client_asks_for_no_more_than_its_registration_names(
    authority: Authority, amount: str, reason: str | None
) -> None:
    """The widest details of a client are an upper bound of every request."""
    document = changed(PAYMENT, instructedAmount__amount=amount)
    draft = pushed_request(authority, authority.otherapp, authorization_details=sent(document))
    assert (await authority.send(draft)).reason == reason


async def test_a_token_may_be_narrower_than_the_grant(authority: Authority) -> None:
    """Section 6: for this token; what was granted stays, so a refresh brings all of it again."""
    issued = await code_for(authority, PAYMENT, ACCOUNTS)
    answer = await authority.send(code_request(authority, issued, authorization_details=sent(SMALLER)))
    assert claims_of(answer)["authorization_details"] == answer.json["authorization_details"] == [SMALLER]
    refreshed = await authority.send(refresh_request(authority, answer.json["refresh_token"]))
    assert refreshed.json["authorization_details"] == [PAYMENT, ACCOUNTS]
    smaller = refresh_request(authority, answer.json["refresh_token"], authorization_details=sent(SMALLER))
    assert claims_of(await authority.send(smaller))["authorization_details"] == [SMALLER]


@pytest.mark.parametrize(
    "wanted",
    [
        [LARGER],
        [SMALLER, LARGER],
        [changed(PAYMENT, creditorName="Mallory")],
        [changed(PAYMENT, remittanceInformationUnstructured="Dinner")],
        [ACCOUNTS],
        [RATES],
    ],
    ids=str,
)
async def test_no_token_is_wider_than_the_grant(authority: Authority, wanted: list[dict[str, Any]]) -> None:
    """Refused at the code and at the refresh; the code is not burnt by it."""
    issued = await code_for(authority, PAYMENT)
    token, _ = await authority.issue_refresh_token(details=(detail(PAYMENT),))
    for draft in (
        code_request(authority, issued, authorization_details=sent(*wanted)),
        refresh_request(authority, token, authorization_details=sent(*wanted)),
    ):
        assert await refused(authority, draft) == (400, INVALID, "authorization-details.wider")
    assert (await authority.send(code_request(authority, issued))).status == 200


async def test_what_is_out_of_service_is_granted_no_more(authority: Authority) -> None:
    """The rest is; where nothing is left, the refresh token is worth nothing."""
    both, _ = await authority.issue_refresh_token(scope=("accounts",), details=(detail(PAYMENT),))
    alone, _ = await authority.issue_refresh_token(scope=(), details=(detail(PAYMENT),))
    assert (await authority.send(refresh_request(authority, alone))).status == 200
    authority.stop_offering_details()
    answer = await authority.send(refresh_request(authority, both))
    assert (answer.json["scope"], "authorization_details" in claims_of(answer)) == ("accounts", False)
    assert await refused(authority, refresh_request(authority, alone)) == (
        400,
        "invalid_grant",
        "scope.no-longer-offered",
    )


async def test_what_went_out_of_service_meanwhile_is_still_shown(authority: Authority) -> None:
    """A page that was pushed before says what is asked, in the client's words."""
    pushed = await push(authority, authorization_details=(detail(PAYMENT),))
    authority.stop_offering_details()
    visit = await begin_visit(authority, logged_in=True, pushed=pushed)
    page = (await authority.send(visit.page())).body.decode()
    for words in ("payment_initiation", "123.50", "Bob Lindqvist", "creditorAccount.iban"):
        assert words in page


async def test_a_client_for_itself_has_only_what_concerns_nobody(authority: Authority) -> None:
    """The type says whether a person must allow it."""
    draft = credentials_request(authority, authorization_details=sent(RATES)).put("scope", None)
    claims = claims_of(await authority.send(draft))
    assert (claims["sub"], claims["authorization_details"]) == ("moneyview", [RATES])
    assert claims["aud"] == [BANK, RATES_SERVER]
    draft = credentials_request(authority, authorization_details=sent(RATES, PAYMENT))
    assert await refused(authority, draft) == (400, INVALID, "authorization-details.needs-a-person")


async def test_locations_narrow_the_audience(authority: Authority) -> None:
    """Section 12: a token for one resource server is none for another."""
    wanted = changed(RATES, locations=[f"{RATES_SERVER}/eur"])
    draft = credentials_request(authority, authorization_details=sent(wanted)).put("scope", None)
    assert claims_of(await authority.send(draft))["aud"] == RATES_SERVER


async def test_a_resource_server_is_told_what_concerns_it(authority: Authority) -> None:
    """Section 9.2: with the token's other details nothing can be learnt about the person."""
    elsewhere = detail(RATES, locations=[RATES_SERVER])
    grant = await authority.grant(authority.moneyview)
    token = access_token(
        authority, grant=grant, audience=(BANK, RATES_SERVER), details=(detail(PAYMENT), elsewhere)
    )
    answer = await authority.send(introspection_request(authority, token))
    assert answer.json["authorization_details"] == [PAYMENT]
    only = access_token(authority, grant=grant, audience=(BANK, RATES_SERVER), details=(elsewhere,))
    answer = await authority.send(introspection_request(authority, only))
    assert (answer.json["active"], "authorization_details" in answer.json) == (True, False)


async def test_the_metadata_names_the_types(authority: Authority) -> None:
    """Section 10; a server that knows none says nothing."""
    answer = await authority.send(document_request("/.well-known/oauth-authorization-server"))
    assert answer.json["authorization_details_types_supported"] == [
        "payment_initiation",
        "account_information",
        "exchange_rates",
    ]
    authority.stop_offering_details()
    answer = await authority.send(document_request("/.well-known/oauth-authorization-server"))
    assert "authorization_details_types_supported" not in answer.json


async def test_a_strangers_words_stay_words(authority: Authority) -> None:
    """Markup in a value is text; nobody's name reads as the bank's own sentence."""
    wanted = changed(
        PAYMENT, creditorName="<b>Weft</b><script>x</script>", remittanceInformationUnstructured="{{7*7}}"
    )
    pushed = await pushed_record(authority, pushed_request(authority, authorization_details=sent(wanted)))
    visit = await begin_visit(authority, logged_in=True, pushed=pushed)
    page = (await authority.send(visit.page())).body.decode()
    assert "<script>x" not in page
    assert "&lt;b&gt;Weft&lt;/b&gt;&lt;script&gt;x&lt;/script&gt;" in page
    assert "{{7*7}}" in page


async def test_a_second_browser_cannot_change_what_is_asked(authority: Authority) -> None:
    """What stands in the query of the authorization endpoint was not authenticated, and is ignored."""
    pushed = await push(authority, authorization_details=(detail(SMALLER),))
    draft = authorization_request(pushed)
    draft.query += f"&authorization_details={json.dumps([LARGER])}"
    assert (await authority.send(draft)).status in {200, 303}
    record = await authority.store.find_pushed_request(pushed.digest)
    assert record is not None
    assert msgspec.json.decode(record.authorization_details[0].text) == SMALLER
