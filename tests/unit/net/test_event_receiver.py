"""Events and orders as they arrive at a participant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from support.directory import DIRECTORY, TestDirectory, new_signer
from support.participants import IDENTIFIER, Member, ReachedDirectory, delivery, make_member
from trustweft.crypto.keys import KeySet, VerificationKey
from trustweft.net.status_state import FileState, MemoryState
from trustweft.protocol.offboarding import Receipt, verify_receipt
from trustweft.runtime.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.protocol.offboarding import Order

pytestmark = pytest.mark.anyio
SOFTWARE = "software:moneyview"


def receipt(member: Member, number: int = -1) -> Receipt:
    """Return a receipt as the directory reads it."""
    key = VerificationKey(member.signer.public_key, "ES256", member.signer.key_id)
    return verify_receipt(
        member.reached.receipts[number].decode(),
        keys=KeySet([key]),
        issuer=IDENTIFIER,
        audience=DIRECTORY,
        now=member.reached.now,
        tolerance=60,
    )


async def test_an_order_is_in_force_at_once_and_receipted_once_it_is_carried_out() -> None:
    """The answer to the delivery says that it is in force; the receipt says what was ended."""
    member = make_member(ManualClock())
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    order = member.directory.order(SOFTWARE, "revoke")
    assert (await member.hear(SOFTWARE, order=order)).status == 202
    assert member.reader.refusal_of([SOFTWARE]) is not None
    assert await member.receiver.carry_out() == 0
    told = receipt(member)
    assert (told.order, told.counts, told.revision, told.repeated) == ("order-1", {"caches": 1}, -1, False)
    assert told.cleaned_at is not None


@pytest.mark.parametrize("ahead", [300.0, -300.0])
async def test_a_receipt_is_taken_from_who_has_a_wrong_clock(ahead: float) -> None:
    """It is dated by the directory's clock; what the participant did, it dates by its own."""
    clock = ManualClock()
    member = make_member(clock, reached=ReachedDirectory(clock, ahead=ahead))
    member.directory.say(SOFTWARE, "ended", cause="revoked", as_of=clock.now())
    assert await member.reader.poll()
    order = member.directory.order(SOFTWARE, "revoke", now=member.reached.now)
    assert (await member.hear(SOFTWARE, order=order)).status == 202
    assert await member.receiver.carry_out() == 0
    told = receipt(member)
    assert (told.iat, told.refused_at) == (int(member.reached.now), clock.now())


async def test_what_is_suspended_loses_nothing() -> None:
    """A suspension is receipted without a clean-up, and taken back by the next event."""
    cleaned: list[Order] = []

    async def clean_up(order: Order) -> dict[str, int]:
        cleaned.append(order)
        return {}

    member = make_member(ManualClock(), clean_up=clean_up)
    for effect, action in (("suspended", "suspend"), ("active", "resume")):
        member.directory.say(SOFTWARE, effect)  # type: ignore[arg-type]
        order = member.directory.order(SOFTWARE, action)  # type: ignore[arg-type]
        assert (await member.hear(SOFTWARE, order=order)).status == 202
        assert await member.receiver.carry_out() == 0
    assert cleaned == []
    assert receipt(member).cleaned_at is None
    assert member.reader.refusal_of([SOFTWARE]) is None


async def test_an_order_that_arrives_after_its_subject_was_let_in_again_ends_nothing() -> None:
    """It is accepted and receipted, without a clean-up: what holds is what the directory said last."""
    cleaned: list[Order] = []

    async def clean_up(order: Order) -> dict[str, int]:
        cleaned.append(order)
        return {}

    member = make_member(ManualClock(), clean_up=clean_up)
    member.directory.say(SOFTWARE, "ended", cause="withdrawn")
    late = member.directory.event(IDENTIFIER, SOFTWARE, order=member.directory.order(SOFTWARE, "withdraw"))
    member.directory.say(SOFTWARE, "active")
    assert (await member.hear(SOFTWARE)).status == 202
    assert (await member.receiver.respond(delivery(late))).status == 202
    assert await member.receiver.carry_out() == 0
    assert cleaned == []
    assert receipt(member).cleaned_at is None
    assert member.reader.refusal_of([SOFTWARE]) is None


async def test_a_delivery_that_comes_again_changes_nothing() -> None:
    """It is accepted, because the directory may have missed our answer, and carried out once."""
    member = make_member(ManualClock())
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    token = member.directory.event(IDENTIFIER, SOFTWARE, order=member.directory.order(SOFTWARE, "revoke"))
    for _ in range(2):
        assert (await member.receiver.respond(delivery(token))).status == 202
        await member.receiver.carry_out()
    assert len(member.reached.receipts) == 1


async def test_an_order_survives_a_crash_before_its_receipt(tmp_path: Path) -> None:
    """The next process begins it anew and says so; without a crash between, it only sends the receipt again."""
    keeper, clock = FileState(tmp_path / "status.json"), ManualClock()
    member = make_member(clock, keeper=keeper)
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    assert (await member.hear(SOFTWARE, order=member.directory.order(SOFTWARE, "revoke"))).status == 202
    state = keeper.load()
    keeper.save(
        replace(state, orders={name: replace(each, begun=True) for name, each in state.orders.items()})
    )
    again = make_member(clock, keeper=keeper, reached=member.reached)
    again.reached.receipt_status = 503
    assert await again.receiver.carry_out() == 1
    again.reached.receipt_status = 202
    assert await again.receiver.carry_out() == 0
    assert (receipt(again).repeated, receipt(again).counts) == (True, {"caches": 1})
    assert keeper.load().orders == {}


async def test_after_an_event_that_shows_a_gap_the_directory_is_asked() -> None:
    """What the event says is in force; what lies between comes with the list."""
    member = make_member(ManualClock(), keeper=MemoryState())
    member.directory.say("software:other", "active")
    assert await member.reader.poll()
    member.directory.say("software:other", "ended", cause="revoked")
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    assert (await member.hear(SOFTWARE)).status == 202
    assert member.reader.known.revision == 1
    assert await member.reader.poll()
    assert member.reader.known.revision == 3
    assert member.reader.refusal_of(["software:other"]) is not None


async def test_what_is_not_the_directorys_is_refused_with_its_code() -> None:
    """Forged, for somebody else, by a removed key, or about something else than its order: nothing changes."""
    member = make_member(ManualClock())
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    member.directory.say("software:other", "ended", cause="revoked")
    order = member.directory.order("software:other", "revoke")
    forged = TestDirectory(signer=new_signer("d1"), subjects=member.directory.subjects)
    foreign = TestDirectory(signer=new_signer("d0"), subjects=member.directory.subjects)
    other_order = replace(order, iss="https://evil.example", subject=SOFTWARE)
    tokens = [
        (forged.event(IDENTIFIER, SOFTWARE), "security-event.bad-signature"),
        (foreign.event(IDENTIFIER, SOFTWARE), "security-event.no-key"),
        (member.directory.event("https://other.example", SOFTWARE), "security-event.audience"),
        (member.directory.event(IDENTIFIER, SOFTWARE, order=order), "security-event.other-order"),
        (member.directory.event(IDENTIFIER, SOFTWARE, order=other_order), "order.issuer"),
        ("x", "jws.malformed"),
    ]
    for token, reason in tokens:
        answer = await member.receiver.respond(delivery(token))
        assert (answer.status, dict(answer.headers)["trustweft-reason"]) == (400, reason)
    answer = await member.receiver.respond(delivery("x", method="GET"))
    assert (answer.status, dict(answer.headers)["allow"]) == (405, "POST")
    assert member.reader.known.subjects == {}
    assert member.reader.state.orders == {}
