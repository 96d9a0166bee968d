"""The register over a store: commands become durable, and another process's events are taken in first."""

from __future__ import annotations

import asyncio

import pytest

from support.town import OPERATOR, START, TERMS, YEAR
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.objects import Key, Organisation, Software
from trustweft.directory.storage import Append
from trustweft.runtime.clock import ManualClock
from trustweft.runtime.errors import Reject
from trustweft.store.register import MemoryRegisterStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def store() -> MemoryRegisterStore:
    return MemoryRegisterStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def add(name: str) -> Add:
    return Add(subject=parse_subject(f"organisation:{name}"), facts=Organisation(name=name))


def keeper(store: MemoryRegisterStore, clock: ManualClock) -> Keeper:
    return Keeper(store, clock=clock, terms=lambda: TERMS)


async def test_two_processes_that_write_at_once_both_succeed(
    store: MemoryRegisterStore, clock: ManualClock
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


async def test_of_two_who_enter_the_same_one_is_told_so(
    store: MemoryRegisterStore, clock: ManualClock
) -> None:
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


async def test_dates_are_kept(store: MemoryRegisterStore, clock: ManualClock) -> None:
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
