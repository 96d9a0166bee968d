"""A participant's reader: what it does when the directory changes, lies, is away, or is somebody else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from support.authority import Hearing
from support.directory import DIRECTORY, TestDirectory, new_signer
from support.participants import Member, ReachedDirectory, make_member
from trustweft.net.status_reader import PAYMENTS
from trustweft.net.status_state import FileState, MemoryState, State
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
SOFTWARE = "software:moneyview"


async def knowing(hearing: Hearing | None = None, **parts: object) -> Member:
    """Return a participant that knows of one active software."""
    member = make_member(ManualClock(), observer=hearing, **parts)  # type: ignore[arg-type]
    member.directory.say(SOFTWARE, "active")
    assert await member.reader.poll()
    return member


async def test_a_change_arrives_with_the_next_answer() -> None:
    """First all is asked for, then what changed; what did not change is confirmed without a list."""
    member = await knowing()
    assert await member.reader.poll()
    assert member.reader.refusal_of([SOFTWARE]) is None
    member.directory.say(SOFTWARE, "suspended", cause="suspended")
    assert await member.reader.poll()
    refusal = member.reader.refusal_of([SOFTWARE])
    assert refusal is not None
    assert refusal.effect == "suspended"
    member.directory.say(SOFTWARE, "active")
    assert await member.reader.poll()
    assert member.reader.refusal_of([SOFTWARE]) is None
    asked = [url.partition("/status")[2] for url in member.reached.asked if "/status" in url]
    assert asked == ["", "?since=1&wait=25", "?since=1&wait=25", "?since=2&wait=25"]


async def test_an_unsigned_confirmation_needs_a_list_that_is_in_date() -> None:
    """Before the list that is held expires a new one is asked for, whatever has not changed."""
    member = await knowing()
    member.reached.clock.advance(290)  # type: ignore[attr-defined]
    assert await member.reader.poll()
    assert f"{DIRECTORY}/status?since=1" in member.reached.asked


async def test_a_directory_that_is_away_is_survived_up_to_the_cap() -> None:
    """For ten minutes data flows on and payments have stopped; after the cap everybody is refused, with a time to try again."""
    hearing = Hearing()
    member = await knowing(hearing)
    clock = member.reached.clock
    assert isinstance(clock, ManualClock)
    member.reached.away = True
    clock.advance(600)
    assert not await member.reader.poll()
    member.reader.check_fresh()
    with pytest.raises(Reject, match=r"status\.stale"):
        member.reader.check_fresh(PAYMENTS)
    clock.advance(3_001)
    with pytest.raises(Reject, match=r"status\.stale") as refused:
        member.reader.check_fresh()
    assert (refused.value.reason.status, refused.value.headers) == (503, (("retry-after", "2"),))
    assert hearing.reasons == ["status.fetch-failed"]
    member.reached.away = False
    assert await member.reader.poll()
    member.reader.check_fresh(PAYMENTS)


async def test_a_restart_while_the_directory_is_away_forgets_nothing(tmp_path: Path) -> None:
    """Who has ended is still refused by the next process, and how old the list is counts on."""
    keeper = FileState(tmp_path / "status.json")
    member = await knowing(keeper=keeper)
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    assert await member.reader.poll()
    clock = member.reached.clock
    assert isinstance(clock, ManualClock)
    again = make_member(clock, keeper=FileState(tmp_path / "status.json"))
    again.reached.away = True
    assert not await again.reader.poll()
    assert again.reader.refusal_of([SOFTWARE]) is not None
    again.reader.check_fresh()
    clock.advance(3_601)
    with pytest.raises(Reject, match=r"status\.stale"):
        again.reader.check_fresh()


async def test_another_directory_is_believed_from_its_first_list_on(tmp_path: Path) -> None:
    """What one said binds no other, whose revisions are its own; until it speaks nobody is let through."""
    keeper = FileState(tmp_path / "status.json")
    member = await knowing(keeper=keeper)
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    assert await member.reader.poll()
    kept = keeper.load()
    assert kept.issuer == member.reader.issuer
    keeper.save(structs.replace(kept, issuer="https://former.example", revision=4_711))
    again = make_member(member.reached.clock, keeper=keeper)
    with pytest.raises(Reject, match=r"status\.stale"):
        again.reader.check_fresh()
    assert await again.reader.poll()
    assert again.reader.refusal_of([SOFTWARE]) is None
    again.reader.check_fresh()


def test_nobody_is_let_through_before_the_first_answer() -> None:
    """A participant that never heard of the directory refuses."""
    with pytest.raises(Reject, match=r"status\.stale"):
        make_member(ManualClock()).reader.check_fresh()


async def test_a_reader_that_starts_before_its_directory_hears_from_it_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks again after a tenth of a second, then after twice as long each time, up to its usual pause."""
    member = make_member(ManualClock())
    member.directory.say(SOFTWARE, "active")
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        member.reached.away = len(rests) < 7
        if len(rests) > 7:
            raise asyncio.CancelledError

    monkeypatch.setattr(member.reader, "_rest", rest)
    member.reached.away = True
    assert not member.reader.is_fresh()
    with pytest.raises(asyncio.CancelledError):
        await member.reader.run()
    assert rests == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    assert member.reader.is_fresh()


@pytest.mark.parametrize("ahead", [300.0, -300.0])
async def test_clocks_may_differ_by_minutes(ahead: float) -> None:
    """What time it is at the directory is read from its answers."""
    clock = ManualClock()
    member = make_member(clock, reached=ReachedDirectory(clock, ahead=ahead))
    member.directory.say(SOFTWARE, "ended", cause="revoked", as_of=clock.now())
    assert await member.reader.poll()
    member.reader.check_fresh(PAYMENTS)
    assert (await member.hear(SOFTWARE)).status == 202


async def test_a_clock_that_was_set_back_is_not_trusted_until_the_next_answer() -> None:
    """Nobody knows then how old the list is."""
    member = await knowing()
    member.reached.clock.advance(-120)  # type: ignore[attr-defined]
    with pytest.raises(Reject, match=r"status\.stale"):
        member.reader.check_fresh()


async def test_who_starts_anew_with_a_clock_that_was_set_back_goes_on_with_the_first_list(
    tmp_path: Path,
) -> None:
    """What was confirmed at a time that has not come yet does not count, and hinders nothing."""
    member = await knowing(keeper=FileState(tmp_path / "status.json"))
    clock = member.reached.clock
    assert isinstance(clock, ManualClock)
    clock.advance(-300)
    reached = ReachedDirectory(clock, member.directory, ahead=300.0)
    again = make_member(clock, reached=reached, keeper=FileState(tmp_path / "status.json"))
    with pytest.raises(Reject, match=r"status\.stale"):
        again.reader.check_fresh()
    assert await again.reader.poll()
    again.reader.check_fresh(PAYMENTS)


@pytest.mark.parametrize("effect", ["empty", "older"])
async def test_what_a_list_lacks_stays_as_it_was(effect: str) -> None:
    """An empty full list, or one from before, brings nobody back, and is told of."""
    hearing = Hearing()
    member = make_member(ManualClock(), observer=hearing)
    member.directory.say(SOFTWARE, "active")
    before = member.directory.feed()
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    assert await member.reader.poll()
    member.directory.subjects.clear()
    member.reached.answer = before.encode() if effect == "older" else member.directory.feed().encode()
    assert await member.reader.poll() is (effect == "empty")
    assert member.reader.refusal_of([SOFTWARE]) is not None
    assert hearing.reasons == ["status.list-shrank" if effect == "empty" else "status.lower-revision"]


async def test_a_gap_is_filled_with_the_full_list() -> None:
    """A delta that begins too late is refused, and then all is asked for."""
    member = await knowing()
    for _ in range(2):
        member.directory.say(SOFTWARE, "ended", cause="revoked")
    member.reached.answer = member.directory.feed(since=2).encode()
    assert not await member.reader.poll()
    member.reached.answer = None
    assert await member.reader.poll()
    assert member.reached.asked[-1].endswith("/status")
    assert member.reader.refusal_of([SOFTWARE]) is not None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: b"A" * 1_000_000, "status.fetch-failed"),
        (lambda _: b"\xff", "status.fetch-failed"),
        (lambda _: b"no token", "jws.malformed"),
        (
            lambda directory: TestDirectory("https://other.example", directory.signer).feed().encode(),
            "status.issuer",
        ),
        (lambda directory: directory.feed(now=1_799_999_000).encode(), "status.expired"),
        (lambda _: TestDirectory(signer=new_signer("d1")).feed().encode(), "status.bad-signature"),
        (lambda _: TestDirectory(signer=new_signer("d9")).feed().encode(), "status.no-key"),
    ],
)
async def test_a_list_that_is_not_believed_changes_nothing(answer: object, reason: str) -> None:
    """Whatever is wrong with it is told, and what was known stays."""
    hearing = Hearing()
    member = await knowing(hearing)
    assert callable(answer)
    member.reached.answer = answer(member.directory)
    assert not await member.reader.poll()
    assert hearing.reasons[-1] == reason
    assert member.reader.known.revision == 1


async def test_a_key_that_was_removed_is_refused_within_a_minute() -> None:
    """Not only an unknown key makes the keys be fetched anew: age does."""
    hearing = Hearing()
    member = await knowing(hearing)
    old = member.directory.signer
    stolen = TestDirectory(signer=old, revision=9)
    member.directory.signer = new_signer("d2")
    member.reached.clock.advance(60)  # type: ignore[attr-defined]
    member.reached.answer = stolen.feed(now=member.reached.now).encode()
    assert not await member.reader.poll()
    assert hearing.reasons == ["status.no-key"]


async def test_keys_from_a_file_are_not_fetched() -> None:
    """An operator may pin the directory's keys."""
    directory = TestDirectory()
    clock = ManualClock()
    member = make_member(clock, reached=ReachedDirectory(clock, directory), keys=directory.keys())
    assert await member.reader.poll()
    assert len(member.reached.asked) == 1


async def test_the_directory_is_refused_while_its_keys_are_away() -> None:
    """Nothing is believed that could not be verified."""
    member = make_member(ManualClock())
    member.directory.say(SOFTWARE, "ended", cause="revoked")
    member.reached.away = True
    with pytest.raises(Reject, match=r"status\.keys-unavailable"):
        await member.reader.keys_for(member.directory.feed())


def test_the_memory_of_deliveries_is_bounded() -> None:
    """The oldest are forgotten."""
    state = MemoryState().load()
    for number in range(5_000):
        state = State(delivered=state.remembering(f"e{number}"))
    assert (len(state.delivered), state.delivered[-1]) == (4_096, "e4999")
