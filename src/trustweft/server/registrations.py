"""What an operator decides about clients that register themselves (RFC 7591): from whom, how many, for how long."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.server.directory_keys import DirectoryKeys

__all__ = ["RegistrationRules", "Registrations", "RememberedUses"]

SECONDS_A_DAY: Final = 86_400.0
MAXIMUM_REMEMBERED: Final = 16_384  # our choice: about two megabytes


class RegistrationRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many, and for how long.

    Attributes:
        roles: by role of the directory, the values of the scope that it permits; where none are named, the scope in
            the statement is all that counts.
        maximum_per_organisation: registrations that one organisation may have at a time. Our choice: more software
            than any organisation of the national ecosystems runs, and a bound on what a stolen directory account makes.
        attempts_per_address: requests to register, or to recover a registration, from one network in a window. Our
            choice: each costs signatures and perhaps a fetch, and an honest software sends a handful in its life.
        attempts_window: of so many seconds.
        unused_days: a registration that was not used for so long after it was made is removed. Our choice: time to
            test, and nobody misses what was never used.
        dormant_days: one that was not used for so long since is removed, with the permissions that people gave; never
            unless it is named. Our choice: that people's permissions end is the directory's or their own decision.
    """

    roles: dict[str, tuple[str, ...]] | None = None
    maximum_per_organisation: Annotated[int, msgspec.Meta(ge=1)] = 100
    attempts_per_address: Annotated[int, msgspec.Meta(ge=1)] = 60
    attempts_window: Annotated[int, msgspec.Meta(ge=1)] = 3_600
    unused_days: Annotated[int, msgspec.Meta(ge=1)] = 30
    dormant_days: Annotated[int, msgspec.Meta(ge=7)] | None = None

    def first_end(self, now: float) -> float:
        """Return until when a registration that is made now must be used."""
        return now + self.unused_days * SECONDS_A_DAY

    def next_end(self, now: float) -> float:
        """Return until when a registration that is used now holds."""
        return math.inf if self.dormant_days is None else now + self.dormant_days * SECONDS_A_DAY


class RememberedUses:
    """Which clients were there lately, as this process knows: so that not every request of theirs is written down."""

    def __init__(self, maximum: int = MAXIMUM_REMEMBERED) -> None:
        self._maximum = maximum
        self._noted: OrderedDict[str, float] = OrderedDict()

    def is_noted(self, client_id: str, *, now: float) -> bool:
        """Say whether a use by this client was written down within a day."""
        noted_at = self._noted.get(client_id)
        return noted_at is not None and 0 <= now - noted_at < SECONDS_A_DAY

    def note(self, client_id: str, *, now: float) -> None:
        """Remember that a use was written down."""
        self._noted[client_id] = now
        self._noted.move_to_end(client_id)
        if len(self._noted) > self._maximum:
            self._noted.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Registrations:
    """Registration as one server offers it.

    Attributes:
        directories: by issuer, the keys of those whose statements count.
    """

    directories: Mapping[str, DirectoryKeys]
    rules: RegistrationRules = field(default_factory=RegistrationRules)
    uses: RememberedUses = field(default_factory=RememberedUses)
