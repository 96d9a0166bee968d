"""What a status change and the feed cost the directory: by participants, and by clients of each participant."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.telling import measure_telling
from trustweft.directory.commands import Move
from trustweft.directory.deciding import decide
from trustweft.directory.events import Actor, Added, Moved, Registered
from trustweft.directory.identifiers import parse_subject
from trustweft.directory.keeper import Keeper
from trustweft.directory.lifecycles import LIFECYCLES
from trustweft.directory.objects import Brand, Organisation, Software
from trustweft.directory.register import Register
from trustweft.directory.terms import terms_of
from trustweft.profile import load_profile
from trustweft.runtime.clock import ManualClock
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from trustweft.directory.events import Event
    from trustweft.directory.objects import Facts
    from trustweft.directory.terms import Terms

__all__ = ["Feeding", "directory_lines", "measure_directory"]

# Participants, and clients that each of them has registered.
SIZES: Final = ((10, 10), (100, 10), (1_000, 10), (100, 1), (100, 100), (100, 1_000))
CHANGES: Final = 200
DURABLE: Final = 50
_OPERATOR: Final = Actor(id="operator", part="operator")
_START: Final = 1_800_000_000.0
_MICRO: Final = 1_000_000
_WAY_IN: Final = {
    "organisation": ("applied", "verified", "contracted", "active"),
    "brand": ("declared", "certified", "listed"),
    "software": ("draft", "certified", "live"),
}


@dataclass(frozen=True, slots=True)
class Feeding:
    """One size: microseconds, and octets of JSON before it is signed; one time of each for each round.

    Attributes:
        change: one status change, decided and folded.
        durable: the same with SQLite, until it is on the disk.
        delta: what readers are told after one change, as JSON.
        full: everything that they are told, as JSON.
        signed: the delta, signed for all readers.
        events_to_all: one change, signed for every participant and handed to it.
    """

    participants: int
    clients: int
    events: int
    change: tuple[float, ...]
    durable: tuple[float, ...]
    delta: tuple[float, ...]
    full: tuple[float, ...]
    signed: tuple[float, ...]
    events_to_all: tuple[float, ...]
    delta_octets: int
    full_octets: int


def measure_directory(*, rounds: int, tell: Callable[[str], None]) -> list[Feeding]:
    """Measure every size."""
    found = []
    for participants, clients in SIZES:
        found.append(_measure(participants, clients, rounds=rounds))
        tell(_row(found[-1]))
    return found


def directory_lines(results: Iterable[Feeding]) -> list[str]:
    """Return the table."""
    heads = (
        "participants",
        "clients of each",
        "events",
        "change, us",
        "change on disk, us",
        "delta, us",
        "octets",
        "full list, us",
        "octets",
        "signed delta, us",
        "events to all, us",
        "to each, us",
    )
    return [f"| {' | '.join(heads)} |", f"|{' ---: |' * len(heads)}", *map(_row, results)]


def _row(result: Feeding) -> str:
    times = [statistics.median(each) for each in (result.change, result.durable, result.delta, result.full)]
    signed, events = statistics.median(result.signed), statistics.median(result.events_to_all)
    cells = (
        result.participants,
        result.clients,
        result.events,
        *(f"{each:.0f}" for each in times[:3]),
        result.delta_octets,
        f"{times[3]:.0f}",
        result.full_octets,
        f"{signed:.0f}",
        f"{events:.0f}",
        f"{events / result.participants:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _measure(participants: int, clients: int, *, rounds: int) -> Feeding:
    history = list(_history(participants, clients))
    register = Register(history)
    terms = terms_of(load_profile("fapi2-security"))
    change, delta, full, telling = [], [], [], []
    for _ in range(rounds):
        change.append(_timed(lambda: _change(register, terms), CHANGES))
        delta.append(_timed(lambda: _encoded(register, register.now.revision - 1), CHANGES))
        full.append(_timed(lambda: _encoded(register, None), 10))
        telling.append(
            asyncio.run(
                measure_telling(register, lambda: _change(register, terms), participants=participants)
            )
        )
    return Feeding(
        participants=participants,
        clients=clients,
        events=len(history),
        change=tuple(change),
        durable=tuple(asyncio.run(_durable(history)) for _ in range(rounds)),
        delta=tuple(delta),
        full=tuple(full),
        signed=tuple(each.list for each in telling),
        events_to_all=tuple(each.events for each in telling),
        delta_octets=len(_encoded(register, register.now.revision - 1)),
        full_octets=len(_encoded(register, None)),
    )


def _timed(operation: Callable[[], object], count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        operation()
    return (time.perf_counter() - begun) / count * _MICRO


def _next(register: Register) -> Move:
    """Return the move that suspends the first software, or takes it up again."""
    subject = parse_subject("software:client-0")
    live = register.now.find(subject).standing.active
    return Move(subject=subject, action="suspend" if live else "resume", reason="measured")


def _change(register: Register, terms: Terms) -> None:
    register.take(
        decide(register.now, _next(register), actor=_OPERATOR, now=register.now.at + 1, terms=terms)
    )


def _encoded(register: Register, since: int | None) -> bytes:
    return msgspec.json.encode(register.now.status_list(since=since))


async def _durable(history: list[Event]) -> float:
    """Return the time of a change that somebody else can rely on."""
    terms = terms_of(load_profile("fapi2-security"))
    with tempfile.TemporaryDirectory(prefix="trustweft-bench-") as folder:
        async with SqliteRegisterStore.open(Path(folder) / "directory.db") as store:
            await store.append(history, expected=0)
            keeper = Keeper(store, clock=ManualClock(history[-1].at), terms=lambda: terms)
            await keeper.read()
            begun = time.perf_counter()
            for _ in range(DURABLE):
                await keeper.carry_out(_next(keeper.register), actor=_OPERATOR)
            return (time.perf_counter() - begun) / DURABLE * _MICRO


def _history(participants: int, clients: int) -> Iterator[Event]:
    """Yield the events of an ecosystem in which every client is registered at every participant."""
    count = 0

    def stamped(kind: type[Event], subject: str, **more: object) -> Event:
        nonlocal count
        count += 1
        return kind(sequence=count, at=_START + count, by=_OPERATOR, subject=subject, **more)  # type: ignore[arg-type]  # the fields of each kind

    def entered(subject: str, facts: Facts) -> Iterator[Event]:
        yield stamped(Added, subject, facts=facts)
        states = _WAY_IN[subject.partition(":")[0]]
        for before, after in pairwise(states):
            action = _action(subject, before, after)
            yield stamped(Moved, subject, action=action, before=before, after=after)

    for number in range(participants):
        yield from entered(f"organisation:bank-{number}", Organisation(name=f"Bank {number}"))
        brand = Brand(
            organisation=f"bank-{number}",
            name=f"Bank {number}",
            issuer=(issuer := f"https://bank-{number}.example"),
            events_endpoint=f"{issuer}/events",
            jwks_uri=f"{issuer}/jwks",
        )
        yield from entered(f"brand:bank-{number}", brand)
    yield from entered("organisation:maker", Organisation(name="Maker"))
    for client in range(clients):
        yield from entered(f"software:client-{client}", Software(organisation="maker", name="Client"))
        for number in range(participants):
            yield stamped(
                Registered, f"software:client-{client}", brand=f"brand:bank-{number}", client_id=f"c-{client}"
            )


def _action(subject: str, before: str, after: str) -> str:
    arrows = LIFECYCLES[subject.partition(":")[0]].arrows
    return next(each.action for each in arrows if (each.source, each.target) == (before, after))
