"""Nine situations that real ecosystems got into, each over HTTPS between processes that share nothing else.

Three banks with a server and an API each, ten applications, one directory (`land.py`). Where a situation names CIBA it
is left out: nothing here issues such requests.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from ecosystem import run_trustweft
from served import served
from situations.customers import Customer
from situations.land import land
from situations.probing import deployment_at, holder_at, probing, tell
from trustweft.audit.offboarding.attempts import Outcome
from trustweft.audit.offboarding.holding import call_with, key_use, refresh_use
from trustweft.crypto.keyring import KeyRing
from trustweft.net.asgi import application
from trustweft.protocol.ecosystem_status import create_status_list
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from situations.land import Land, Order
    from situations.processes import Participant
    from trustweft.audit.offboarding.attempts import Answer
    from trustweft.protocol.offboarding_probe import Credential

PATIENCE: Final = 20.0
PUSH: Final = 5.0  # seconds: what the profile asks for
CONTROL: Final = "app8"  # never off-boarded
BYSTANDER: Final = "app9"  # neither; somebody uses its pages all the time
MULTIPLE: Final[frozenset[Credential]] = frozenset(
    {"client_key", "refresh_token", "access_token"}
)  # what one use does not spend


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """All of it, running."""
    with land(tmp_path_factory.mktemp("situations")) as built:
        yield built


@pytest.fixture(scope="module")
def bystander(country: Land) -> Iterator[Customer]:
    """Somebody whose application nobody ends: their accounts are shown before, between and after."""
    customer = Customer(country.application(BYSTANDER).url, authority=country.data.authority, name="bob")
    with closing(customer):
        assert customer.connect()
        yield customer
        assert customer.look()


def eventually(holds: Callable[[], bool], *, seconds: float = PATIENCE) -> float:
    """Return the seconds that passed until something was so."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def ends_with(use: Callable[[], Answer], outcome: Outcome) -> bool:
    """Use something; say whether it ended so."""
    return use().outcome is outcome


@contextmanager
def started_anew(participant: Participant, *, skew: float) -> Iterator[None]:
    """Run a participant with a wrong clock, and with the right one again in the end."""
    participant.stop()
    participant.start(skew=skew)
    try:
        participant.wait()
        yield
    finally:
        participant.stop()
        participant.start()
        participant.wait()


def receipts_of(report: dict[str, Any]) -> set[str]:
    """Return who sent a receipt."""
    return {each["id"] for each in report["participants"] if each["receipt"] is not None}


def complete(country: Land, order: Order) -> dict[str, Any]:
    """Return the report once everybody sent a receipt."""
    everybody = {each.url for bank in country.banks for each in bank.both}
    eventually(lambda: everybody <= receipts_of(country.report(order)))
    return country.report(order)


def test_a_revocation_ends_what_is_under_way_at_every_bank(country: Land, bystander: Customer) -> None:
    """(a) Requests pushed, codes issued, refresh tokens, access tokens, and the key itself: at nine places, within 5 s."""
    with probing(country, "app1", control=CONTROL) as prober:
        order = country.order("software:app1", "revoke")
        tell(country, prober, order)
    report = complete(country, order)
    refused = {each["id"]: each["refused"] for each in report["participants"]}
    for bank in country.banks:
        kinds = {"request_uri", "code", "refresh_token", "access_token", "client_key"}
        assert set(refused[bank.server.url]) == kinds
        assert set(refused[bank.resource.url]) == {"access_token"}
    assert report["laggards"] == []
    assert report["control_ok"] is True
    assert report["max"] <= PUSH
    counts = [each["receipt"]["counts"] for each in report["participants"] if each["kind"] == "server"]
    assert all(count["registrations"] == 1 and count["grants"] > 1 for count in counts)
    assert bystander.look()


def test_what_was_suspended_goes_on_where_it_was(country: Land) -> None:
    """(b) The same refresh token works again, and whoever gave permission could take it back meanwhile."""
    with probing(country, "app2", control=CONTROL, credentials=MULTIPLE, withdraws=True) as prober:
        order = country.order("software:app2", "suspend")
        probe = tell(country, prober, order)
        assert probe.withdrawal_ok is True
        held = [each for each in prober.held if each.credential == "refresh_token"]
        assert len(held) == len(country.banks)
        assert all(each.first_refusal is not None for each in held)
        country.order("software:app2", "resume")
        for each in held:
            eventually(partial(ends_with, each.copies[0].use, Outcome.ACCEPTED))
    report = country.report(order)
    assert report["control_ok"] is True
    assert report["laggards"] == []


def test_who_loses_a_role_keeps_the_rest(country: Land) -> None:
    """(c) Without the role for payments no payment is made, and the accounts are read as ever."""
    with ExitStack() as stack:
        uses = []
        for bank in country.banks:
            deployment = stack.enter_context(deployment_at(country, bank))
            both = holder_at(country, bank, "app3")
            paying = holder_at(country, bank, "app3", scope=("openid", "payments"))
            deployment.parties = (both.party,)
            access = deployment.fresh_access(both.party, both.user, scope=both.scope)
            reads = call_with(deployment, both.calls[0], access)
            pays = call_with(deployment, paying.calls[0], access)
            uses.append((pays, reads, refresh_use(deployment, access)))
        assert {use().outcome for each in uses for use in each} == {Outcome.ACCEPTED}
        country.order("role:firm-app3~payer", "revoke")
        for pays, reads, refreshes in uses:
            eventually(partial(ends_with, pays, Outcome.REFUSED), seconds=PUSH)
            assert reads().outcome is Outcome.ACCEPTED
            assert refreshes().outcome is Outcome.ACCEPTED


def test_an_order_that_is_given_while_the_directory_is_away_is_not_lost(country: Land) -> None:
    """(d) A key is compromised while the directory is down: everybody hears of it when it is back, and says so."""
    with probing(
        country, "app4", control=CONTROL, credentials=frozenset({"client_key", "refresh_token"})
    ) as prober:
        country.directory.stop()
        order = country.order(f"key:{country.key_of('app4')}", "compromise")
        for each in prober.live:
            assert each.copies[0].use().outcome is Outcome.ACCEPTED
        country.directory.start()
        country.directory.wait()
        back = time.time()
        prober.watch(seconds=PATIENCE)
        for each in prober.live:
            assert each.first_refusal is not None
            assert each.first_refusal.at - back <= PUSH
    complete(country, order)


def test_an_empty_list_takes_nobody_away(country: Land, bystander: Customer) -> None:
    """(e) A directory that forgot everybody, signed with its own key: the banks go on with what they know."""
    directory = country.directory
    keys = KeyRing.load_or_create(
        directory.folder / "keys", algorithms=("ES256",), now=country.surroundings.clock.now()
    )
    asked: list[str] = []
    revision = country.revision

    async def respond(request: HttpRequest) -> HttpResponse:
        asked.append(request.path)
        if request.path == "/jwks":
            return json_response(keys.public_jwks())
        token = create_status_list(
            keys.signer(),
            issuer=directory.url,
            now=country.surroundings.clock.now(),
            lifetime=60,
            revision=revision,
            subjects={},
        )
        return HttpResponse(200, (("content-type", "application/ecosystem-status+jwt"),), token.encode())

    directory.stop()
    with (
        served(
            lambda: application(
                respond,
                participant="directory",
                observer=SilentObserver(),
                body_limit=1_024,
                endpoint_of=lambda path: path,
            ),
            port=int(directory.url.rpartition(":")[2]),
            certificate=country.data.path / "tls/certificate.pem",
            private_key=country.data.path / "tls/private-key.pem",
        ),
        deployment_at(country, country.banks[0]) as deployment,
    ):
        eventually(lambda: asked.count("/status") >= 2 * len(country.banks))
        control = holder_at(country, country.banks[0], CONTROL)
        deployment.parties = (control.party,)
        assert key_use(deployment, control)().outcome is Outcome.ACCEPTED
        gone = holder_at(country, country.banks[0], "app1")
        assert key_use(deployment, gone)().outcome is Outcome.REFUSED
        assert bystander.look()
    directory.start()
    directory.wait()


def test_clocks_that_are_five_minutes_wrong_change_nothing(country: Land) -> None:
    """(f) One bank is ahead and one behind: both refuse in time, and the report is not misled by what they date."""
    skews = (0.0, 300.0, -300.0)
    with ExitStack() as stack:
        for bank, skew in zip(country.banks[1:], skews[1:], strict=True):
            for each in bank.both:
                stack.enter_context(started_anew(each, skew=skew))
        with probing(country, "app5", control=CONTROL, credentials=MULTIPLE, skews=skews) as prober:
            order = country.order("software:app5", "revoke")
            tell(country, prober, order)
        report = complete(country, order)
    assert report["laggards"] == []
    assert report["control_ok"] is True
    assert report["max"] <= PUSH


def test_a_bank_that_does_nothing_is_named(country: Land) -> None:
    """(g) One server is paused when the order comes: it is the laggard, and nobody else; then it makes up for it."""
    frozen = country.banks[2].server
    with probing(country, "app6", control=CONTROL, banks=country.banks[:2], credentials=MULTIPLE) as prober:
        frozen.pause()
        try:
            order = country.order("software:app6", "revoke")
            tell(country, prober, order)
            others = {each.url for bank in country.banks for each in bank.both} - {frozen.url}
            eventually(lambda: others <= receipts_of(country.report(order)))
            # Nobody is late before the time is over.
            eventually(lambda: country.report(order)["laggards"] == [frozen.url])
        finally:
            frozen.go_on()
    eventually(lambda: frozen.url in receipts_of(country.report(order)), seconds=60)
    assert country.report(order)["laggards"] == [frozen.url]


def test_a_key_that_was_retired_is_refused_though_it_is_remembered(country: Land) -> None:
    """(h) The old ``kid`` is replayed while servers still hold the old key set: the directory's word is enough."""
    with ExitStack() as stack:
        uses = []
        for bank in country.banks:
            deployment = stack.enter_context(deployment_at(country, bank))
            holder = holder_at(country, bank, "app7")
            deployment.parties = (holder.party,)
            uses.append(key_use(deployment, holder))
        assert {use().outcome for use in uses} == {Outcome.ACCEPTED}
        country.order(f"key:{country.key_of('app7')}", "retire")
        for use in uses:
            eventually(partial(ends_with, use, Outcome.REFUSED), seconds=PUSH)


def test_everything_is_in_the_evidence_and_holds(country: Land, tmp_path: Path) -> None:
    """Orders, receipts and probes of all that happened here, in one export that verifies alone."""
    export = tmp_path / "evidence.jsonl"
    done = run_trustweft("evidence", "export", str(export), "--data", str(country.data.path))
    assert done.returncode == 0, done.stderr
    verified = run_trustweft("evidence", "verify", str(export))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    listed = run_trustweft("evidence", "list", "--limit", "5000", "--data", str(country.data.path), "--json")
    assert {entry["type"] for entry in json.loads(listed.stdout)} == {"order", "receipt", "probe", "event"}
