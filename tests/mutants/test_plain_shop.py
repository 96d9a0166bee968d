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
    "write-only": ("API3-01-write-only",),
    "open-admin": ("API5-01",),
    "weak-secret": ("RS-04-weak-secret",),
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


def audited(shop: PlainShop, names: Sequence[str]) -> dict[str, Result]:
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
            Api(url=shop.url, openapi=f"{shop.url}/openapi.yaml", resource=shop.url, origin=shop.origin),
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
        return {each: run_check(deployment, CHECKS[each], safety=Safety.WRITES) for each in names}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_of_a_plain_shop_is_found(shop: PlainShop, flaw: str) -> None:
    shop.flaws = frozenset({flaw})
    results = audited(shop, FLAWS[flaw])
    assert {each.id: each.reason for each in results.values() if each.verdict not in FOUND} == {}


def test_a_plain_shop_without_flaws_raises_no_alarm(shop: PlainShop) -> None:
    shop.flaws = frozenset()
    names = [each for each in CHECKS if each.startswith(GROUPS)]
    results = audited(shop, names)
    assert {each.id: each.reason for each in results.values() if each.verdict in FOUND} == {}
    assert all("itself broke" not in each.reason for each in results.values())
