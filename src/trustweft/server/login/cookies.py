"""The cookies that bind an interaction to one browser (RFC 6265bis).

Each interaction has a cookie of its own: its name carries the public handle, its value the secret. Cookies ignore
ports, so the name says whose it is: on one machine the participants share a host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from trustweft.runtime.encoding import digest_of

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest

__all__ = ["MAXIMUM_COOKIES", "InteractionCookie", "clear_cookie", "read_cookies", "set_cookie"]

# The browser refuses a __Host- cookie that another host, or a page without TLS, tries to plant.
PREFIX: Final = "__Host-trustweft-server-"
MAXIMUM_COOKIES: Final = 8  # our choice: nobody logs in to more applications at once; each costs a look-up
_COOKIE: Final = re.compile(
    rf"{re.escape(PREFIX)}(?P<handle>[A-Za-z0-9_-]{{22}})=(?P<secret>[A-Za-z0-9_-]{{43}})"
)
# SameSite=Strict would keep the cookie from the very page it is for: the browser comes from the application, another
# site, and follows our redirect to the login page as part of that navigation. Lax sends it there, and to no foreign
# POST.
_ATTRIBUTES: Final = "; Path=/; Secure; HttpOnly; SameSite=Lax"


class InteractionCookie(NamedTuple):
    """Which interaction a browser says it has, and the secret that shows it."""

    handle: str
    secret: str

    @property
    def digest(self) -> bytes:
        """What the store finds the interaction by; the handle is part of it, so that no other one's secret fits."""
        return digest_of(f"{self.handle}.{self.secret}")


def read_cookies(request: HttpRequest) -> tuple[InteractionCookie, ...]:
    """Return the interactions that this browser has secrets for, oldest first as browsers send them.

    A handle that comes twice is dropped: somebody planted one of the two.
    """
    pieces = "; ".join(request.header_values("cookie")).split(";")
    matches = [match for piece in pieces if (match := _COOKIE.fullmatch(piece.strip(" \t")))]
    handles = [match["handle"] for match in matches]
    return tuple(
        InteractionCookie(match["handle"], match["secret"])
        for match in matches
        if handles.count(match["handle"]) == 1
    )


def set_cookie(cookie: InteractionCookie, *, lifetime: float) -> str:
    """Return the value of ``Set-Cookie`` that gives the browser this secret."""
    return f"{PREFIX}{cookie.handle}={cookie.secret}{_ATTRIBUTES}; Max-Age={max(0, int(lifetime))}"


def clear_cookie(handle: str) -> str:
    """Return the value of ``Set-Cookie`` that takes the secret away."""
    return f"{PREFIX}{handle}={_ATTRIBUTES}; Max-Age=0"
