"""What sets the client under test going: a browser at its start page, a program, or a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.audit.exchange import Exchange

__all__ = ["Driver", "Ride"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """How one flow went, as seen from the user's side.

    Attributes:
        exchanges: of the browser, in order.
        features: how it ended, by name: what differs between a flow that succeeds and one that is denied tells the
            two apart in any other flow. Empty where nothing can be seen.
        said: what the client said of it.
    """

    exchanges: tuple[Exchange, ...] = ()
    features: Mapping[str, object] = field(default_factory=dict)
    said: str = ""


class Driver(Protocol):
    """Sets the client under test going."""

    def ride(self, issuer: str) -> Ride:
        """Go through one flow with the authorization server ``issuer``, as far as the client goes.

        Raises:
            Inconclusive: the client could not be set going.
        """
        ...
