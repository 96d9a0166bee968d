"""Payments at the sample bank: made once, from one's own account, by an order that is exactly one."""

from __future__ import annotations

import json

import msgspec
import pytest

from banking import ALICES, BOBS, IBAN, PEOPLE, SCOPES, World, amount, order_of
from guarding import Stage
from trustweft.demo.bank_ledger import Ledger, PaymentOrder
from trustweft.runtime.entropy import SystemEntropy

pytestmark = pytest.mark.anyio


async def test_a_payment_is_made_and_found_again() -> None:
    """201 with its address; the balance falls by the amount, and the entry shows up."""
    world = World()
    before = await world.balance()
    answer = await world.pay()
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/payments/{made['id']}")
    assert (made["status"], made["amount"]) == ("accepted", amount("24.90"))
    assert (await world.call("GET", answer.headers["location"])).json() == made
    assert round(float(before) - float(await world.balance()), 2) == 24.90
    newest = (await world.call("GET", f"/accounts/{ALICES[0]}/transactions?limit=1")).json()["transactions"]
    assert newest[0]["counterparty"] == "Greenleaf Market"


async def test_the_same_key_pays_once() -> None:
    """A client that did not get the answer sends the order again."""
    world = World()
    first, second = await world.pay(), await world.pay()
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    newest = (await world.call("GET", f"/accounts/{ALICES[0]}/transactions?limit=2")).json()["transactions"]
    assert [entry["description"] for entry in newest].count("Order 1207") == 1


async def test_the_same_key_with_another_order_is_refused() -> None:
    """Nobody is told that an order was carried out which was not."""
    world = World()
    await world.pay()
    answer = await world.pay(order_of(amount=amount("25.00")))
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (422, "bank.idempotency-conflict")


async def test_keys_belong_to_a_customer_and_an_application() -> None:
    """The same key of somebody else is another key."""
    world = World()
    ids = {
        (await world.pay()).json()["id"],
        (await world.pay(client_id="other")).json()["id"],
        (await world.pay(order_of(debtor_account=BOBS[0]), subject="sub.bob")).json()["id"],
    }
    assert len(ids) == 3


@pytest.mark.parametrize("who", [{"subject": "sub.bob"}, {"client_id": "other"}], ids=str)
async def test_somebody_elses_payment_is_as_if_there_were_none(who: dict[str, str]) -> None:
    """Of another customer, or made by another application."""
    world = World()
    path = (await world.pay()).headers["location"]
    theirs = await world.call("GET", path, **who)  # type: ignore[arg-type] # names of parameters
    nobodys = await world.call("GET", "/payments/pay-none")
    assert (theirs.status_code, theirs.text) == (404, nobodys.text)


@pytest.mark.parametrize("account", [BOBS[0], "acc-none", ""])
async def test_nobody_pays_from_somebody_elses_account(account: str) -> None:
    """Whoever pays owns the account."""
    world = World()
    answer = await world.pay(order_of(debtor_account=account))
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (422, "bank.unknown-debtor")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("0.01", 201),
        ("0.00", 422),
        ("999999999.99", 422),
        ("1000000000.00", 400),
        ("-1.00", 400),
        ("+1.00", 400),
        ("1", 400),
        ("1.0", 400),
        ("1.000", 400),
        ("01.00", 400),
        ("1,00", 400),
        ("1e2", 400),
        ("NaN", 400),
        ("1.00\n", 400),
        (" 1.00", 400),
        ("\u0661.00", 400),
        (1.0, 400),
        (1, 400),
        (None, 400),
    ],
)
async def test_an_amount_is_two_decimals_and_covered(value: object, status: int) -> None:
    """Never a float, never negative, never more than there is."""
    world = World()
    assert (await world.pay(order_of(amount=amount(value)))).status_code == status
    assert world.observer.failures == []


@pytest.mark.parametrize(
    "changes",
    [
        {"debtor_account": ...},
        {"debtor_account": 5},
        {"creditor": ...},
        {"creditor": {"name": "X"}},
        {"creditor": {"name": "X", "iban": "no"}},
        {"creditor": {"name": "", "iban": IBAN}},
        {"creditor": {"name": "a\nb", "iban": IBAN}},
        {"creditor": {"name": "X", "iban": IBAN, "bic": "X"}},
        {"amount": amount("1.00", "USD")},
        {"amount": amount("1.00", "EUR\n")},
        {"reference": "x" * 141},
        {"reference": "a\x00b"},
        {"reference": None},
        {"status": "accepted"},
        {"id": "pay-1"},
    ],
    ids=str,
)
async def test_an_order_is_exactly_what_it_should_be(changes: dict[str, object]) -> None:
    """Nothing is missing, nothing has another type, and nothing unknown is let through (mass assignment)."""
    world = World()
    answer = await world.pay(order_of(**changes))
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (400, "bank.malformed")


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "json.malformed"),
        (b"[]", 400, "json.not-an-object"),
        (b"{", 400, "json.malformed"),
        (b'{"amount": 1, "amount": 2}', 400, "json.duplicate-member"),
        (b"[" * 5_000, 400, "json.too-deep"),
        (b'{"a": NaN}', 400, "json.malformed"),
        (b'{"a": "\xff"}', 400, "json.malformed"),
        (json.dumps(order_of(reference="\ud800")).encode(), 400, "json.malformed"),
        (b"{}" + b" " * 9_000, 413, "bank.too-large"),
    ],
)
async def test_a_body_that_is_no_order_is_refused(body: bytes, status: int, reason: str) -> None:
    """With the strict reader's reason, within its bounds."""
    world = World()
    answer = await world.pay(body)
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (status, reason)
    assert world.observer.failures == []


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/json; charset=latin-1", "application/json5", "application/jwt"],
)
async def test_only_json_is_read(content_type: str | None) -> None:
    """Whatever the body would be under another name."""
    world = World()
    extra = [("idempotency-key", "k")] + ([] if content_type is None else [("content-type", content_type)])
    answer = await world.call("POST", "/payments", extra=extra, content=json.dumps(order_of()).encode())
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (415, "bank.media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_is_json_in_every_spelling(content_type: str) -> None:
    """Media types are compared without regard to case (RFC 9110 section 8.3.1)."""
    extra = [("idempotency-key", "k"), ("content-type", content_type)]
    answer = await World().call("POST", "/payments", extra=extra, content=json.dumps(order_of()).encode())
    assert answer.status_code == 201


@pytest.mark.parametrize("key", [None, "", "x" * 129, "a b", "\u00e9"])
async def test_a_payment_needs_a_key(key: str | None) -> None:
    """Without one a lost answer would mean paying twice."""
    world = World()
    extra = [] if key is None else [("idempotency-key", key)]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in extra]
    token = world.stage.token(scope=SCOPES)
    headers = [
        (n.encode(), v.encode()) for n, v in world.stage.headers(token, method="POST", path="/payments")
    ]
    answer = await world.send("POST", "/payments", [*headers, *raw], json=order_of())  # type: ignore[list-item] # octets
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (400, "bank.idempotency-key")


async def test_two_keys_are_none() -> None:
    """Which of them counts is not guessed."""
    extra = [("idempotency-key", "a"), ("idempotency-key", "b")]
    answer = await World().call("POST", "/payments", extra=extra, json=order_of())
    assert answer.headers["trustweft-reason"] == "bank.idempotency-key"


def test_payments_and_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten; the balance is not."""
    monkeypatch.setattr("trustweft.demo.bank_ledger.MAXIMUM_PAYMENTS", 3)
    monkeypatch.setattr("trustweft.demo.bank_ledger.MAXIMUM_ENTRIES", 5)
    ledger = Ledger(PEOPLE, clock=Stage().clock, entropy=SystemEntropy())
    before = ledger.balance("sub.alice", ALICES[0])
    order = msgspec.convert(order_of(amount=amount("0.01")), PaymentOrder)
    made = [ledger.pay("sub.alice", client_id="c", key=f"{number}", order=order) for number in range(10)]
    assert ledger.balance("sub.alice", ALICES[0]) == before - 10
    assert len(ledger._payments["sub.alice", "c"]) == 3
    assert len(ledger._books["sub.alice"][ALICES[0]].entries) == 5
    assert ledger.payment("sub.alice", client_id="c", payment_id=made[-1].id) == made[-1]


async def test_who_pays_nothing_takes_no_room() -> None:
    """Refused orders are not remembered."""
    world = World()
    ledger = Ledger(PEOPLE, clock=world.stage.clock, entropy=SystemEntropy())
    await world.pay(order_of(debtor_account="acc-none"), subject="stranger")
    assert ledger._payments == {}


async def test_who_goes_away_in_the_middle_is_no_failure() -> None:
    """A connection that ends before the order does is a refusal like others, and nothing is paid."""
    world = World()
    token = world.stage.token(scope=SCOPES)
    headers = world.stage.headers(token, method="POST", path="/payments")
    sent = (*headers, ("content-type", "application/json"), ("idempotency-key", "k"))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/payments",
        "raw_path": b"/payments",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent],
    }
    messages: list[dict[str, object]] = [
        {"type": "http.request", "body": b'{"debtor_account":', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(_message: object) -> None:
        pass

    before = await world.balance()
    await world.bank(scope, receive, send)
    assert (world.observer.reasons, world.observer.failures) == (["http.disconnected"], [])
    assert await world.balance() == before
