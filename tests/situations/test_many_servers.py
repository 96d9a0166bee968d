"""(i) One software at a hundred authorization servers: how long until all of them refuse it."""

from __future__ import annotations

import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import httpx2

from situations.land import bring, directory_alone
from situations.many_servers import NUMBER, address_of, many_servers
from situations.probing import send_result
from trustweft.audit.offboarding.attempts import Answer, Copy, Held, Outcome
from trustweft.audit.offboarding.probing import Pace, Prober
from trustweft.directory.commands import Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.objects import Brand, Key, Organisation, Software
from trustweft.net.event_receiver import EVENTS_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from situations.land import Land, Order
    from trustweft.directory.commands import Command

BUDGET: Final = 5.0  # seconds: what the profile asks of whoever is told
PATIENCE: Final = 60.0
# A hundred callers on a machine with two cores: each asks twice in a second.
PACE: Final = Pace(interval=0.5, settled=2.0, settling=0.5)


def test_a_hundred_servers_refuse_within_the_budget(tmp_path_factory: pytest.TempPathFactory) -> None:
    """95 % of them within five seconds after the order, and every one says so in a receipt."""
    with directory_alone(tmp_path_factory.mktemp("many")) as (land, port):
        base = f"https://localhost:{port}"
        land.decide(*everybody(base))
        with (
            many_servers(base, directory=land.directory.url, data=land.data.path),
            httpx2.Client(
                verify=ssl.create_default_context(cafile=str(land.data.authority)),
                timeout=30,
                trust_env=False,
            ) as http,
        ):
            held = [held_at(land, http, address_of(base, number)) for number in range(NUMBER)]
            for each in held:
                each.try_before()
            assert all(each.worked for each in held)
            prober = Prober(sites=(), clock=land.surroundings.clock, pace=PACE, held=held)
            order = land.order("software:everywhere", "revoke")
            send_result(land, prober.watch(seconds=PATIENCE), order)
            report = wait_for_receipts(land, order)
    assert len(report["participants"]) == NUMBER
    assert report["p95"] <= BUDGET
    assert report["laggards"] == []


def wait_for_receipts(land: Land, order: Order) -> dict[str, Any]:
    """Return the report once every server sent a receipt."""
    began = time.monotonic()
    while True:
        report = land.report(order)
        if all(each["receipt"] is not None for each in report["participants"]):
            return report
        assert time.monotonic() - began < PATIENCE


def held_at(land: Land, http: httpx2.Client, address: str) -> Held:
    """Return what the software has in its hands at a server: its name, which the server looks up for it."""

    def use() -> Answer:
        status = http.get(f"{address}/everywhere").status_code
        return Answer(Outcome.ACCEPTED if status == httpx2.codes.OK else Outcome.REFUSED, str(status))

    return Held(
        participant=address,
        kind="server",
        credential="client_key",
        clock=land.surroundings.clock,
        copies=deque([Copy(use)]),
    )


def everybody(base: str) -> Iterator[Command]:
    """Yield what brings a hundred banks and one application into the directory."""
    admitted = ("verify", "sign-terms", "activate")
    for number in range(NUMBER):
        name, address = f"bank-{number}", address_of(base, number)
        yield from bring(f"organisation:{name}", Organisation(name=name), admitted)
        brand = Brand(
            organisation=name,
            name=name,
            issuer=address,
            events_endpoint=f"{address}{EVENTS_PATH}",
            jwks_uri=f"{base}/jwks",
        )
        yield from bring(f"brand:{name}", brand, ("list",))
    yield from bring("organisation:firm", Organisation(name="firm"), admitted)
    yield from bring("software:everywhere", Software(organisation="firm", name="everywhere"), ())
    yield from bring("key:" + "K" * 43, Key(owner="software:everywhere"), ("activate",))
    yield Move(subject=parse_subject("software:everywhere"), action="go-live", reason="a situation")
