"""The console's two cookies: one for the question that a passkey answers, one for the session that follows.

Cookies ignore ports, so the names say whose they are: on one machine the participants share a host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest

__all__ = ["CEREMONY", "SESSION", "clear_cookie", "read_cookie", "set_cookie"]

# The browser refuses a __Host- cookie that another host, or a page without TLS, tries to plant.
SESSION: Final = "__Host-trustweft-console"
CEREMONY: Final = "__Host-trustweft-console-ceremony"
# Strict: whoever comes here from another site is not signed in on that first page, and sees the way in.
_ATTRIBUTES: Final = "; Path=/; Secure; HttpOnly; SameSite=Strict"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def read_cookie(request: HttpRequest, name: str) -> str | None:
    """Return the secret in a cookie; None where there is none, or two: somebody planted one of them."""
    pieces = "; ".join(request.header_values("cookie")).split(";")
    found = [
        value for piece in pieces for key, _, value in (piece.strip(" \t").partition("="),) if key == name
    ]
    return found[0] if len(found) == 1 and _SECRET.fullmatch(found[0]) else None


def set_cookie(name: str, secret: str, *, lifetime: float) -> str:
    """Return the value of ``Set-Cookie`` that gives the browser a secret."""
    return f"{name}={secret}{_ATTRIBUTES}; Max-Age={max(0, int(lifetime))}"


def clear_cookie(name: str) -> str:
    """Return the value of ``Set-Cookie`` that takes it away."""
    return f"{name}={_ATTRIBUTES}; Max-Age=0"
