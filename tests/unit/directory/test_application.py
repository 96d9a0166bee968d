"""The directory's application: the feed, events with their orders, receipts, and what becomes evidence."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from support.anchor import BANK, HARBOUR, ISSUER, Anchor, Listener, make_anchor
from support.authority import Hearing
from support.town import KEY, MINE, OPERATOR, make_town
from trustweft.crypto.keys import (
    KeySet,
    generate_private_key,
    public_jwk,
    read_public_jwk,
    thumbprint,
)
from trustweft.directory.case_files import find_order
from trustweft.directory.cases import expected_participants
from trustweft.directory.commands import Add, Amend, Move
from trustweft.directory.events import Added, Moved
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.ledger import Ledger
from trustweft.directory.objects import Key, Organisation, User
from trustweft.directory.progress import FileProgress, MemoryProgress
from trustweft.evidence.export import export_lines
from trustweft.evidence.reader import LogReader
from trustweft.evidence.verification import verify_export
from trustweft.protocol import ecosystem_status
from trustweft.protocol.ecosystem_status import LIST_LIMIT, StatusList, verify_status_list
from trustweft.protocol.http import json_response
from trustweft.protocol.known_status import KnownStatus, merge
from trustweft.protocol.offboarding import RECEIPT_MEDIA_TYPE, verify_order
from trustweft.protocol.security_event import StatusChange, Verification
from trustweft.store.errors import unavailable
from trustweft.store.register import MemoryRegisterStore, SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trustweft.crypto.keys import Signer
    from trustweft.directory.events import Event
    from trustweft.directory.register import Register
    from trustweft.protocol.http import HttpResponse

pytestmark = pytest.mark.anyio

RECEIPT = [("content-type", RECEIPT_MEDIA_TYPE)]
SOFTWARE = "software:moneyview"


@pytest.fixture
async def anchor(tmp_path: Path) -> AsyncIterator[Anchor]:
    """A directory whose two servers listen."""
    made = await make_anchor(tmp_path)
    made.start()
    yield made
    await made.stop()


def header(response: HttpResponse, name: str) -> str:
    """Return the only value of a header."""
    (value,) = [value for each, value in response.headers if each == name]
    return value


def reason_of(response: HttpResponse) -> str:
    """Return why something was refused."""
    return header(response, "trustweft-reason")


def read_list(anchor: Anchor, response: HttpResponse) -> StatusList:
    """Return a list, verified as readers do."""
    assert response.status == 200
    return verify_status_list(
        response.body.decode(), keys=anchor.keys(), issuer=ISSUER, now=anchor.clock.now(), tolerance=0
    )


# The feed.


async def test_the_feed_tells_everything_and_then_what_changed(anchor: Anchor) -> None:
    """A full list first, a delta after a change; both as readers merge them."""
    full = read_list(anchor, await anchor.ask("/status"))
    assert full.since is None
    assert full.subjects[SOFTWARE].effect == "active"
    known = merge(KnownStatus(), full).known
    await anchor.move(SOFTWARE, "suspend")
    delta = read_list(anchor, await anchor.ask(f"/status?since={full.revision}"))
    assert set(delta.subjects) == {SOFTWARE}
    refusal = merge(known, delta).known.worst([f"key:{KEY}"])
    assert refusal is not None
    assert (refusal.effect, refusal.source) == ("suspended", SOFTWARE)


async def test_a_thousand_readers_cost_one_signature(anchor: Anchor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same list serves everybody until something changes."""
    signed: list[float] = []

    def sign(signer: Signer, **named: Any) -> str:
        signed.append(named["now"])
        return ecosystem_status.create_status_list(signer, **named)

    monkeypatch.setattr("trustweft.directory.feed.create_status_list", sign)
    bodies = {(await anchor.ask("/status")).body for _ in range(1_000)}
    assert (len(bodies), len(signed)) == (1, 1)
    await anchor.move(SOFTWARE, "suspend")
    await anchor.ask("/status")
    assert len(signed) == 2


async def test_a_list_is_signed_anew_before_it_grows_old(anchor: Anchor) -> None:
    """After half of its time, though nothing changed."""
    before = read_list(anchor, await anchor.ask("/status"))
    anchor.clock.advance(149)
    assert read_list(anchor, await anchor.ask("/status")).issued_at == before.issued_at
    anchor.clock.advance(2)
    assert read_list(anchor, await anchor.ask("/status")).issued_at == before.issued_at + 151


async def test_whoever_has_everything_is_told_so(anchor: Anchor) -> None:
    """By the entity tag, which is the revision."""
    first = await anchor.ask("/status")
    tag = header(first, "etag")
    assert tag == f'"{read_list(anchor, first).revision}"'
    again = await anchor.ask("/status", headers=[("if-none-match", tag)])
    assert (again.status, again.body) == (304, b"")


async def test_a_reader_that_waits_is_answered_as_soon_as_something_changes(anchor: Anchor) -> None:
    """And by everything that changed after what it knows."""
    revision = anchor.directory.feed.revision
    waiting = [
        asyncio.create_task(
            anchor.ask(f"/status?since={revision}&wait=25", headers=[("if-none-match", f'"{revision}"')])
        )
        for _ in range(20)
    ]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await anchor.move(SOFTWARE, "suspend")
    answers = await asyncio.gather(*waiting)
    assert {answer.body for answer in answers} == {answers[0].body}
    assert set(read_list(anchor, answers[0]).subjects) == {SOFTWARE}


async def test_a_reader_does_not_wait_for_longer_than_it_asks_for(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for longer than anybody may; and nobody waits in a directory that is about to stop."""
    monkeypatch.setattr("trustweft.directory.endpoints.status.MAXIMUM_WAIT", 0.01)
    revision = anchor.directory.feed.revision
    request = anchor.ask(f"/status?since={revision}&wait=9999", headers=[("if-none-match", f'"{revision}"')])
    assert (await request).status == 304
    monkeypatch.undo()
    waiting = asyncio.create_task(anchor.ask(f"/status?since={revision}&wait=25"))
    await asyncio.sleep(0)
    anchor.directory.feed.close()
    assert (await waiting).status == 200


async def test_a_revision_that_lies_ahead_is_answered_with_everything(anchor: Anchor) -> None:
    """It is none of ours: what the reader does with a list that is older than it knows is its own rule."""
    assert read_list(anchor, await anchor.ask("/status?since=9999")).since is None


@pytest.mark.parametrize(
    "query", ["since=-1", "since=x", "since=99999999999999999", "wait=1.5", "wait=%D9%A1"]
)
async def test_what_is_no_revision_is_refused(anchor: Anchor, query: str) -> None:
    """With a reason."""
    answer = await anchor.ask(f"/status?{query}")
    assert (answer.status, reason_of(answer)) == (400, "feed.parameter")


async def test_an_empty_directory_has_an_empty_list(tmp_path: Path) -> None:
    """Signed like every other; a reader that knows more keeps what it knows."""
    made = await make_anchor(tmp_path, store=MemoryRegisterStore())
    told = read_list(made, await made.ask("/status"))
    assert (told.revision, told.subjects) == (0, {})
    await made.stop()


async def test_a_list_that_would_be_too_long_comes_in_pages(anchor: Anchor) -> None:
    """A reader has all of it after as many requests as there are pages, each within what readers take."""
    for number in range(4_000):
        subject = parse_subject(f"organisation:{'o' * 100}{number}")
        anchor.directory.keeper.register.take(
            make_active(anchor, subject=str(subject), first=anchor.directory.snapshot().sequence + 1)
        )
    known, requests = KnownStatus(), 0
    while known.revision < anchor.directory.feed.revision:
        query = "" if known.revision < 0 else f"?since={known.revision}"
        answer = await anchor.ask(f"/status{query}")
        assert len(answer.body) <= LIST_LIMIT
        known = merge(known, read_list(anchor, answer)).known
        assert header(answer, "etag") == f'"{known.revision}"'
        requests += 1
    assert 1 < requests < 6
    assert set(known.subjects) == set(anchor.directory.snapshot().status_list())
    # What takes the register's place is gone with the test: the log has nothing of it.
    anchor.directory.keeper.register.now.sequence = 0


def make_active(anchor: Anchor, *, subject: str, first: int) -> list[Event]:
    """Return the events by which an organisation comes to take part."""
    by, now = anchor.directory.keeper.register.events[0].by, anchor.clock.now()
    return [
        Added(sequence=first, at=now, by=by, subject=subject, facts=Organisation(name="O")),
        Moved(
            sequence=first + 1, at=now, by=by, subject=subject, action="activate", before="x", after="active"
        ),
    ]


async def test_nobody_has_a_long_list_signed_for_each_revision(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is far behind is told from a common revision on, which is no later than its own."""
    for number in range(1_200):
        anchor.directory.keeper.register.take(
            make_active(
                anchor, subject=f"organisation:o{number}", first=anchor.directory.snapshot().sequence + 1
            )
        )
    signed: list[int | None] = []

    def sign(signer: Signer, **named: Any) -> str:
        signed.append(named["since"])
        return ecosystem_status.create_status_list(signer, **named)

    monkeypatch.setattr("trustweft.directory.feed.create_status_list", sign)
    for since in range(0, anchor.directory.feed.revision - 256, 7):
        told = read_list(anchor, await anchor.ask(f"/status?since={since}"))
        assert told.since is not None
        assert told.since <= since
        assert told.revision == anchor.directory.feed.revision
    assert signed == [0]


async def test_a_reader_comes_to_the_end_however_short_the_pages_are(
    anchor: Anchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told besides never takes the room of what is new."""
    monkeypatch.setattr("trustweft.directory.feed.SUBJECTS_LIMIT", 20_000)
    for number in range(1_200):
        anchor.directory.keeper.register.take(
            make_active(
                anchor, subject=f"organisation:o{number}", first=anchor.directory.snapshot().sequence + 1
            )
        )
    known = KnownStatus()
    while known.revision < anchor.directory.feed.revision:
        query = "" if known.revision < 0 else f"?since={known.revision}"
        before, known = known, merge(known, read_list(anchor, await anchor.ask(f"/status{query}"))).known
        assert known.revision > before.revision
    assert set(known.subjects) == set(anchor.directory.snapshot().status_list())


# Events and orders.


async def test_an_order_reaches_everybody_with_the_event(anchor: Anchor) -> None:
    """Signed for each of them, with where the receipt goes, and how much time there is."""
    name = await anchor.move(SOFTWARE, "revoke")
    for listener in (anchor.harbour, anchor.bank):
        await listener.heard(1)
        (event,) = anchor.events(listener)
        change = event.event
        assert isinstance(change, StatusChange)
        assert (change.subject, change.status.effect, change.order) == (SOFTWARE, "ended", name)
        assert change.order_token is not None
        order = verify_order(
            change.order_token, keys=anchor.keys(), issuer=ISSUER, now=anchor.clock.now(), tolerance=0
        )
        assert order.jti == name
        assert order.receipt_endpoint == f"{ISSUER}/receipts"
        assert order.deadlines == {"refuse": 5, "refuse_by_poll": 60, "clean_up": 300}
        assert f"key:{KEY}" in order.subjects


async def test_a_dead_or_slow_participant_delays_nobody(anchor: Anchor) -> None:
    """It is told when it is there again."""
    anchor.bank.paused.clear()
    await anchor.move(SOFTWARE, "revoke")
    await anchor.harbour.heard(1)
    assert anchor.bank.tokens == []
    anchor.bank.paused.set()
    await anchor.bank.heard(1)


@pytest.mark.parametrize("answer", [400, 503, OSError("away")], ids=str)
async def test_an_event_is_delivered_until_it_is_accepted(anchor: Anchor, answer: int | Exception) -> None:
    """Each time under the same name, so that its receiver knows it again."""
    anchor.bank.answers = [answer] * 3
    await anchor.move(SOFTWARE, "revoke")
    await anchor.bank.heard(1)
    assert anchor.bank.attempts == 4
    assert [told.failures for told in anchor.directory.deliveries.overview()][1] >= 0


async def test_what_was_overtaken_is_not_told_any_more(anchor: Anchor) -> None:
    """Whoever was away hears the last word alone."""
    anchor.bank.paused.clear()
    await anchor.move(SOFTWARE, "suspend")
    await anchor.harbour.heard(1)
    anchor.bank.answers = [503]  # the attempt that is under way fails
    resumed = await anchor.move(SOFTWARE, "resume")
    anchor.bank.paused.set()
    await anchor.bank.heard(1)
    await anchor.harbour.heard(2)
    (event,) = anchor.events(anchor.bank)
    assert isinstance(event.event, StatusChange)
    assert (event.event.status.effect, event.event.order) == ("active", resumed)


async def test_a_compromised_key_goes_first(anchor: Anchor) -> None:
    """Before whatever else waits for a participant."""
    anchor.bank.paused.clear()
    await anchor.move("organisation:moneyview", "give-notice")
    await anchor.move("api:moneyview~payments", "suspend")
    await anchor.harbour.heard(1)
    await anchor.move("role:moneyview~payer", "suspend")
    await anchor.move(f"key:{KEY}", "compromise", MINE)
    anchor.bank.answers = [503]
    anchor.bank.paused.set()
    await anchor.bank.heard(3)
    first = anchor.events(anchor.bank)[0].event
    assert isinstance(first, StatusChange)
    assert (first.subject, first.status.cause) == (f"key:{KEY}", "compromised")


async def test_one_event_that_is_refused_keeps_no_other_back(anchor: Anchor) -> None:
    """The next one is delivered before the first is tried again."""
    anchor.bank.paused.clear()
    await anchor.move("api:moneyview~payments", "suspend")
    await anchor.move("role:moneyview~payer", "suspend")
    await anchor.harbour.heard(2)
    anchor.bank.answers = [400]
    anchor.bank.paused.set()
    await anchor.bank.heard(2)
    subjects = [
        event.event.subject for event in anchor.events(anchor.bank) if isinstance(event.event, StatusChange)
    ]
    assert subjects == ["role:moneyview~payer", "api:moneyview~payments"]


async def test_who_is_stopped_is_told_of_that_alone(anchor: Anchor) -> None:
    """And of the rest once it takes part again."""
    await anchor.move("api:accounts", "suspend")
    await anchor.bank.heard(1)
    await anchor.move(SOFTWARE, "suspend")
    await anchor.harbour.heard(2)
    assert len(anchor.bank.tokens) == 1
    await anchor.move("api:accounts", "resume")
    await anchor.bank.heard(3)
    subjects = [
        event.event.subject for event in anchor.events(anchor.bank) if isinstance(event.event, StatusChange)
    ]
    assert sorted(subjects) == ["api:accounts", "api:accounts", SOFTWARE]


async def test_an_application_hears_of_servers_their_keys_and_apis_and_of_nobody_else(anchor: Anchor) -> None:
    """Which people, roles and keys of others were stopped is nothing to it, and it owes no receipt for such an order."""
    home = "https://moneyview.example"
    application = Listener(SOFTWARE)
    anchor.posted[f"{home}/events"] = application
    anchor.web[f"{home}/jwks"] = json_response(application.jwks())
    facts = anchor.directory.snapshot().find(SOFTWARE).facts
    keys = {}
    for owner in ("brand:harbour-bank", SOFTWARE):
        jwk = public_jwk(generate_private_key("ES256").public_key())
        keys[owner] = f"key:{thumbprint(read_public_jwk(jwk))}"
        await anchor.do(Add(subject=parse_subject(keys[owner]), facts=Key(owner=owner, jwk=jwk)))
        await anchor.move(keys[owner], "activate")
    follows = structs.replace(facts, events_endpoint=f"{home}/events", jwks_uri=f"{home}/jwks")
    await anchor.do(Amend(subject=parse_subject(SOFTWARE), facts=follows))
    customer = "user:harbour-bank~c1"
    known = User(organisation="harbour-bank", part="customer", brand="harbour-bank")
    await anchor.do(Add(subject=parse_subject(customer), facts=known))
    await anchor.move(customer, "activate")
    others = await anchor.move("user:mia", "suspend")
    await anchor.move("role:moneyview~payer", "suspend")
    await anchor.move(keys[SOFTWARE], "compromise")
    await anchor.move(keys["brand:harbour-bank"], "compromise")
    own = await anchor.move("api:accounts", "suspend")
    await anchor.move("organisation:harbour-bank", "suspend")
    assert others is not None
    assert own is not None
    await application.heard(3)
    changes = [event.event for event in anchor.events(application)]
    orders = [
        verify_order(
            change.order_token or "", keys=anchor.keys(), issuer=ISSUER, now=anchor.clock.now(), tolerance=0
        )
        for change in changes
        if isinstance(change, StatusChange)
    ]
    # The bank's customer, who was not stopped by name, is not named either.
    assert [order.subjects for order in orders] == [(), (), ("brand:harbour-bank",)]
    bank = (await anchor.directory.keeper.read()).now.orders[orders[2].jti]
    assert customer in bank.subjects
    assert [change.subject for change in changes if isinstance(change, StatusChange)] == [
        keys["brand:harbour-bank"],
        "api:accounts",
        "organisation:harbour-bank",
    ]

    async def answer(order: str) -> int:
        receipt = application.receipt(order, now=anchor.clock.now()).encode()
        return (await anchor.ask("/receipts", method="POST", headers=RECEIPT, body=receipt)).status

    assert (await answer(others), await answer(own)) == (400, 202)
    register = anchor.directory.keeper.register

    def asked(order: str) -> set[str]:
        given = find_order(register, order)
        return {each.id for each in expected_participants(register.after(given.sequence - 1), given)}

    assert asked(own) - asked(others) == {SOFTWARE}


async def test_a_restart_delivers_what_waited_and_nothing_twice(tmp_path: Path) -> None:
    """What was accepted is known from a file; what was not is told afterwards, also what happened in between."""
    progress = FileProgress(tmp_path / "deliveries.json")
    store = await filled(tmp_path / "register.sqlite")
    first = await make_anchor(tmp_path, store=store, progress=progress)
    first.start()
    first.bank.paused.clear()
    await first.move("role:moneyview~payer", "suspend")
    await first.harbour.heard(1)
    await first.stop()
    second = await make_anchor(
        tmp_path, store=store, progress=progress, listeners=(Listener(HARBOUR), Listener(BANK))
    )
    await second.move(SOFTWARE, "suspend")
    second.start()
    await second.bank.heard(2)
    await second.harbour.heard(1)
    assert [len(each.tokens) for each in (second.harbour, second.bank)] == [1, 2]
    await second.stop()
    await store.close()


async def filled(path: Path) -> SqliteRegisterStore:
    """Return a register on the disk, with the town in it."""
    store = SqliteRegisterStore.open(path)
    await store.append(make_town().register.events, expected=0)
    return store


async def test_a_participant_is_asked_whether_deliveries_arrive(anchor: Anchor) -> None:
    """With a verification event, once what waits is delivered."""
    anchor.directory.deliveries.verify(HARBOUR, "a-state")
    await anchor.harbour.heard(1)
    (event,) = anchor.events(anchor.harbour)
    assert event.event == Verification(state="a-state")


# Receipts and evidence.


async def test_a_receipt_is_kept_before_it_is_accepted(anchor: Anchor, tmp_path: Path) -> None:
    """With its octets, whose it is and for what; the export of the log verifies."""
    name = await anchor.move(SOFTWARE, "revoke")
    assert name is not None
    receipt = anchor.bank.receipt(name, now=anchor.clock.now())
    answer = await anchor.ask("/receipts", method="POST", headers=RECEIPT, body=receipt.encode())
    assert (answer.status, answer.body) == (202, b"")
    reader = LogReader(tmp_path / "evidence.sqlite")
    (kept,) = reader.list(type="receipt")
    assert kept.entry.subject == SOFTWARE
    assert kept.entry.body == {
        "order": name,
        "participant": BANK,
        "received_at": anchor.clock.now(),
        "token": receipt,
    }
    (order,) = reader.list(type="order")
    assert order.entry.body["order"] == name
    result = verify_export(b"".join(export_lines(reader)), keys=[], against=[])
    reader.close()
    assert result.findings == ()


async def test_a_repeated_receipt_changes_nothing(anchor: Anchor, tmp_path: Path) -> None:
    """Whoever did not hear our answer sends another: it is accepted, and what was said first stands."""
    name = await anchor.move(SOFTWARE, "revoke")
    assert name is not None
    now = anchor.clock.now()
    sent = [anchor.bank.receipt(name, now=now, counts={"grants": count}) for count in range(3)]
    answers = await asyncio.gather(
        *(anchor.ask("/receipts", method="POST", headers=RECEIPT, body=each.encode()) for each in sent)
    )
    assert {answer.status for answer in answers} == {202}
    reader = LogReader(tmp_path / "evidence.sqlite")
    assert len(reader.list(type="receipt")) == 1
    reader.close()


async def test_every_event_is_evidence_once_also_after_a_restart(tmp_path: Path) -> None:
    """What happened while the directory was away is logged when it is back."""
    store = await filled(tmp_path / "register.sqlite")
    first = await make_anchor(tmp_path, store=store)
    await first.stop()
    await first.directory.keeper.carry_out(
        Add(subject=parse_subject("user:max"), facts=User(organisation="moneyview")),
        actor=first.directory.keeper.register.events[0].by,
    )
    second = await make_anchor(tmp_path, store=store)
    await second.directory.watch.look()
    await second.stop()
    await store.close()
    reader = LogReader(tmp_path / "evidence.sqlite")
    logged = [each.entry.body["sequence"] for each in reader.list(type="event")]
    reader.close()
    assert logged == list(range(1, second.directory.snapshot().sequence + 1))


async def test_an_order_whose_event_was_the_last_that_could_be_written_is_logged_later(
    tmp_path: Path,
) -> None:
    """A log that ends between the two is made whole at the next start."""
    store = await filled(tmp_path / "register.sqlite")
    first = await make_anchor(tmp_path, store=store)
    name = await first.move(SOFTWARE, "revoke")
    await first.stop()
    (tmp_path / "evidence.sqlite").rename(tmp_path / "whole.sqlite")
    reader = LogReader(tmp_path / "whole.sqlite")
    kept = [each.entry for each in reader.entries() if each.entry.type != "order"]
    reader.close()
    (tmp_path / "second").mkdir()
    second = await make_anchor(tmp_path / "second", store=store, entries=kept)
    await second.stop()
    await store.close()
    reader = LogReader(tmp_path / "second" / "evidence.sqlite")
    assert [each.entry.body["order"] for each in reader.list(type="order")] == [name]
    assert len(reader.list(type="event")) == second.directory.snapshot().sequence
    reader.close()


async def test_receipts_that_nobody_asked_for_are_refused(anchor: Anchor) -> None:
    """Each with its reason, and none of them becomes evidence."""
    name = await anchor.move(SOFTWARE, "revoke")
    assert name is not None
    now = anchor.clock.now()
    stranger = Listener("https://stranger.example")
    forged = Listener(BANK)
    good = anchor.bank.receipt(name, now=now)

    async def send(token: str, media: str = RECEIPT_MEDIA_TYPE) -> str:
        answer = await anchor.ask(
            "/receipts", method="POST", headers=[("content-type", media)], body=token.encode()
        )
        assert 400 <= answer.status < 500
        return reason_of(answer)

    assert await send(good, "application/json") == "receipt.media-type"
    assert await send("no token") == "receipt.shape"
    assert await send(stranger.receipt(name, now=now)) == "receipt.unknown-participant"
    assert await send(anchor.bank.receipt("order-9999", now=now)) == "receipt.unknown-order"
    assert await send(forged.receipt(name, now=now)) == "receipt.bad-signature"
    assert await send(anchor.bank.receipt(name, now=now, aud="https://other.example")) == "receipt.audience"
    assert await send(anchor.bank.receipt(name, now=now + 600)) == "receipt.from-future"
    assert not anchor.directory.ledger.has_receipt(name, BANK)


async def test_a_receipt_for_what_was_before_a_participant_came_is_refused(anchor: Anchor) -> None:
    """Nobody told it of that order."""
    earlier = await anchor.move("role:moneyview~payer", "suspend")
    assert earlier is not None
    courier = anchor.directory.deliveries._couriers[BANK]
    courier.since = anchor.directory.feed.revision  # as if it had come afterwards
    answer = await anchor.ask(
        "/receipts",
        method="POST",
        headers=RECEIPT,
        body=anchor.bank.receipt(earlier, now=anchor.clock.now()).encode(),
    )
    assert (answer.status, reason_of(answer)) == (400, "receipt.unknown-order")


# Besides.


async def test_the_keys_are_published(anchor: Anchor) -> None:
    """Those that verify everything that is signed."""
    answer = await anchor.ask("/jwks")
    assert KeySet.read(json.loads(answer.body)).keys == anchor.keys().keys


async def test_what_is_not_there_and_how_it_is_not_asked(anchor: Anchor) -> None:
    """404 and 405, each with a reason."""
    assert reason_of(await anchor.ask("/nothing")) == "directory.not-found"
    answer = await anchor.ask("/status", method="POST")
    assert (answer.status, reason_of(answer), header(answer, "allow")) == (405, "directory.method", "GET")
    assert (await anchor.ask("/status", method="HEAD")).status == 200


class FailingStore(MemoryRegisterStore):
    """A store that cannot be read for a while."""

    away = False

    async def since(self, sequence: int, *, limit: int) -> tuple[Event, ...]:
        """Return the next events, if they can be read."""
        if self.away:
            raise unavailable("away")
        return await super().since(sequence, limit=limit)


async def test_a_directory_that_cannot_read_its_register_says_nothing_new(tmp_path: Path) -> None:
    """What it signed would pass for what is so now; evidence is taken all the same."""
    store = FailingStore()
    await store.append(make_town().register.events, expected=0)
    made = await make_anchor(tmp_path, store=store)
    name = await made.move(SOFTWARE, "suspend")
    assert name is not None
    store.away = True
    await made.directory.watch.look_now()
    made.clock.advance(10)
    assert (await made.ask("/status")).status == 200
    made.clock.advance(1)
    for path in ("/status", "/federation/list", "/federation/fetch?sub=https://harbour.example"):
        answer = await made.ask(path)
        assert (answer.status, reason_of(answer)) == (503, "directory.blind")
    receipt = made.bank.receipt(name, now=made.clock.now())
    taken = await made.ask("/receipts", method="POST", headers=RECEIPT, body=receipt.encode())
    assert taken.status == 202
    store.away = False
    await made.directory.watch.look_now()
    assert (await made.ask("/status")).status == 200
    await made.stop()


async def test_a_slow_disk_holds_up_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be logged yet is in force and told; all orders become evidence once the disk answers."""
    made = await make_anchor(tmp_path)
    keep_up, disk = Ledger.keep_up, asyncio.Event()

    async def slow(ledger: Ledger, register: Register) -> int:
        await disk.wait()
        return await keep_up(ledger, register)

    def kinds() -> list[str]:
        return [each.entry.type for each in LogReader(tmp_path / "evidence.sqlite").entries()]

    monkeypatch.setattr(Ledger, "keep_up", slow)
    made.start()
    made.running.append(asyncio.create_task(made.directory.watch.run()))
    for action, told in (("suspend", 1), ("resume", 2), ("revoke", 3)):
        await made.directory.keeper.carry_out(
            Move(subject=parse_subject(SOFTWARE), action=action, reason="because"), actor=OPERATOR
        )
        await made.bank.heard(told)
    assert "order" not in kinds()
    disk.set()
    await made.directory.watch.look()
    assert kinds().count("order") == 3
    await made.stop()


async def test_many_dates_that_run_out_hold_up_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While they are kept, one after the other, an order is told; and what was cancelled under the watch ends nothing."""
    hearing = Hearing()
    made = await make_anchor(tmp_path, observer=hearing)
    keep_dates, busy = Keeper.keep_dates, asyncio.Event()
    failing = asyncio.get_running_loop().create_future()
    failing.cancel()

    async def slow(keeper: Keeper) -> tuple[Event, ...]:
        busy.set()
        await asyncio.Event().wait()
        return await keep_dates(keeper)

    async def cancelled(_ledger: Ledger, _register: Register) -> int:
        await failing
        return 0

    monkeypatch.setattr(Keeper, "keep_dates", slow)
    monkeypatch.setattr(Ledger, "keep_up", cancelled)
    made.start()
    watching = asyncio.create_task(made.directory.watch.run())
    made.running.append(watching)
    await busy.wait()
    await made.directory.keeper.carry_out(
        Move(subject=parse_subject(SOFTWARE), action="suspend", reason="because"), actor=OPERATOR
    )
    await made.bank.heard(1)
    assert not watching.done()
    assert [type(each) for each in hearing.failures] == [asyncio.CancelledError]
    await made.stop()
    assert watching.cancelled()


async def test_what_breaks_in_a_delivery_is_told_and_tried_again(tmp_path: Path) -> None:
    """No participant is forgotten because of something that nobody foresaw."""
    hearing = Hearing()
    made = await make_anchor(tmp_path, observer=hearing)
    made.bank.answers = [RuntimeError("broken")]
    made.start()
    await made.move(SOFTWARE, "revoke")
    await made.bank.heard(1)
    await made.stop()
    assert [str(each) for each in hearing.failures] == ["broken"]


async def test_the_progress_of_one_process_is_forgotten(anchor: Anchor) -> None:
    """Memory keeps what it was given."""
    keeper = MemoryProgress()
    keeper.save({})
    assert keeper.load() == {}
    assert anchor.directory.deliveries.participant("https://nobody.example") is None
