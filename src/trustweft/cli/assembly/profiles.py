"""The profile that a participant acts by: read at the start, and followed while it runs."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.cli.assembly.parts import resolve
from trustweft.cli.settings import ServerSettings
from trustweft.profile import ProfileError, is_profile_file
from trustweft.profile.implemented import unbuilt_mechanisms
from trustweft.profile.in_force import ProfileInForce
from trustweft.profile.live import in_one_line
from trustweft.runtime.files import KeyFileError
from trustweft.runtime.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trustweft.profile import Profile
    from trustweft.runtime.observability import Observer

__all__ = [
    "INTERVAL",
    "PRESENCE",
    "ProfileWatch",
    "check_fits",
    "profile_in_force",
    "tell_missing",
    "watch_profile",
]

INTERVAL: Final = (
    0.25  # our choice: a profile is in force everywhere within a second, and a look takes microseconds
)
PRESENCE: Final = (
    "profile-in-force"  # the folder beside the applied profile where participants tell what they have
)
# In a log: enough to tell two profiles apart, and short enough not to be taken for a token and hidden.
_LOGGED_DIGITS: Final = 32


class _Settings(Protocol):
    """Those of every participant."""

    @property
    def profile(self) -> str: ...

    @property
    def applied_profile(self) -> str | None: ...

    @property
    def without_mechanisms(self) -> tuple[str, ...]: ...


def profile_in_force(settings: _Settings, *, base: Path) -> ProfileInForce:
    """Return what holds the profile of a participant: that of its settings, or the applied one where there is one.

    Raises:
        ProfileError: there is none, it is too weak, or it asks for what this version cannot do.
    """
    name, applied = settings.profile, settings.applied_profile
    return ProfileInForce(
        resolve(base, name) if is_profile_file(name) else name,
        None if applied is None else resolve(base, applied),
        without=settings.without_mechanisms,
        fits=lambda profile: check_fits(profile, settings),
    )


def tell_missing(profile: Profile, *, participant: str, observer: Observer) -> None:
    """Have it logged which mechanisms of its profile a participant runs without; nothing where it has them all.

    That it may is a setting, and whoever reads only the log would take the profile's name for all that it asks for.
    """
    missing = unbuilt_mechanisms(profile)
    if missing:
        observer.happened(participant, "runs without", profile=profile.name, mechanisms=", ".join(missing))


def check_fits(profile: Profile, settings: _Settings) -> None:
    """Hold that a participant can act by a profile with the settings that it has.

    Raises:
        ProfileError: its own keys are for algorithms that the profile does not allow.
    """
    if isinstance(settings, ServerSettings):
        beyond = [each for each in settings.keys.algorithms if each not in profile.limits.signing_algorithms]
        if beyond:
            raise ProfileError(
                f"the profile {profile.name} does not allow {', '.join(beyond)}, which the server signs with: "
                "take it out of keys.algorithms, and start the server again, before"
            )


class ProfileWatch:
    """A task in the background that looks for another profile, has it adopted, and tells everybody.

    Args:
        profiles: what is kept up to date.
        adopt: makes the participant act by it: between two requests, as nothing is awaited.
        folder: where to tell what is in force.
        participant: who adopts it.
        observer: hears of each profile that took the place of another, and of files that cannot be used.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        profiles: ProfileInForce,
        *,
        adopt: Callable[[Profile], None],
        folder: Path,
        participant: str,
        observer: Observer,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._profiles = profiles
        self._adopt = adopt
        self._folder = folder
        self._participant = participant
        self._observer = observer
        self._pause = pause
        self._told: tuple[str, str | None] = ("", None)

    async def run(self) -> None:
        """Watch until cancelled."""
        with ExitStack() as there:
            presence = self._come_in(there)
            while True:
                self.look()
                if presence is not None:
                    self._tell(presence)
                await self._pause(INTERVAL)

    def _come_in(self, there: ExitStack) -> Presence | None:
        """Be heard by the command; where nobody can be, the profile is followed all the same."""
        try:
            return there.enter_context(Presence(self._folder, participant=self._participant))
        except (KeyFileError, OSError) as cause:
            self._observer.failed(self._participant, "profile", cause)
            return None

    def look(self) -> None:
        """Come up to date. A file that cannot be used is told once, and changes nothing."""
        try:
            replaced = self._profiles.read_again()
        except ProfileError as cause:
            self._observer.failed(self._participant, "profile", cause)
            return
        if replaced is None:
            return
        self._adopt(self._profiles.current)
        self._observer.happened(
            self._participant,
            "profile changed",
            profile=replaced.name,
            before=replaced.before[:_LOGGED_DIGITS],
            after=replaced.after[:_LOGGED_DIGITS],
            at_once=in_one_line([each for each in replaced.changes if each.at_once]),
            at_next_start=in_one_line([each for each in replaced.changes if not each.at_once]),
        )
        tell_missing(self._profiles.current, participant=self._participant, observer=self._observer)

    def _tell(self, presence: Presence) -> None:
        """Tell what is in force, where that is something else than before."""
        facts = self._profiles.digest, self._profiles.problem
        if facts != self._told:
            self._told = facts
            try:
                presence.say(participant=self._participant, digest=facts[0], problem=facts[1])
            except OSError as cause:
                self._observer.failed(self._participant, "profile", cause)


def watch_profile(
    profiles: ProfileInForce,
    *,
    adopt: Callable[[Profile], None],
    applied: str | None,
    base: Path,
    participant: str,
    observer: Observer,
) -> list[Callable[[], Awaitable[None]]]:
    """Return the task that follows the applied profile; none where the settings name no place for one."""
    if applied is None:
        return []
    folder = resolve(base, applied).parent / PRESENCE
    watch = ProfileWatch(profiles, adopt=adopt, folder=folder, participant=participant, observer=observer)
    return [watch.run]
