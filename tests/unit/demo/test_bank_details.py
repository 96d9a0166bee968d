"""Authorization details at the sample bank: each allows what it says, and nothing else (RFC 9396 section 9)."""

from __future__ import annotations

from typing import Any

import pytest

from banking import ALICES, IBAN, World, amount, order_of
from guarding import AUDIENCE
from support.details import changed
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.protocol.bearer import read_challenges
from trustweft.protocol.rar import create_authorization_detail

pytestmark = pytest.mark.anyio

IBANS = [account.iban for account in CUSTOMERS["alice"].accounts]
PAYMENT: dict[str, Any] = {
    "type": "payment_initiation",
    "instructedAmount": {"amount": "24.90", "currency": "EUR"},
    "creditorName": "Greenleaf Market",
    "creditorAccount": {"iban": IBAN},
    "remittanceInformationUnstructured": "Order 1207",
}
LOOK: dict[str, Any] = {"type": "account_information", "actions": ["list_accounts", "read_balances"]}
REFUSED = (403, "bearer.insufficient-authorization-details")


async def outcome_of_payment(world: World, order: object = None, *, key: str = "1", **held: Any) -> Any:
    """Pay with a token that has one detail and no scope; return status and reason."""
    details = (create_authorization_detail(changed(PAYMENT, **held)),)
    answer = await world.pay(order, key=key, scope=(), details=details)
    return answer.status_code, answer.headers.get("trustweft-reason")


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"instructedAmount__amount": "1000.00"},
        {"debtorAccount": {"iban": IBANS[0]}},
        {"locations": [AUDIENCE]},
        {"locations": [f"{AUDIENCE}/payments"]},
    ],
    ids=str,
)
async def test_a_payment_that_was_allowed_is_made(held: dict[str, Any]) -> None:
    """This amount or less, to this creditor, for this."""
    assert await outcome_of_payment(World(), **held) == (201, None)


@pytest.mark.parametrize(
    "held",
    [
        {"instructedAmount__amount": "24.89"},
        {"instructedAmount__currency": "USD"},
        {"creditorName": "Greenleaf"},
        {"creditorAccount__iban": "DE02100100109307118603"},
        {"remittanceInformationUnstructured": "Order 1208"},
        {"debtorAccount": {"iban": IBANS[1]}},
    ],
    ids=str,
)
async def test_another_payment_than_was_allowed_is_refused(held: dict[str, Any]) -> None:
    """And no money moves."""
    world = World()
    before = await world.balance()
    assert await outcome_of_payment(world, **held) == REFUSED
    assert await world.balance() == before


@pytest.mark.parametrize(
    "held",
    [
        LOOK,
        changed(PAYMENT, locations=[f"{AUDIENCE}/accounts"]),
        changed(PAYMENT, locations=["https://other.example"]),
    ],
    ids=str,
)
async def test_a_detail_that_is_about_something_else_is_no_payment(held: dict[str, Any]) -> None:
    """Refused by the guard already, before the body is read: nothing stands in place of the scope."""
    answer = await World().pay(scope=(), details=(create_authorization_detail(held),))
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (403, "bearer.insufficient-scope")


async def test_the_refusal_is_a_challenge() -> None:
    """RFC 6750 section 3: 403 with insufficient_scope, and a nonce for the next proof."""
    details = (create_authorization_detail(PAYMENT),)
    answer = await World().pay(order_of(amount=amount("24.91")), scope=(), details=details)
    (challenge,) = read_challenges([answer.headers["www-authenticate"]])
    assert (challenge.scheme, challenge.parameters["error"]) == ("dpop", "insufficient_scope")
    assert answer.json()["error"] == "insufficient_scope"
    assert "dpop-nonce" in answer.headers


async def test_what_was_allowed_once_is_paid_once() -> None:
    """The same key gives the same payment; another key would pay again, and is refused."""
    world = World()
    assert await outcome_of_payment(world) == (201, None)
    assert await outcome_of_payment(world) == (201, None)
    after = await world.balance()
    assert await outcome_of_payment(world, key="2") == (422, "bank.authorization-spent")
    # Neither in parts, nor with a token that was narrowed.
    part = order_of(amount=amount("1.00"))
    assert await outcome_of_payment(world, part, key="3", instructedAmount__amount="1.00") == (
        422,
        "bank.authorization-spent",
    )
    assert await world.balance() == after


async def test_a_payment_that_failed_leaves_the_permission_as_it_was() -> None:
    """What could not be carried out was not made."""
    world = World()
    too_much = {"instructedAmount__amount": "999999.00"}
    assert await outcome_of_payment(world, order_of(amount=amount("999999.00")), **too_much) == (
        422,
        "bank.insufficient-funds",
    )
    assert await outcome_of_payment(world, **too_much) == (201, None)


async def test_a_scope_pays_as_often_as_it_likes() -> None:
    """Whether or not the token has a detail as well."""
    world = World()
    details = (create_authorization_detail(changed(PAYMENT, creditorName="Mallory")),)
    for key in ("1", "2"):
        assert (await world.pay(key=key, details=details)).status_code == 201


async def test_what_became_of_a_payment_is_told_to_whoever_may_make_it() -> None:
    """And to no token that is about another payment."""
    world = World()
    path = (await world.pay()).headers["location"]
    for held, status in ((PAYMENT, 200), (changed(PAYMENT, creditorName="Mallory"), 403)):
        answer = await world.call("GET", path, scope=(), details=(create_authorization_detail(held),))
        assert answer.status_code == status


async def look(world: World, path: str, **held: Any) -> Any:
    """Look with a token that has one detail and no scope."""
    details = (create_authorization_detail(changed(LOOK, **held)),)
    return await world.call("GET", path, scope=(), details=details)


@pytest.mark.parametrize(
    ("held", "listed"),
    [
        ({}, ALICES),
        ({"accounts": IBANS}, ALICES),
        ({"accounts": [IBANS[1]]}, [ALICES[1]]),
        ({"validUntil": "2099-01-01"}, ALICES),
        ({"accounts": [CUSTOMERS["bob"].accounts[0].iban]}, None),
        ({"actions": ["read_balances"]}, None),
        ({"validUntil": "2001-01-01"}, None),
    ],
    ids=str,
)
async def test_accounts_are_listed_that_the_detail_is_about(
    held: dict[str, Any], listed: list[str] | None
) -> None:
    """Not the others, not for another action, and not after its last day."""
    answer = await look(World(), "/accounts", **held)
    if listed is None:
        assert (answer.status_code, answer.headers["trustweft-reason"]) == REFUSED
    else:
        assert [account["id"] for account in answer.json()["accounts"]] == listed


@pytest.mark.parametrize(
    ("path", "held", "status"),
    [
        (f"/accounts/{ALICES[0]}/balances", {}, 200),
        (f"/accounts/{ALICES[0]}/balances", {"accounts": [IBANS[0]]}, 200),
        (f"/accounts/{ALICES[0]}/balances", {"accounts": [IBANS[1]]}, 403),
        (f"/accounts/{ALICES[0]}/transactions", {}, 403),
        (f"/accounts/{ALICES[0]}/transactions", {"actions": ["read_transactions"]}, 200),
        ("/accounts/acc-none/balances", {}, 404),
        ("/payments/pay-1", {}, 403),
    ],
    ids=str,
)
async def test_an_account_is_looked_at_as_the_detail_says(
    path: str, held: dict[str, Any], status: int
) -> None:
    """This account, for this action."""
    assert (await look(World(), path, **held)).status_code == status


async def test_two_details_do_not_add_up() -> None:
    """Balances of one account and transactions of another are neither of both."""
    world = World()
    details = tuple(
        create_authorization_detail(changed(LOOK, actions=[action], accounts=[iban]))
        for action, iban in (("read_balances", IBANS[0]), ("read_transactions", IBANS[1]))
    )
    for path, status in (
        (f"/accounts/{ALICES[0]}/balances", 200),
        (f"/accounts/{ALICES[1]}/balances", 403),
        (f"/accounts/{ALICES[0]}/transactions", 403),
    ):
        assert (await world.call("GET", path, scope=(), details=details)).status_code == status


async def test_the_bank_says_which_types_it_knows() -> None:
    """RFC 9728 section 2."""
    answer = await World().send("GET", "/.well-known/oauth-protected-resource")
    assert {"payment_initiation", "account_information"} <= set(
        answer.json()["authorization_details_types_supported"]
    )
