"""The profile that is applied to an ecosystem: put in place in one step, remembered for good, and waited for."""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import os
import pwd
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trustweft.cli.assembly.profiles import PRESENCE, check_fits, profile_in_force
from trustweft.cli.registry import open_store
from trustweft.cli.settings import ServerSettings
from trustweft.profile import ProfileError
from trustweft.profile.in_force import ProfileInForce, load_applicable
from trustweft.profile.lint import judge
from trustweft.profile.live import changes_between, check_live
from trustweft.profile.loading import profile_octets
from trustweft.profile.strength import weaknesses
from trustweft.protocol.registration import read_client_metadata
from trustweft.runtime.errors import Reject
from trustweft.runtime.files import write_private_file
from trustweft.runtime.presence import present
from trustweft.runtime.settings import read_settings
from trustweft.server.clients import ways_beyond

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.profile import Limits, Profile
    from trustweft.profile.live import Change
    from trustweft.runtime.clock import Clock

__all__ = [
    "HISTORY",
    "Application",
    "WeakerThanBefore",
    "apply_profile",
    "limits_in_force",
    "profile_of",
    "wait_until_in_force",
]

HISTORY: Final = "profile-history.jsonl"
_CANDIDATE: Final = "profile-candidate.toml"
_INTERVAL: Final = 0.05  # our choice: a look at a few small files


class WeakerThanBefore(Exception):  # noqa: N818  # it names what is the case, as the message does
    """A profile is weaker than the one in force, and nobody said that it may be; the message says in what."""


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history: a profile that was applied.

    Attributes:
        at: when, in UTC.
        by: the account that ran the command; that of the operating system, which nobody can pretend.
        profile: its name.
        digest: SHA-256 of its file, as ``sha256sum`` prints it.
        before: the digest of the one that was in force.
        changes: what it says otherwise.
        weaker: in what it is weaker than the one before, as far as that is known.
    """

    at: str
    by: str
    profile: str
    digest: str
    before: str
    changes: tuple[Change, ...]
    weaker: tuple[str, ...]


def apply_profile(
    directory: DataDirectory, name_or_path: str, *, clock: Clock, may_be_weaker: bool
) -> Application:
    """Put a profile in force for an ecosystem, whether it runs or not; return what that means.

    Raises:
        WeakerThanBefore: it is, and may not be; nothing has changed then.
        ProfileError: it may not be; nothing has changed then.
        SettingsError: the server's settings cannot be read.
        OSError: the data directory cannot be written to.
    """
    settings = _server_settings(directory)
    base = directory.path / "server"
    with _history(directory) as history:
        before = _in_force(settings, base=base)
        # Here too, so that what is wrong is said of the file that was named.
        load_applicable(name_or_path, base=before.base, without=settings.without_mechanisms)
        with _copied(directory, name_or_path) as copy:
            profile, digest = load_applicable(copy, base=before.base, without=settings.without_mechanisms)
            check_fits(profile, settings)
            _check_sound(profile, now=clock.now())
            asyncio.run(_check_clients(directory, before=before.current, after=profile))
            if present(directory.path / PRESENCE):
                check_live(before.current, profile)
            applied = Application(
                at=dt.datetime.fromtimestamp(clock.now(), dt.UTC).isoformat(timespec="seconds"),
                by=_account(),
                profile=profile.name,
                digest=digest,
                before=before.digest,
                changes=changes_between(before.current, profile),
                weaker=tuple(each.text for each in weaknesses(profile, before.current)),
            )
            if applied.weaker and not may_be_weaker:
                raise WeakerThanBefore("; ".join(applied.weaker))
            if digest != before.digest:
                # Written down first: what is in force without a line here was never applied by this command.
                _append(history, applied)
                write_private_file(directory.applied_profile, copy.read_bytes())
    return applied


def profile_of(directory: DataDirectory) -> Profile:
    """Return the profile that an ecosystem's server acts by, or would at a start.

    Raises:
        ProfileError: the profile of the settings cannot be used.
        SettingsError: the server's settings cannot be read.
    """
    return _in_force(_server_settings(directory), base=directory.path / "server").current


def limits_in_force(directory: DataDirectory) -> Limits:
    """Return the limits of that profile.

    Raises:
        ProfileError: the profile of the settings cannot be used.
        SettingsError: the server's settings cannot be read.
    """
    return profile_of(directory).limits


def wait_until_in_force(
    directory: DataDirectory, digest: str, *, seconds: float
) -> tuple[list[dict[str, Any]], bool]:
    """Wait until every running participant acts by the profile; return what each says, and whether all do."""
    deadline = time.monotonic() + seconds
    while True:
        participants = present(directory.path / PRESENCE)
        done = all(each.get("digest") == digest for each in participants)
        if done or time.monotonic() >= deadline:
            return participants, done
        time.sleep(_INTERVAL)


def _server_settings(directory: DataDirectory) -> ServerSettings:
    settings = read_settings(directory.file("server/server.toml"), ServerSettings, environment={}).value
    return msgspec.structs.replace(settings, applied_profile=str(directory.applied_profile))


def _in_force(settings: ServerSettings, *, base: Path) -> ProfileInForce:
    """Return what the server acts by: what its settings say where an applied profile was made unusable."""
    try:
        return profile_in_force(settings, base=base)
    except ProfileError:
        return profile_in_force(msgspec.structs.replace(settings, applied_profile=None), base=base)


def _check_sound(profile: Profile, *, now: float) -> None:
    """Hold that a profile is no weaker than the one that it says it extends, and does not contradict itself.

    Raises:
        ProfileError: it is or does; what else `trustweft profile lint` finds stops nobody.
    """
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    found = [each.text for each in judge(profile, today=today) if each.kind in {"weaker", "contradiction"}]
    if found:
        raise ProfileError(f"the profile {profile.name} is not sound: {'; '.join(found)}")


async def _check_clients(directory: DataDirectory, *, before: Profile, after: Profile) -> None:
    """Hold that no registered client is locked out: it has to be registered for another way first.

    Raises:
        ProfileError: some would be; each is named with what it needs.
    """
    locked_out = []
    async with open_store(directory.path) as store:
        for client_id, stored in await store.list_clients():
            try:
                client = read_client_metadata(msgspec.json.decode(stored))
            except Reject:
                continue  # registered under other rules: it is of no use already
            beyond = ways_beyond(after.limits, client)
            if beyond and not ways_beyond(before.limits, client):
                locked_out.append(f"{client_id} ({', '.join(beyond)})")
    if locked_out:
        raise ProfileError(
            f"the profile {after.name} would lock out {'; '.join(locked_out)}: "
            "register each for what the profile allows, or remove it, before"
        )


@contextmanager
def _copied(directory: DataDirectory, name_or_path: str) -> Iterator[Path]:
    """Copy the profile's file into the data directory for a while: it is read once, and judged where it will stay."""
    candidate = directory.path / _CANDIDATE
    write_private_file(candidate, profile_octets(name_or_path))
    try:
        yield candidate
    finally:
        candidate.unlink(missing_ok=True)


@contextmanager
def _history(directory: DataDirectory) -> Iterator[int]:
    """Open the history for appending; whoever has it open is alone in applying profiles."""
    path = directory.path / HISTORY
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _append(history: int, applied: Application) -> None:
    os.write(history, msgspec.json.encode(applied) + b"\n")
    os.fsync(history)


def _account() -> str:
    """Return the name and number of the account: names can be given to other numbers."""
    number = os.getuid()
    try:
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return str(number)
