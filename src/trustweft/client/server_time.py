"""What time it is at each server, learnt from the ``Date`` of its answers (FAPI 2.0 SP section 5.3.3.1, RFC 9110).

A client on a machine whose clock is wrong would be refused: its assertions and proofs look old, or come from the
future. Every answer comes over TLS from the server itself and says what time it is there; the difference is kept for
each origin, and dates what is made for that origin only: assertions and proofs, and the look at its ID tokens, whose
times are the issuer's. What a server says of its clock can therefore harm nobody but that server: an assertion names it
as its only audience, a proof names its address.

Everything that merely lasts (the life of an access token, of what is kept of metadata, of a pending authorization)
is measured from one moment of our own clock to another, and needs no correction.
"""

from __future__ import annotations

from collections import OrderedDict
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from trustweft.client.wire import header_values, origin_of
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock

__all__ = ["ServerTime"]

# Our choice: servers take what is ten seconds off (FAPI 2.0 SP section 5.3.2.1), and a Date is a second and a way old.
UNNOTICED: Final = 5.0
# Our choice: a clock that shows the local time of the farthest zone is that wrong. More is no mistake of a clock, and
# certificates could not be relied on either; nothing is dated further ahead than that, whatever a server says.
MAXIMUM_OFFSET: Final = 14 * 3_600.0
MAXIMUM_ORIGINS: Final = 100
_DATE_LENGTH: Final = (
    29  # of "Sun, 06 Nov 1994 08:49:37 GMT", the one form that is generated (RFC 9110 section 5.6.7)
)


class ServerTime:
    """The time of each origin: that of our clock, and by how much the origin's differs from it."""

    __slots__ = ("_clock", "_offsets")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: OrderedDict[str, float] = OrderedDict()

    @enforces("FAPI2-SP-5.3.3.1-p2")
    def now(self, url: str) -> float:
        """Return what time it is where this URL leads."""
        return self._clock.now() + self._offsets.get(origin_of(url), 0.0)

    def learn(self, url: str, response: HttpResponse) -> bool:
        """Compare an answer's ``Date`` with our clock; tell whether that changed what we take for the time there."""
        date = _date_of(response)
        if date is None:
            return False
        offset = date - self._clock.now()
        if abs(offset) > MAXIMUM_OFFSET:
            return False
        origin = origin_of(url)
        before = self._offsets.get(origin, 0.0)
        if abs(offset - before) <= UNNOTICED:
            return False
        self._offsets[origin] = 0.0 if abs(offset) <= UNNOTICED else offset
        self._offsets.move_to_end(origin)
        if len(self._offsets) > MAXIMUM_ORIGINS:
            self._offsets.popitem(last=False)
        return True


def _date_of(response: HttpResponse) -> float | None:
    """Return when the answer was made; None for what a cache kept (``Age``), and what cannot be read."""
    values = header_values(response, "date")
    if len(values) != 1 or header_values(response, "age"):
        return None
    if len(values[0]) != _DATE_LENGTH or not values[0].endswith(" GMT"):
        return None
    try:
        return parsedate_to_datetime(values[0]).timestamp()
    except (ValueError, OverflowError):
        return None
