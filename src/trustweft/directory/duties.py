"""What each effect asks of whoever holds the data: the status matrix, as a table by effect."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.directory.lifecycle import Effect

__all__ = ["DUTIES", "Duty"]


class Duty(Struct, frozen=True, kw_only=True):
    """What a participant does about a subject.

    Attributes:
        disclose: gives data out.
        authorise: takes new authorisations, and refreshes.
        withdraw: lets customers take back what they permitted.
        invalidate_consents: ends every grant.
        clean_up_registration: removes the registration, and whatever else is left.
    """

    disclose: bool
    authorise: bool
    withdraw: bool
    invalidate_consents: bool
    clean_up_registration: bool


# After the participant statuses of the Consumer Data Right: what is suspended keeps every consent, and customers can
# still withdraw it; what has ended has none left to withdraw.
DUTIES: Final[Mapping[Effect, Duty]] = MappingProxyType(
    {
        "active": Duty(
            disclose=True,
            authorise=True,
            withdraw=True,
            invalidate_consents=False,
            clean_up_registration=False,
        ),
        "suspended": Duty(
            disclose=False,
            authorise=False,
            withdraw=True,
            invalidate_consents=False,
            clean_up_registration=False,
        ),
        "ended": Duty(
            disclose=False,
            authorise=False,
            withdraw=False,
            invalidate_consents=True,
            clean_up_registration=True,
        ),
    }
)
