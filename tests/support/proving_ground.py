"""The ecosystem of `trustweft up`, as somebody sees it who off-boards others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecosystem import run_trustweft, running_ecosystem
from support.town import OPERATOR
from trustweft.cli.data_directory import DataDirectory
from trustweft.cli.directory_register import open_keeper
from trustweft.directory.commands import Add, Move
from trustweft.directory.identifiers import parse_subject
from trustweft.runtime.clock import SystemClock

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem
    from trustweft.directory.objects import Facts

__all__ = ["Ground", "proving_ground"]


@dataclass
class Ground:
    """What runs."""

    ecosystem: Ecosystem

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.ecosystem.data

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command."""
        return run_trustweft(*words, "--data", str(self.data))

    def json(self, *words: str) -> Any:
        """Type a command, and read its JSON."""
        done = self.type(*words, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def offboard(self, subject: str, *more: str) -> dict[str, Any]:
        """Off-board somebody, and return the report of it."""
        given = self.json("offboard", subject, "--reason", "in a test", *more)
        report: dict[str, Any] = self.json("offboard", "report", given["id"])
        return report

    def enter(self, name: str, facts: Facts, *actions: str) -> None:
        """Enter something in the register, beside the directory that runs, and bring it to life."""

        async def work() -> None:
            async with open_keeper(DataDirectory.open(self.data), clock=SystemClock()) as keeper:
                subject = parse_subject(name)
                await keeper.carry_out(Add(subject=subject, facts=facts), actor=OPERATOR)
                for action in actions:
                    moved = Move(subject=subject, action=action, reason="as it should be")
                    await keeper.carry_out(moved, actor=OPERATOR)

        asyncio.run(work())

    def subject_of(self, username: str) -> str:
        """Return the subject identifier of a demo user."""
        customers = tomllib.loads((self.data / "resource/resource.toml").read_text("utf-8"))["customers"]
        return str(next(subject for subject, name in customers.items() if name == username))


@contextlib.contextmanager
def proving_ground(folder: Path) -> Iterator[Ground]:
    """Start everything, with everybody on-boarded, and stop it in the end."""
    with running_ecosystem(folder / "data") as ecosystem:
        yield Ground(ecosystem)
