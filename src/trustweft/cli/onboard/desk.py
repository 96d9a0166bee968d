"""Where on-boarding is done from the command line: the register of an ecosystem, and who acts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from trustweft.cli.data_directory import DataDirectory, data_option
from trustweft.cli.directory_register import directory_profile, directory_terms, open_keeper
from trustweft.cli.person import actor_of, person_option
from trustweft.directory.enrolment import Enrolment
from trustweft.directory.identifiers import KINDS, parse_subject
from trustweft.profile import ProfileError
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError
from trustweft.store.errors import StoreFileError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from trustweft.directory.events import Actor
    from trustweft.directory.keeper import Keeper
    from trustweft.directory.snapshot import Record, Snapshot
    from trustweft.directory.terms import Terms
    from trustweft.profile import Profile

__all__ = ["PARTICIPANTS", "Desk", "at_the_desk", "data_option", "find", "person_option", "subject_of"]

PARTICIPANTS: Final = ("organisation", "brand", "software")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a command of on-boarding needs.

    Attributes:
        actor: who acts; on this machine that is a claim, as whoever can write the register could claim any name.
        enrolment: takes steps as that person.
    """

    data: DataDirectory
    keeper: Keeper
    enrolment: Enrolment
    actor: Actor
    profile: Profile
    terms: Terms
    clock: SystemClock

    @property
    def directory(self) -> str:
        """The directory's own identifier."""
        return self.data.ports.url(self.data.ports.directory)

    @property
    def now(self) -> Snapshot:
        """What is so, as of the last time that it was read."""
        return self.keeper.register.now


@asynccontextmanager
async def _opened(data: Path, person: str | None) -> AsyncIterator[Desk]:
    directory, clock = DataDirectory.open(data), SystemClock()
    profile = directory_profile(directory)
    async with open_keeper(directory, clock=clock) as keeper:
        actor = actor_of((await keeper.read()).now, person)
        yield Desk(
            data=directory,
            keeper=keeper,
            enrolment=Enrolment(keeper, actor=actor),
            actor=actor,
            profile=profile,
            terms=directory_terms(directory, profile),
            clock=clock,
        )


def at_the_desk(data: Path, person: str | None, work: Callable[[Desk], Coroutine[Any, Any, _Done]]) -> _Done:
    """Do something at the desk of an ecosystem, and tell a refusal on one line.

    Raises:
        click.ClickException: it was refused, or the ecosystem cannot be used.
    """

    async def run() -> _Done:
        async with _opened(data, person) as desk:
            return await work(desk)

    try:
        return asyncio.run(run())
    except (Reject, StoreFileError, SettingsError, ProfileError, KeyFileError) as cause:
        raise click.ClickException(str(cause)) from cause


def find(snapshot: Snapshot, text: str, *, kinds: tuple[str, ...] = PARTICIPANTS) -> Record:
    """Return what somebody means by an id or ``kind:id``.

    Raises:
        click.ClickException: there is nothing of that name, or several are.
        Reject: ``register.unknown-subject``, ``register.malformed-subject``.
    """
    if ":" in text:
        record = snapshot.find(parse_subject(text))
        if record.subject.kind not in kinds:
            raise click.ClickException(f"{text} is no {' or '.join(kinds)}")
        return record
    found = [each for kind in kinds if (each := snapshot.get(f"{kind}:{text}")) is not None]
    if not found:
        known = sorted(str(each.subject) for each in snapshot.records() if each.subject.kind in kinds)
        raise click.ClickException(
            f"the directory knows no {' or '.join(kinds)} called {text}; it knows {', '.join(known) or 'none'}"
        )
    if len(found) > 1:
        named = " or ".join(str(each.subject) for each in found)
        raise click.ClickException(f"{text} may mean {named}: say which")
    return found[0]


def subject_of(kind: str, identifier: str) -> Any:
    """Return the subject of a new thing, whose id may already be written as ``kind:id``.

    Raises:
        Reject: ``register.malformed-subject``.
    """
    prefixed = identifier if identifier.partition(":")[0] in KINDS else f"{kind}:{identifier}"
    return parse_subject(prefixed)
