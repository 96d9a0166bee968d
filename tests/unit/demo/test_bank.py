"""The sample bank: what its customers may see, and what nobody else may."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from banking import ALICES, BOBS, SCOPES, World, amount, order_of
from guarding import AUDIENCE, ISSUER
from trustweft.demo.bank import OPERATIONS
from trustweft.demo.bank_data import CUSTOMERS
from trustweft.demo.bank_details import needed_for_payment
from trustweft.demo.bank_ledger import PaymentOrder
from trustweft.protocol.resource_metadata import read_resource_metadata
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import all_reasons

pytestmark = pytest.mark.anyio

PAYMENT = needed_for_payment(msgspec.convert(order_of(), PaymentOrder), debtor_iban=None)


async def test_customers_see_their_own_accounts() -> None:
    """Two customers, two lists, nothing in common."""
    world = World()
    alice = (await world.call("GET", "/accounts")).json()["accounts"]
    bob = (await world.call("GET", "/accounts", subject="sub.bob")).json()["accounts"]
    assert [account["id"] for account in alice] == ALICES
    assert [account["id"] for account in bob] == BOBS
    assert set(ALICES).isdisjoint(BOBS)


async def test_who_is_no_customer_has_no_accounts() -> None:
    """A subject that the bank does not know, an application that acts for itself: an empty list."""
    answer = await World().call("GET", "/accounts", subject="moneyview")
    assert (answer.status_code, answer.json()) == (200, {"accounts": []})


@pytest.mark.parametrize("part", ["balances", "transactions"])
async def test_somebody_elses_account_is_as_if_there_were_none(part: str) -> None:
    """The same answer as for an account that does not exist: nothing to learn from it."""
    world = World()
    theirs = await world.call("GET", f"/accounts/{BOBS[0]}/{part}")
    nobodys = await world.call("GET", f"/accounts/acc-000000000000/{part}")
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)
    assert theirs.headers["trustweft-reason"] == "bank.not-found"


async def test_the_balance_is_what_the_transactions_add_up_to() -> None:
    """Opening balance plus every entry."""
    world = World()
    path = f"/accounts/{ALICES[0]}/transactions?limit=500"
    entries = (await world.call("GET", path)).json()["transactions"]
    cents = sum(round(float(entry["amount"]["value"]) * 100) for entry in entries)
    assert await world.balance() == f"{(184_250 + cents) / 100:.2f}"


async def test_the_data_are_the_same_every_day() -> None:
    """Same day, same history: nothing is random."""
    first, second = World(), World()
    path = f"/accounts/{ALICES[0]}/transactions"
    assert (await first.call("GET", path)).text == (await second.call("GET", path)).text


async def test_transactions_come_newest_first_within_the_asked_days() -> None:
    """``from``, ``to`` and ``limit`` narrow the list."""
    world = World()
    base = f"/accounts/{ALICES[0]}/transactions"
    everything = [entry["booked_on"] for entry in (await world.call("GET", base)).json()["transactions"]]
    assert everything == sorted(everything, reverse=True)
    some = (await world.call("GET", f"{base}?from=2027-01-01&to=2027-01-05")).json()["transactions"]
    assert [entry["description"] for entry in some] == [
        "Card payment",
        "Electricity",
        "Monthly pass",
        "Card payment",
        "Rent",
    ]
    assert len((await world.call("GET", f"{base}?limit=2")).json()["transactions"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2027-13-01",
        "from=20270101",
        "to=2027-02-30",
        "to=\u0662\u0660\u0662\u0667-01-01",
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=1e3",
        "limit=%D9%A1",
        "limit=1_0",
        "order=up",
        "limit=1&limit=2",
        "from=%FF",
        "from=%00",
        "from=%zz",
        "a=" + "x" * 40_000,
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    """One strict reader; nothing is guessed."""
    world = World()
    answer = await world.call("GET", f"/accounts/{ALICES[0]}/transactions?{query}")
    assert (answer.status_code, world.observer.failures) == (400, [])


# Who may, and where.


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
async def test_every_operation_asks_for_its_scope(operation: Any) -> None:
    """Without a token 401, with the scopes of the other operations 403."""
    world = World()
    path = re.sub(r"\{[a-z_]+\}", "x", operation.path)
    if operation.scope is None:
        assert (await world.send(operation.method, path)).status_code == 200
        return
    assert (await world.send(operation.method, path)).status_code == 401
    others = tuple(scope for scope in SCOPES if scope not in operation.scope)
    answer = await world.call(operation.method, path, scope=others)
    assert (answer.status_code, f'scope="{operation.scope[0]}"' in answer.headers["www-authenticate"]) == (
        403,
        True,
    )


@pytest.mark.parametrize(
    "path", ["/nothing", "/accounts/", "/accounts/x", "/payments/", "/openapi.json/", "/docs"]
)
async def test_what_is_not_there_is_not_told_to_strangers(path: str) -> None:
    """401 without a token, 404 with one; never a redirect that repeats the Host header."""
    world = World()
    assert (await world.send("GET", path)).status_code == 401
    answer = await world.call("GET", path)
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (404, "bank.no-such-path")


async def test_another_method_is_refused() -> None:
    """405 with those that are allowed, for who may ask."""
    world = World()
    assert (await world.send("DELETE", "/accounts")).status_code == 401
    answer = await world.call("DELETE", "/accounts")
    assert (answer.status_code, answer.headers["trustweft-reason"]) == (405, "bank.method")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_head_needs_what_get_needs() -> None:
    """A HEAD is a GET without a body, also in what it asks of the token."""
    world = World()
    assert (await world.send("HEAD", "/accounts")).status_code == 401
    assert (await world.call("HEAD", "/accounts", scope=("payments",))).status_code == 403
    assert (await world.call("HEAD", "/accounts")).status_code == 200
    assert (await world.send("HEAD", "/openapi.json")).status_code == 200


async def test_private_answers_are_kept_by_nobody() -> None:
    """Neither data nor refusals are stored on the way."""
    world = World()
    answers = [await world.call("GET", "/accounts"), await world.send("GET", "/accounts"), await world.pay()]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 3


async def test_the_interaction_id_comes_back() -> None:
    """As FAPI clients expect."""
    identifier = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
    answer = await World().call("GET", "/accounts", extra=[("x-fapi-interaction-id", identifier)])
    assert answer.headers["x-fapi-interaction-id"] == identifier


async def test_it_describes_itself_as_a_protected_resource() -> None:
    """RFC 9728, where the challenge says."""
    world = World()
    challenge = (await world.send("GET", "/accounts")).headers["www-authenticate"]
    url = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert url is not None
    answer = await world.send("GET", url[1].removeprefix(AUDIENCE))
    metadata = read_resource_metadata(answer.json(), resource=AUDIENCE)
    assert (metadata.authorization_servers, metadata.scopes) == ((ISSUER,), SCOPES)


class StoppingClock(ManualClock):
    """A clock that breaks when told to."""

    stopped = False

    def now(self) -> float:
        """Return the time, or fail."""
        if self.stopped:
            raise RuntimeError("the vault is open")
        return super().now()


async def test_a_failure_tells_nothing() -> None:
    """What nobody foresaw is a 500 with an identifier, and the observer hears of it."""
    clock = StoppingClock()
    world = World(clock=clock)
    clock.stopped = True
    answer = await world.call("GET", f"/accounts/{ALICES[0]}/balances")
    assert (answer.status_code, "vault" in answer.text) == (500, False)
    assert [str(cause) for cause in world.observer.failures] == ["the vault is open"]


async def test_every_reason_of_the_bank_is_produced() -> None:
    """No reason is declared for nothing."""
    world = World()
    await world.call("GET", "/nothing")
    await world.call("DELETE", "/accounts")
    await world.call("GET", f"/accounts/{BOBS[0]}/balances")
    await world.call("GET", f"/accounts/{ALICES[0]}/transactions?limit=0")
    await world.call("POST", "/payments", extra=[("idempotency-key", "k")])
    await world.pay(key=None)
    await world.pay({})
    await world.pay(b" " * 9_000)
    await world.pay()
    await world.pay(order_of(reference="another"))
    await world.pay(order_of(amount=amount("0.00")), key="2")
    await world.pay(order_of(amount=amount("999999.00")), key="2")
    await world.pay(order_of(debtor_account="acc-none"), key="2")
    for key in ("3", "4"):
        await world.pay(key=key, scope=(), details=(PAYMENT,))
    declared = {reason.id for reason in all_reasons() if reason.id.startswith("bank.")}
    assert set(world.observer.reasons) == declared


def test_account_numbers_have_right_check_digits() -> None:
    """ISO 7064: the number with its country moved to the end leaves 1."""
    for customer in CUSTOMERS.values():
        for account in customer.accounts:
            moved = account.iban[4:] + "".join(str(int(letter, 36)) for letter in account.iban[:4])
            assert int(moved) % 97 == 1
