"""The directory's register of an ecosystem, and the profile that the directory goes by."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.cli.applied_profile import profile_of
from trustweft.directory.keeper import Keeper
from trustweft.directory.terms import terms_of
from trustweft.store.register import SqliteRegisterStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.directory.terms import Terms
    from trustweft.profile import Profile
    from trustweft.runtime.clock import Clock

__all__ = ["REGISTER", "directory_profile", "directory_terms", "open_keeper"]

REGISTER: Final = "directory/register.sqlite"


def directory_profile(data: DataDirectory) -> Profile:
    """Return the profile that the directory of an ecosystem goes by.

    Raises:
        ProfileError: it cannot be used.
        SettingsError: the settings cannot be read.
    """
    return profile_of(data)


def directory_terms(data: DataDirectory, profile: Profile) -> Terms:
    """Return what the profile asks of the directory, less the certifications that its operator does without.

    Raises:
        ProfileError: the profile asks for what no lifecycle has.
    """
    terms = terms_of(profile)
    return msgspec.structs.replace(terms, certified=terms.certified - set(_without_certification(data)))


@asynccontextmanager
async def open_keeper(data: DataDirectory, *, clock: Clock) -> AsyncIterator[Keeper]:
    """Open the register, which others may use at the same time.

    Raises:
        StoreFileError: it cannot be used.
    """
    profile = directory_profile(data)
    terms = directory_terms(data, profile)
    async with SqliteRegisterStore.open(data.file(REGISTER)) as store:
        yield Keeper(store, clock=clock, terms=lambda: terms)


def _without_certification(data: DataDirectory) -> tuple[str, ...]:
    return ("brand", "software")
