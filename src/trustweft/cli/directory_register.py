"""The directory's register of an ecosystem, and the profile that the directory goes by."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.cli.applied_profile import profile_of
from trustweft.cli.assembly.profiles import profile_in_force
from trustweft.cli.trust_anchor_settings import TrustAnchor
from trustweft.directory.keeper import Keeper
from trustweft.directory.terms import terms_of
from trustweft.runtime.settings import read_settings
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.directory.terms import Terms
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock

__all__ = [
    "REGISTER",
    "SETTINGS",
    "directory_profile",
    "directory_settings",
    "directory_terms",
    "open_keeper",
]

REGISTER: Final = "directory/register.sqlite"
SETTINGS: Final = "directory/directory.toml"


def directory_settings(data: DataDirectory) -> TrustAnchor | None:
    """Return the settings of the directory of an ecosystem; None before its first start with one.

    Raises:
        SettingsError: they cannot be read.
    """
    file = data.path / SETTINGS
    if not file.exists():
        return None
    settings = read_settings(file, TrustAnchor, environment={}).value
    return msgspec.structs.replace(settings, applied_profile=str(data.applied_profile))


def directory_profile(data: DataDirectory) -> Profile:
    """Return the profile that the directory of an ecosystem goes by.

    Raises:
        ProfileError: it cannot be used.
        SettingsError: the settings cannot be read.
    """
    settings = directory_settings(data)
    if settings is None:
        return profile_of(data)
    return profile_in_force(settings, base=data.path / "directory").current


def directory_terms(data: DataDirectory, profile: Profile) -> Terms:
    """Return what the profile asks of the directory, less the certifications that its operator does without.

    Raises:
        ProfileError: the profile asks for what no lifecycle has.
        SettingsError: the settings cannot be read.
    """
    settings = directory_settings(data)
    without = () if settings is None else settings.directory.without_certification
    return terms_of(profile, without_certification=without)


@asynccontextmanager
async def open_keeper(data: DataDirectory, *, clock: Clock) -> AsyncIterator[Keeper]:
    """Open the register, which others may use at the same time.

    Raises:
        StoreFileError: it cannot be used.
        ProfileError: the profile in force cannot be used; ``SettingsError`` likewise.
    """
    terms = directory_terms(data, directory_profile(data))
    async with SqliteRegisterStore.open(data.file(REGISTER)) as store:
        yield Keeper(store, clock=clock, terms=lambda: terms)
