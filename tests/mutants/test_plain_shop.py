"""An API with plain OAuth and bearer tokens is audited as it is: each of its flaws is found, and no other is claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plain_shop import CLIENT, PASSWORD, PlainShop
from trustweft.audit.engine import run_check
from trustweft.audit.preflight import open_wire, prepare, reach
from trustweft.audit.registry import all_checks
from trustweft.audit.target import Api, ClientEntry, Endpoints, OperationEntry, Target, User
from trustweft.audit.verdict import Safety, Verdict
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.audit.results import Result

CHECKS = {each.id: each for each in all_checks()}
FOUND = {Verdict.FAIL, Verdict.SUSPECTED}
FLAWS = {
    "foreign-objects": ("API1-01",),
    "shared-list": ("API1-01",),
    "foreign-query": ("API1-01-query",),
    "foreign-made": ("API1-05",),
    "foreign-writes": ("API1-02",),
    "mass-assignment": ("API3-02",),
    "foreign-changes": ("API1-02-existing",),
    "foreign-payments": ("API1-02-existing",),
    "balance-set": ("API3-02-existing",),
    "write-only": ("API3-01-write-only",),
    "open-admin": ("API5-01",),
    "weak-secret": ("RS-04-weak-secret",),
    "invoices-by-header": ("TL-06-user",),
    "any-audience": ("RS-07",),
    "open-origin": ("MT-04",),
    "errands": ("API7-01", "API7-01-body"),
}
# Not ours to have: bearer tokens and http are this shop's nature, and what is said of them is right.
GROUPS = ("RS", "API", "DP", "MT")


@pytest.fixture(scope="module")
def shop() -> Iterator[PlainShop]:
    with PlainShop() as running:
        yield running


def audited(
    shop: PlainShop, names: Sequence[str], *, safety: Safety = Safety.STATE, described: str = "openapi.yaml"
) -> dict[str, Result]:
    """Audit the shop with these checks."""
    client, secret = CLIENT
    target = Target(
        issuer=shop.url,
        profile="oauth2-plain",
        rate=1_000,
        canary_host="localhost",
        endpoints=Endpoints(
            authorization_endpoint=f"{shop.url}/authorize", token_endpoint=f"{shop.url}/token"
        ),
        clients=(
            ClientEntry(
                client_id=client,
                secret=secret,
                authentication="client_secret_post",
                redirect_uri="https://client.example/callback",
                scope="orders",
            ),
        ),
        users=(User(username="ann", password=PASSWORD), User(username="ben", password=PASSWORD)),
        apis=(
            Api(url=shop.url, openapi=f"{shop.url}/{described}", resource=shop.url, origin=shop.origin),
            Api(
                url=f"{shop.url}/stock",
                resource=f"{shop.url}/stock",
                operations=(OperationEntry(path="/levels"),),
            ),
        ),
    )
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        reach(deployment)
        return {each: run_check(deployment, CHECKS[each], safety=safety) for each in names}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_of_a_plain_shop_is_found(shop: PlainShop, flaw: str) -> None:
    shop.flaws = frozenset({flaw})
    results = audited(shop, FLAWS[flaw])
    assert {each.id: each.reason for each in results.values() if each.verdict not in FOUND} == {}


def test_a_plain_shop_without_flaws_raises_no_alarm(shop: PlainShop) -> None:
    shop.flaws = frozenset()
    names = [each for each in CHECKS if each.startswith(GROUPS)] + ["TL-06-user"]
    results = audited(shop, names)
    assert {each.id: each.reason for each in results.values() if each.verdict in FOUND} == {}
    assert all("itself broke" not in each.reason for each in results.values())


EXISTING = ("API1-02-existing", "API3-02-existing")


@pytest.mark.parametrize("described", ["openapi.yaml", "accounts.yaml"])
def test_objects_that_are_there_are_tried_and_left_as_they_were(shop: PlainShop, described: str) -> None:
    shop.flaws = frozenset()
    before = {number: dict(account) for number, account in shop.accounts.items()}
    results = audited(shop, EXISTING, described=described)
    assert {each.id: each.reason for each in results.values() if each.verdict is not Verdict.PASS} == {}
    assert shop.accounts == before


@pytest.mark.parametrize("safety", [Safety.REQUESTS, Safety.STATE])
def test_where_no_object_can_be_made_a_check_says_which_one_tries_those_that_are_there(
    shop: PlainShop, safety: Safety
) -> None:
    """It says so at any level: to raise it would not help."""
    shop.flaws = frozenset()
    names = ["API1-02", "API3-02", "API3-02-update"]
    results = audited(shop, names, safety=safety, described="accounts.yaml")
    assert {each.verdict for each in results.values()} == {Verdict.INCONCLUSIVE}
    assert all("-existing tries objects that are there" in each.reason for each in results.values())


@pytest.mark.parametrize("flaw", ["foreign-changes", "balance-set"])
def test_what_was_taken_is_put_back(shop: PlainShop, flaw: str) -> None:
    shop.flaws = frozenset({flaw})
    before = {number: dict(account) for number, account in shop.accounts.items()}
    audited(shop, EXISTING, described="accounts.yaml")
    assert shop.accounts == before


def test_an_api_that_reads_bodies_first_is_not_blamed(shop: PlainShop) -> None:
    shop.flaws = frozenset({"bodies-first"})
    result = audited(shop, ["API1-02-existing"], described="accounts.yaml")["API1-02-existing"]
    assert result.verdict is Verdict.PASS, result.reason


def test_an_order_that_its_owner_is_refused_as_well_says_nothing(shop: PlainShop) -> None:
    shop.flaws = frozenset({"bodies-first", "payees-unknown"})
    result = audited(shop, ["API1-02-existing"], described="accounts.yaml")["API1-02-existing"]
    assert (result.verdict, result.reason) == (
        Verdict.INCONCLUSIVE,
        "no answer tells whether this is refused: POST /api/accounts/{account_id}/payments",
    )
