"""The profile that a participant acts by now: that of its settings, or the one that was applied over it.

The applied one is a file that `trustweft profile apply` replaces in one step. One that cannot be used never takes the
place of a good one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from trustweft.profile.errors import ProfileError
from trustweft.profile.implemented import check_implemented
from trustweft.profile.live import Change, changes_between, check_consistent, check_live, check_same_bounds
from trustweft.profile.loading import load_profile, profile_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from trustweft.profile.schema import Profile

__all__ = ["ProfileInForce", "Replaced", "digest_of_profile", "load_applicable"]


class Replaced(Struct, frozen=True, kw_only=True):
    """One profile took the place of another."""

    name: str
    before: str  # digests
    after: str
    changes: tuple[Change, ...]


def digest_of_profile(name_or_path: str | Path) -> str:
    """Return the SHA-256 of a profile's file, in hexadecimal digits, as ``sha256sum`` prints it.

    Raises:
        ProfileError: there is no such profile, or it cannot be read.
    """
    return hashlib.sha256(profile_octets(name_or_path)).hexdigest()


def load_applicable(
    name_or_path: str | Path, *, base: Profile, without: Collection[str] = ()
) -> tuple[Profile, str]:
    """Load a profile that may be applied where ``base`` stands in the settings; return it and its digest.

    Raises:
        ProfileError: it cannot be used, asks for what this version cannot do, or drops a specification.
    """
    digest = digest_of_profile(name_or_path)
    profile = load_profile(name_or_path)
    check_implemented(profile, without=without)
    check_consistent(profile)
    check_same_bounds(base, profile)
    if digest_of_profile(name_or_path) != digest:  # replaced while it was read
        return load_applicable(name_or_path, base=base, without=without)
    return profile, digest


class ProfileInForce:
    """Holds the profile in force; ``current`` and ``digest`` are replaced together, between two requests.

    Attributes:
        base: the profile of the settings, whose specifications hold whatever is applied.
        current: the profile to act by.
        digest: of its file.
        problem: why the file that is there now is not what is in force.

    Args:
        base: the profile of the settings, by name or path.
        applied: where an applied one is found; it need not be there.
        without: mechanisms that the operator does without although a profile asks for them.
        fits: raises ``ProfileError`` for a profile that the participant cannot act by as it is set up.

    Raises:
        ProfileError: one of the two cannot be used.
    """

    def __init__(
        self,
        base: str | Path,
        applied: Path | None = None,
        *,
        without: Collection[str] = (),
        fits: Callable[[Profile], None] = lambda _profile: None,
    ) -> None:
        self.base = load_profile(base)
        check_implemented(self.base, without=without)
        self._without = without
        self._applied = applied
        self._fits = fits
        self.current, self.digest = self.base, digest_of_profile(base)
        self.problem: str | None = None
        self._seen = self._look()
        if applied is not None and self._seen is not None:
            self.current, self.digest = load_applicable(applied, base=self.base, without=without)
        fits(self.current)

    def read_again(self) -> Replaced | None:
        """Act by the applied profile if that has changed, and tell what changed.

        Raises:
            ProfileError: it cannot be used, or is gone: what was in force stays; raised again only after a change.
        """
        seen = self._look()
        if self._applied is None or seen == self._seen:
            return None
        self._seen = seen
        try:
            # Where it is gone, loading says so; what it said holds until the next start.
            replaced = self._replace(*load_applicable(self._applied, base=self.base, without=self._without))
        except ProfileError as cause:
            self.problem = str(cause)
            raise
        self.problem = None
        return replaced

    def _replace(self, profile: Profile, digest: str) -> Replaced | None:
        if digest == self.digest:
            return None
        check_live(self.current, profile)
        self._fits(profile)
        replaced = Replaced(
            name=profile.name,
            before=self.digest,
            after=digest,
            changes=changes_between(self.current, profile),
        )
        self.current, self.digest = profile, digest
        return replaced

    def _look(self) -> tuple[int, ...] | None:
        """Return what is another after each replacement; None where there is no file."""
        if self._applied is None:
            return None
        try:
            status = self._applied.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return ()  # loading says what is wrong, once
        return status.st_mtime_ns, status.st_ino, status.st_size
