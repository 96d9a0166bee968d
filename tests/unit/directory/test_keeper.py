"""The register over a store: commands become durable, and another process's events are taken in first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from support.town import OPERATOR, START, TERMS, YEAR
from trustweft.directory import keeper as keeping
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Key, Organisation, Software
from trustweft.directory.storage import Append
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject
from trustweft.store.errors import unavailable
from trustweft.store.register import MemoryRegisterStore, SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from trustweft.directory.events import Event
    from trustweft.directory.storage import RegisterStore

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RegisterStore]:
    """An empty store of each kind; only with the second do tasks come between each other."""
    opened: RegisterStore = (
        MemoryRegisterStore()
        if request.param == "memory"
        else SqliteRegisterStore.open(tmp_path / "directory.db")
    )
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def add(name: str) -> Add:
    return Add(subject=parse_subject(f"organisation:{name}"), facts=Organisation(name=name))


def keeper(store: RegisterStore, clock: ManualClock) -> Keeper:
    return Keeper(store, clock=clock, terms=lambda: TERMS)


async def test_two_processes_that_write_at_once_both_succeed(
    store: RegisterStore, clock: ManualClock
) -> None:
    """Whoever comes second decides again, on what the first one did."""
    one, other = keeper(store, clock), keeper(store, clock)
    writing = [
        each.carry_out(add(f"{name}-{number}"), actor=OPERATOR)
        for name, each in (("one", one), ("other", other))
        for number in range(8)
    ]
    await asyncio.gather(*writing)
    assert len(list((await one.read()).now.records())) == 16
    assert one.register.events == (await other.read()).events


async def test_of_two_who_enter_the_same_one_is_told_so(store: RegisterStore, clock: ManualClock) -> None:
    """The other one is refused, although neither saw it before it decided."""
    writing = [keeper(store, clock).carry_out(add("one"), actor=OPERATOR) for _ in range(2)]
    outcomes = await asyncio.gather(*writing, return_exceptions=True)
    assert [isinstance(each, Reject) for each in outcomes].count(True) == 1
    assert len(await store.since(0, limit=10)) == 1


async def test_whoever_never_gets_its_turn_is_told_so(clock: ManualClock) -> None:
    """After a bounded number of attempts, with nothing done."""

    class Overtaken(MemoryRegisterStore):
        def append(self, *_: object, **__: object) -> asyncio.Future[Append]:
            future: asyncio.Future[Append] = asyncio.get_running_loop().create_future()
            future.set_result(Append.BEHIND)
            return future

    with pytest.raises(Reject, match=r"register\.busy"):
        await keeper(Overtaken(), clock).carry_out(add("one"), actor=OPERATOR)


async def test_dates_are_kept(store: RegisterStore, clock: ManualClock) -> None:
    """A key whose time is over lapses at the next look, once; with many events it reads page by page."""
    kept = keeper(store, clock)
    commands = (
        add("moneyview"),
        Add(
            subject=parse_subject("software:moneyview"),
            facts=Software(organisation="moneyview", name="M"),
        ),
        Add(
            subject=parse_subject(f"key:{'K' * 43}"),
            facts=Key(owner="software:moneyview", valid_until=START + YEAR),
        ),
        Move(subject=parse_subject(f"key:{'K' * 43}"), action="activate"),
    )
    for command in commands:
        await kept.carry_out(command, actor=OPERATOR)
    assert await kept.keep_dates() == ()
    clock.advance(YEAR)
    (lapsed,) = await kept.keep_dates()
    assert lapsed.subject == f"key:{'K' * 43}"
    assert await kept.keep_dates() == ()
    assert (await keeper(store, clock).read()).now.find(lapsed.subject).state == "lapsed"


async def test_two_processes_that_keep_dates_do_each_thing_once(
    store: RegisterStore, clock: ManualClock
) -> None:
    """Whoever comes second finds it done."""
    kept = keeper(store, clock)
    await kept.carry_out(add("moneyview"), actor=OPERATOR)
    for action in ("verify", "sign-terms", "activate"):
        await kept.carry_out(Move(subject=add("moneyview").subject, action=action), actor=OPERATOR)
    leaving = Move(subject=add("moneyview").subject, action="give-notice", due_at=START + YEAR)
    await kept.carry_out(leaving, actor=OPERATOR)
    clock.advance(YEAR)
    done = await asyncio.gather(*(keeper(store, clock).keep_dates() for _ in range(3)))
    assert [event.subject for events in done for event in events] == ["organisation:moneyview"]


async def test_a_long_history_is_read_page_by_page(
    store: RegisterStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To its end, also where a page ends exactly there."""
    monkeypatch.setattr(keeping, "_PAGE", 2)
    writer = keeper(store, clock)
    for number in range(4):
        await writer.carry_out(add(f"one-{number}"), actor=OPERATOR)
    assert (await keeper(store, clock).read()).events == writer.register.events
    assert len(writer.register.events) == 4


async def test_a_store_that_is_away_is_no_date_that_was_kept(clock: ManualClock) -> None:
    """The refusal goes to whoever asked, and nothing is skipped."""

    class Away(MemoryRegisterStore):
        def append(self, events: Sequence[Event], *, expected: int) -> asyncio.Future[Append]:
            if expected >= 3:
                raise unavailable("the disk is full")
            return super().append(events, expected=expected)

    kept = keeper(Away(), clock)
    await kept.carry_out(add("moneyview"), actor=OPERATOR)
    key = Key(owner="organisation:moneyview", valid_until=START + YEAR)
    subject = parse_subject(f"key:{'K' * 43}")
    await kept.carry_out(Add(subject=subject, facts=key), actor=OPERATOR)
    await kept.carry_out(Move(subject=subject, action="activate"), actor=OPERATOR)
    clock.advance(YEAR)
    with pytest.raises(Reject, match=r"store\.unavailable"):
        await kept.keep_dates()
