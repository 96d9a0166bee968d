"""A participant follows the applied profile, whatever stands in the way of telling so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from support.profile_files import changed_profile
from trustweft.cli.assembly.profiles import ProfileWatch
from trustweft.profile.in_force import ProfileInForce
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.presence import present

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.profile import Profile

pytestmark = pytest.mark.anyio


class Hearing(SilentObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, str | float]] = []
        self.failures: list[str] = []

    def happened(self, participant: str, event: str, **facts: str | float) -> None:
        """Keep an event."""
        self.events.append({"participant": participant, "event": event, **facts})

    def failed(self, participant: str, support: str, cause: BaseException) -> None:
        """Keep a failure."""
        assert (participant, support) == ("server", "profile")
        self.failures.append(str(cause))


class Followed:
    """A watch whose looks are counted by hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "profile.toml"
        self.there = folder / "there"
        self.hearing = Hearing()
        self.adopted: list[float] = []
        self._look = asyncio.Semaphore(0)
        self._looked = asyncio.Semaphore(0)
        self.watch = ProfileWatch(
            ProfileInForce("fapi2-security", self.path),
            adopt=self._adopt,
            folder=self.there,
            participant="server",
            observer=self.hearing,
            pause=self._pause,
        )

    def _adopt(self, profile: Profile) -> None:
        self.adopted.append(profile.limits.access_token_lifetime)

    async def _pause(self, _seconds: float) -> None:
        self._looked.release()
        await self._look.acquire()

    async def begin(self) -> asyncio.Task[None]:
        """Start, and wait for the first look."""
        task = asyncio.create_task(self.watch.run())
        await self._looked.acquire()
        return task

    async def look(self) -> None:
        """Have it look once more."""
        self._look.release()
        await self._looked.acquire()


async def test_each_change_is_adopted_logged_and_told(tmp_path: Path) -> None:
    """Once each; whoever asks hears of the profile that is in force, and of what is wrong with the file."""
    followed = Followed(tmp_path)
    task = await followed.begin()
    (first,) = present(followed.there)
    changed_profile(followed.path, access_token_lifetime=120, client_assertion_lifetime=50)
    for _ in range(3):
        await followed.look()
    (second,) = present(followed.there)
    (event,) = followed.hearing.events
    assert followed.adopted == [120]
    assert event == {
        "participant": "server",
        "event": "profile changed",
        "profile": "profile",
        "before": first["digest"][:32],
        "after": second["digest"][:32],
        "at_once": "access_token_lifetime from 300 to 120",
        "at_next_start": "client_assertion_lifetime from 60 to 50",
    }
    followed.path.write_text("nonsense", encoding="utf-8")
    for _ in range(3):
        await followed.look()
    (third,) = present(followed.there)
    assert (len(followed.hearing.failures), third["digest"]) == (1, second["digest"])
    assert third["problem"] == followed.hearing.failures[0]
    changed_profile(followed.path, access_token_lifetime=120, client_assertion_lifetime=50)
    await followed.look()
    (fourth,) = present(followed.there)
    assert (fourth["problem"], followed.adopted) == (None, [120])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert present(followed.there) == []


async def test_a_profile_is_followed_where_nobody_can_be_told(tmp_path: Path) -> None:
    """The folder may be open to others: that is said, and changes nothing else."""
    followed = Followed(tmp_path)
    followed.there.mkdir(mode=0o755)
    (followed.there / "other").touch()
    task = await followed.begin()
    changed_profile(followed.path, access_token_lifetime=120)
    await followed.look()
    assert followed.adopted == [120]
    assert [f"others can reach {followed.there}" in each for each in followed.hearing.failures] == [True]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_file_that_cannot_be_looked_at_is_told_once(tmp_path: Path) -> None:
    """Not four times a second."""
    followed = Followed(tmp_path)
    task = await followed.begin()
    followed.path.symlink_to(followed.path)  # a loop
    for _ in range(3):
        await followed.look()
    assert len(followed.hearing.failures) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
