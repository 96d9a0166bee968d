"""Where off-boarding is done from the command line: the register, the evidence, the key of the probes, and who acts."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.directory_register import (
    REGISTER,
    directory_profile,
    directory_settings,
    directory_terms,
)
from trustweft.cli.evidence import EVIDENCE_FILE
from trustweft.cli.person import actor_of, person_option
from trustweft.directory.keeper import Keeper
from trustweft.evidence.files import EvidenceFileError
from trustweft.evidence.reader import LogReader
from trustweft.profile import ProfileError
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.settings import SettingsError
from trustweft.store.errors import StoreFileError
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from trustweft.directory.commands import Command
    from trustweft.directory.events import Actor, Event
    from trustweft.directory.register import Register
    from trustweft.directory.terms import Terms
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock

__all__ = ["Desk", "at_the_desk", "person_option"]

_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a command of off-boarding needs; blocking, so that a probe can run beside it.

    Attributes:
        directory: the directory's own identifier, which is where it answers.
        actor: who acts; on this machine that is a claim, as whoever can write the register could claim any name.
    """

    data: DataDirectory
    directory: str
    actor: Actor
    profile: Profile
    terms: Terms
    clock: Clock
    keeper: Keeper
    runner: asyncio.Runner

    @property
    def register(self) -> Register:
        """The history, as of the last time that it was read."""
        return self.keeper.register

    def read(self) -> Register:
        """Read what others added, and return the history.

        Raises:
            Reject: ``store.unavailable``.
        """
        return self.run(self.keeper.read())

    def carry_out(self, command: Command) -> tuple[Event, ...]:
        """Carry out a command of the directory.

        Raises:
            Reject: it is refused.
        """
        return self.run(self.keeper.carry_out(command, actor=self.actor))

    def run(self, work: Coroutine[Any, Any, _Done]) -> _Done:
        """Wait for something."""
        return self.runner.run(work)

    @contextmanager
    def evidence(self) -> Iterator[LogReader | None]:
        """Read the evidence log; None where nothing was logged yet.

        Raises:
            click.ClickException: it is damaged.
        """
        if not (self.data.path / EVIDENCE_FILE).exists():
            yield None
            return
        try:
            reader = LogReader(self.data.path / EVIDENCE_FILE)
            try:
                yield reader
            finally:
                reader.close()
        except EvidenceFileError as cause:
            raise click.ClickException(str(cause)) from cause


@contextmanager
def at_the_desk(path: Path, person: str | None) -> Iterator[Desk]:
    """Open the directory of an ecosystem, and tell a refusal on one line.

    Raises:
        click.ClickException: something was refused, or the ecosystem cannot be used.
    """
    data = DataDirectory.open(path)
    if not (data.path / REGISTER).exists():
        raise click.ClickException(
            f"{data.path} has no directory yet; start it with: trustweft up --data {path}"
        )
    clock = SystemClock()
    try:
        profile = directory_profile(data)
        terms, settings = directory_terms(data, profile), directory_settings(data)
        with asyncio.Runner() as runner:
            store = runner.run(_open(data.path / REGISTER))
            try:
                keeper = Keeper(store, clock=clock, terms=lambda: terms)
                runner.run(keeper.read())
                yield Desk(
                    data=data,
                    directory=data.ports.url(data.ports.directory)
                    if settings is None
                    else settings.directory.issuer,
                    actor=actor_of(keeper.register.now, person),
                    profile=profile,
                    terms=terms,
                    clock=clock,
                    keeper=keeper,
                    runner=runner,
                )
            finally:
                runner.run(store.close())
    except (Reject, StoreFileError, SettingsError, ProfileError, KeyFileError) as cause:
        raise click.ClickException(str(cause)) from cause


async def _open(path: Path) -> SqliteRegisterStore:
    return SqliteRegisterStore.open(path)
